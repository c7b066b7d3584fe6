# Says what the image is, one `wheelwright-facts SECTION VALUE` a line. Needs nothing but a POSIX shell and uname.
say() { printf 'wheelwright-facts %s %s\n' "$1" "$2"; }
here=${0%/*}

say os "$(uname -s)"
say machine "$(uname -m)"

if glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) && [ -n "$glibc" ]; then
  say libc "$glibc"
else
  for loader in /lib/ld-musl-*.so.1; do
    [ -e "$loader" ] && say libc "musl $("$loader" 2>&1 | sed -n 's/^Version //p')"
  done
  glibc=$(ldd --version 2>/dev/null | sed -n '1s/.* \([0-9][0-9.]*\)$/\1/p')
  [ -n "$glibc" ] && say libc "glibc $glibc"
fi

python_facts() {
  for python in python3 python; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
      "$python" -I "$here/facts.py"
      break
    fi
  done
  uv=$(uv --version 2>/dev/null) && say uv "$uv"
}

node_facts() {
  node=$(command -v node) || return
  registry | { "$node" "$here/facts.cjs"; npm=$(npm_version) && say npm "$npm"; cat; }
}

# As npm itself says it, which takes a fifth of a second to start; it is asked where its package lies elsewhere.
npm_version() {
  program=$(readlink -f "$(command -v npm)" 2>/dev/null)
  package=${program%/bin/npm-cli.js}/package.json
  [ "$package" != "$program/package.json" ] && [ -r "$package" ] && sed -n 's/^  "version": "\([^"]*\)",\{0,1\}$/\1/p' "$package" | grep . || npm --version 2>/dev/null
}

registry() { registry=$(cd / && npm config get registry 2>/dev/null) && say registry "$registry"; }

# Programs that take long to start run side by side; what each says stays in one piece.
node_facts | { python_facts; cat; }
exit 0
