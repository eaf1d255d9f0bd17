# Boots systemd in a root that is a machine's own (own_root.sh).
set -euo pipefail
ip link set lo up
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
