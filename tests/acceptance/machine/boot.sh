#!/bin/bash
# Makes a machine of its own out of this one, and boots systemd in it: run in new namespaces (mount, net, pid, cgroup,
# ipc, uts) by machine.py. What is written below the folders named here is gone when it ends.
set -euo pipefail
ip link set lo up
mount --make-rprivate /
scratch=$1
packages=$2
python=$3
# First what is needed of this machine, which may lie below a folder that is covered then.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/scratch /run/packages /run/python
mount --bind "$scratch" /run/scratch
mount --bind "$packages" /run/packages
mount --bind "$python" /run/python
scratch=/run/scratch
for folder in /etc /var/lib/postgresql /var/lib/nginx; do
  mkdir -p "$scratch$folder"
  cp -a "$folder/." "$scratch$folder/"
  mount --bind "$scratch$folder" "$folder"
done
for folder in /opt /srv /var/log /root /home; do
  mount -t tmpfs -o mode=755 tmpfs "$folder"
done
mkdir -p /var/log/nginx /var/log/postgresql && chown postgres: /var/log/postgresql
mkdir -p "$scratch/downman" /var/lib/downman
mount --bind "$scratch/downman" /var/lib/downman
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# Where that interpreter has a library of its own, it is to find that one.
echo /run/python/lib > /etc/ld.so.conf.d/00-python.conf
ldconfig
# Nothing of this machine's own services; a newcomer starts what is needed.
rm -rf /etc/systemd/system/*.wants
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service \
  systemd-logind.service systemd-resolved.service systemd-timesyncd.service getty.target console-getty.service \
  systemd-tmpfiles-clean.timer systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-firstboot.service \
  systemd-remount-fs.service systemd-random-seed.service systemd-modules-load.service systemd-sysctl.service \
  systemd-update-utmp.service systemd-update-utmp-runlevel.service e2scrub_reap.service; do
  ln -sf /dev/null "/etc/systemd/system/$unit"
done
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
echo portal > /etc/hostname
export container=downman-machine
exec /lib/systemd/systemd --system --log-target=console --show-status=no
