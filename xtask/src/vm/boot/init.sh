#!/bin/busybox sh
# Finds the disk, and hands over to systemd.
/bin/busybox mkdir -p /proc /sys /dev /disk
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
for module in $(/bin/busybox cat /modules); do /bin/busybox insmod "/lib/$module" 2>/dev/null; done
while [ ! -e /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /disk || exec /bin/busybox sh
exec /bin/busybox switch_root /disk /sbin/init
