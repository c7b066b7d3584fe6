# A second, newer Docker Engine for compatibility tests and benchmarks: Debian unstable's, in a root folder and a mount
# namespace of its own. It sees only its own root, as a remote engine does: bind mounts of the host's folders arrive empty,
# except for those in $SECOND_ROOT/NAME/shared.
# Sourced after say.sh. usage: second_engine_start NAME graphdriver|containerd ; socket at $SECOND_ROOT/NAME/docker.sock
SECOND_ROOT=${WHEELWRIGHT_SECOND_ROOT:-/var/lib/wheelwright-test}

second_engine_root() {
  [ -f "$SECOND_ROOT/root.complete" ] && return 0
  apt_install mmdebstrap
  say "second engine: unpacking Debian unstable's docker.io, docker-buildx, docker-registry (about half a minute)"
  as_root rm -rf "$SECOND_ROOT/root"
  as_root mkdir -p "$SECOND_ROOT"
  as_root mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=ca-certificates,docker.io,docker-cli,docker-buildx,iptables,crane,skopeo,docker-registry \
    --customize-hook='mkdir -p "$1/etc/ssl/certs"; test ! -f /etc/ssl/certs/ca-certificates.crt || cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"' \
    --customize-hook='mkdir -p "$1/old" "$1/state"' \
    sid "$SECOND_ROOT/root" 2>"$SECOND_ROOT/log" || { cat "$SECOND_ROOT/log" >&2; die "could not unpack the second engine"; }
  as_root touch "$SECOND_ROOT/root.complete"
}

second_engine_start() { # NAME STORE
  local name=$1 store=$2 state=$SECOND_ROOT/$1 bridge=ww-${1:0:10} number
  if DOCKER_HOST=unix://$state/docker.sock node "$here/docker.mjs" ping 2>/dev/null; then
    say "second engine $name: answers"
    return 0
  fi
  second_engine_root
  # A bridge and a network of its own: a daemon without --bridge would take over the first one's docker0.
  number=$((60 + $(printf %s "$name" | cksum | cut -c1-4) % 40))
  as_root sh -c "ip link show $bridge >/dev/null 2>&1 || { ip link add $bridge type bridge && ip addr add 172.30.$number.1/24 dev $bridge && ip link set $bridge up; }
    iptables -t nat -C POSTROUTING -s 172.30.$number.0/24 ! -o $bridge -j MASQUERADE 2>/dev/null || iptables -t nat -A POSTROUTING -s 172.30.$number.0/24 ! -o $bridge -j MASQUERADE
    iptables -C FORWARD -i $bridge -j ACCEPT 2>/dev/null || iptables -I FORWARD -i $bridge -j ACCEPT
    iptables -C FORWARD -o $bridge -j ACCEPT 2>/dev/null || iptables -I FORWARD -o $bridge -j ACCEPT
    echo 1 > /proc/sys/net/ipv4/ip_forward
    mkdir -p $state"
  local features='{"containerd-snapshotter": false}'
  [ "$store" = containerd ] && features='{"containerd-snapshotter": true}'
  as_root sh -c "printf '{\"features\": %s}' '$features' > $state/daemon.json"
  # A number that was left by a machine that went down may be another process's by now.
  local pid
  pid=$(cat "$state/docker.pid" 2>/dev/null || true)
  if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null || true)" != dockerd ]; then as_root rm -f "$state/docker.pid"; fi
  say "second engine $name: starting ($store image store)"
  as_root sh -c "setsid unshare --mount --propagation private '$here/second-engine-inside.sh' '$SECOND_ROOT/root' '$state' '$bridge' >'$state/log' 2>&1 </dev/null & echo \$! > '$state/starter.pid'"
  local tries=0
  until DOCKER_HOST=unix://$state/docker.sock node "$here/docker.mjs" ping 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -le 120 ] || { as_root tail -n 20 "$state/log" >&2; die "second engine $name did not answer"; }
    sleep 0.5
  done
}

# Gives it an image of the first engine, so that tests and benchmarks have a base there.
second_engine_image() { # NAME IMAGE
  local host=unix://$SECOND_ROOT/$1/docker.sock
  if DOCKER_HOST=$host node "$here/docker.mjs" has "$2" 2>/dev/null; then return 0; fi
  say "second engine $1: copying $2"
  node "$here/docker.mjs" save "$2" | DOCKER_HOST=$host node "$here/docker.mjs" load
}

second_engine_stop() { # NAME
  local pid=$SECOND_ROOT/$1/docker.pid
  if [ -f "$pid" ]; then as_root kill "$(cat "$pid")" 2>/dev/null || true; fi
}
