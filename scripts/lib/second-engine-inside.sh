#!/bin/sh
# Runs inside a mount namespace of its own: makes ROOT the root and becomes dockerd. Arguments: ROOT STATE BRIDGE.
# pivot_root and not chroot, since `docker load` remounts the root.
set -eu
root=$1 state=$2 bridge=$3
mount --bind "$root" "$root"
mount --bind "$state" "$root/state"
# The one folder that both sides have under the same path, as a local engine has all.
mkdir -p -m 1777 "$state/shared" "$root$state/shared"
mount --bind "$state/shared" "$root$state/shared"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp /etc/hosts "$root/etc/hosts"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
cd "$root"
pivot_root . old
umount -l /old
exec dockerd --config-file /state/daemon.json --data-root /state/data --exec-root /state/exec --pidfile /state/docker.pid \
  --host unix:///state/docker.sock --bridge "$bridge" --iptables=false --ip-masq=false --ip6tables=false
