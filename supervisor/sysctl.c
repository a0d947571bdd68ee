/*
 * sysctl.c - the kernel's network switches of this network namespace
 *
 * Global switches (forwarding above all) are the operator's: there is a function to read them and none to write them.
 * What belongs to a device that nat64d made may be written, and goes with the device.
 *
 * Must never: write a switch that is not a device's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "supervisor/sysctl.h"

int
sysctl_read(const char *name)
{
	char path[128], text[16] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? atoi(text) : -EIO;
}

int
sysctl_write_device(const char *family, const char *device, const char *name, int value)
{
	char path[128], text[16];
	int fd, length, rc = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, device, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	length = snprintf(text, sizeof(text), "%d\n", value);
	if (write(fd, text, (size_t)length) != length)
		rc = -errno;
	close(fd);
	return rc;
}
