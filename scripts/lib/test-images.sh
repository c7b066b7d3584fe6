# A real registry and an independent client of it.
ensure_test_tools() {
  command -v docker-registry >/dev/null 2>&1 && command -v skopeo >/dev/null 2>&1 && return 0
  apt_install docker-registry skopeo
  # The package starts a registry of its own where there is systemd; the tests start theirs.
  if [ -d /run/systemd/system ]; then as_root systemctl disable --now docker-registry >/dev/null 2>&1 || true; fi
}

# Builder images that the tests use. The engine's own layer cache makes the second time quick.
ensure_test_images() {
  say "test images: wheelwright-test/builder, wheelwright-test/pontoon-builder"
  node "$here/docker.mjs" build "$root/images/builder" wheelwright-test/builder
  node "$here/docker.mjs" build "$root/test/images/pontoon-builder" wheelwright-test/pontoon-builder
}

# The newer engine with each of its image stores. Where one can't be started the tests that need it say so, and fail.
ensure_second_engines() {
  local store
  for store in graphdriver containerd; do
    "$root/scripts/second-engine" start "$store" || say "second engine $store: could not be started"
  done
}
