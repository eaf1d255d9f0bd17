#!/bin/bash
# Gives a command a root of its own: all files of this machine, and whatever becomes of them is gone when it ends. Run in
# new namespaces (mount, net, pid, cgroup, ipc, uts) by machine.py: own_root.sh SCRATCH PACKAGES PYTHON COMMAND...
set -euo pipefail
scratch=$1 packages=$2 python=$3
shift 3
mount --make-rprivate /
mkdir -p "$scratch/layers"
mount -t tmpfs -o mode=755 tmpfs "$scratch/layers"
cd "$scratch/layers"
root=$PWD/root
mkdir "$root"

# What is written goes to memory; what lies here is only read.
layers=0
over() {
  layers=$((layers + 1))
  mkdir -p "upper/$layers" "work/$layers"
  chmod --reference="$1" "upper/$layers"
  chown --reference="$1" "upper/$layers"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=upper/$layers,workdir=work/$layers" "$root${1%/}"
}
over /
# An overlay shows nothing that is mounted below it, as /usr or a file of /etc may be.
while read -r _ _ _ _ folder _; do
  case $folder/ in
    / | // | /proc/* | /sys/* | /dev/* | /run/* | /tmp/* | /root/* | /home/* | /opt/* | /srv/* | /var/log/* | "$scratch"/*) ;;
    *) if [ -f "$folder" ]; then
         cp -a "$folder" "$root$folder"
       elif [ -d "$folder" ]; then
         over "$folder" 2>/dev/null || mount --bind -o ro "$folder" "$root$folder"
       fi ;;
  esac
done < /proc/self/mountinfo

# Nothing of a person, nor of what was installed besides Debian's packages, is a newcomer's.
for folder in /root /home /opt /srv /var/log; do
  mount -t tmpfs -o mode=755 tmpfs "$root$folder"
done
rm -rf "$root/etc/downman" "$root/var/lib/downman" "$root/usr/local/bin/downman"
mkdir -p "$root/var/log/nginx" "$root/var/log/postgresql"
chown postgres: "$root/var/log/postgresql"

mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/old" "$root/run/scratch" "$root/run/packages" "$root/run/python"
mount --bind -o ro "$scratch" "$root/run/scratch"
mount --bind -o ro "$packages" "$root/run/packages"
mount --bind -o ro "$python" "$root/run/python"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do
  ln -s "/proc/self/fd/${number%%:*}" "$root/dev/${number##*:}"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"

cd "$root"
pivot_root . run/old
umount --lazy /run/old
rmdir /run/old
cd /
exec "$@"
