# Builder images that the tests use. The engine's own layer cache makes the second time quick.
ensure_test_images() {
  say "test images: wheelwright-test/builder, wheelwright-test/pontoon-builder"
  node "$here/docker.mjs" build "$root/images/builder" wheelwright-test/builder
  node "$here/docker.mjs" build "$root/test/images/pontoon-builder" wheelwright-test/pontoon-builder
}
