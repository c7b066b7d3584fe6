#!/bin/sh
# The command. Node parses every certificate of NODE_EXTRA_CA_CERTS before it runs anything, which takes longer than most runs
# of ours; the program does so itself, when it first connects by TLS, and its own children get the variable back (extra-ca.ts).
program=$0
if [ -L "$program" ]; then program=$(readlink -f -- "$program"); fi
case $program in */*) ;; *) program=./$program ;; esac
if [ -n "${NODE_EXTRA_CA_CERTS-}" ]; then
  ARTIFACTS_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS
  export ARTIFACTS_EXTRA_CA_CERTS
  unset NODE_EXTRA_CA_CERTS
fi
# glibc's heaps per thread keep what they have freed; many packages are unpacked at once.
MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
export MALLOC_ARENA_MAX
# A small nursery: what streams through is garbage at once, and many megabytes of it would wait to be collected.
exec node --max-semi-space-size=2 -- "${program%/*}/artifacts.js" "$@"
