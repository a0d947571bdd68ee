/*
 * sysctl.h - the kernel's network switches of this network namespace
 */
#ifndef SUPERVISOR_SYSCTL_H
#define SUPERVISOR_SYSCTL_H

/* The value of /proc/sys/net/NAME, a number. Returns it, or -errno when it cannot be read; no such value is negative. */
int sysctl_read(const char *name);

/*
 * Write a number to a switch of one device: /proc/sys/net/FAMILY/conf/DEVICE/NAME, family "ipv4" or "ipv6".
 * Returns 0 or -errno.
 */
int sysctl_write_device(const char *family, const char *device, const char *name, int value);

#endif
