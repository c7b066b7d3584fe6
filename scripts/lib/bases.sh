# Gets a base image: present, else pulled, else bootstrapped under the same name from Debian's packages.
has_image() { node "$here/docker.mjs" has "$1" 2>/dev/null; }

ensure_debian_base() { # SUITE, for instance trixie
  local suite=$1 image=debian:$1-slim work
  if has_image "$image"; then
    say "base image: $image is there"
    return 0
  fi
  say "base image: pulling $image"
  if timeout 300 node "$here/docker.mjs" pull "$image" 2>/dev/null; then return 0; fi
  say "base image: no registry reachable, bootstrapping $image from Debian's packages (about half a minute)"
  apt_install mmdebstrap
  work=$(mktemp -d)
  # Where this machine trusts a private certificate authority, so must what is built on it; hence the host's bundle.
  as_root mmdebstrap --quiet --variant=minbase --include=ca-certificates \
    --customize-hook='mkdir -p "$1/etc/ssl/certs" "$1/var/log/apt"' \
    --customize-hook='test ! -f /etc/ssl/certs/ca-certificates.crt || cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/"' \
    "$suite" "$work/base.tar" 2>"$work/log" || { cat "$work/log" >&2; die "could not bootstrap $image"; }
  node "$here/docker.mjs" import "$work/base.tar" "$image"
  as_root rm -rf "$work"
}
