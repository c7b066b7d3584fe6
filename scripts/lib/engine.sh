# Gets a Docker Engine if none answers. Sourced after say.sh; `here` is this folder.
engine_answers() { node "$here/docker.mjs" ping 2>/dev/null; }

ensure_engine() {
  if engine_answers; then
    say "engine: answers, left as it is"
    return 0
  fi
  if [ -n "${DOCKER_HOST:-}" ]; then die "no engine answers at DOCKER_HOST=$DOCKER_HOST"; fi
  if ! command -v dockerd >/dev/null 2>&1; then apt_install docker.io iptables ca-certificates; fi
  say "engine: starting dockerd"
  if [ -d /run/systemd/system ]; then
    as_root systemctl start docker
  else
    # A session of its own, so that it outlives this script; its output goes to a file, never to our pipe.
    as_root sh -c 'setsid dockerd >/var/log/dockerd-wheelwright.log 2>&1 </dev/null &'
  fi
  local tries=0
  until engine_answers; do
    tries=$((tries + 1))
    if [ $tries -gt 120 ]; then
      as_root tail -n 20 /var/log/dockerd-wheelwright.log >&2 2>/dev/null || true
      die "the engine did not answer within 60 seconds (or this user may not use its socket)"
    fi
    sleep 0.5
  done
}
