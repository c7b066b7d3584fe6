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
# glibc's heaps per thread keep what they have freed, and each freed buffer teaches it to keep larger ones; many packages are
# unpacked at once. What is kept within these bounds need not come from the kernel page by page again: a cold run of 117
# Python packages had 220,000 to 640,000 page faults with a lower one, and 120,000 to 170,000 with these.
MALLOC_ARENA_MAX=${MALLOC_ARENA_MAX:-2}
MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-1048576}
MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-8388608}
export MALLOC_ARENA_MAX MALLOC_MMAP_THRESHOLD_ MALLOC_TRIM_THRESHOLD_
# No flags: with any of V8's, Node compiles its own modules anew at each start.
exec node -- "${program%/*}/artifacts.js" "$@"
