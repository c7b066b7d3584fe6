# Everything that a fresh Debian 12 with Node and git lacks: engine, base images, our dependencies, the compiled CLI.
# Sourced by scripts/demo, scripts/test and scripts/bench; says what it does; a second run takes seconds.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
. "$here/say.sh"
. "$here/engine.sh"
. "$here/bases.sh"

setup_cli() {
  cd "$root"
  local stamp=node_modules/.wheelwright-lock
  if ! cmp -s package-lock.json "$stamp" 2>/dev/null; then
    say "dependencies: npm ci"
    npm ci --silent --no-audit --no-fund
    cp package-lock.json "$stamp"
  else
    say "dependencies: present"
  fi
  say "compiling"
  node scripts/build.mjs
}

setup() {
  command -v node >/dev/null 2>&1 || die "Node 20 or newer is needed"
  command -v git >/dev/null 2>&1 || die "git is needed"
  ensure_engine
  ensure_debian_base trixie
  setup_cli
}
