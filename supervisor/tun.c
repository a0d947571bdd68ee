/*
 * tun.c - a TUN device with several queues
 *
 * One descriptor per queue; a packet that the kernel routes to the device waits in one of them until somebody reads
 * it, so as long as the supervisor holds its descriptors, nothing is lost while a worker is replaced. IFF_TUN_EXCL on
 * the first queue makes sure that the device is new: without it the call would quietly attach to a device that another
 * process made. The others attach to the one just made.
 *
 * Must never: close or detach one queue of several but the last. The kernel renumbers the others and throws away what
 * waits there.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "supervisor/tun.h"

static int
tun_queue(struct ifreq *request)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, TUNSETIFF, request) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int
tun_widen(const char *name, unsigned from, unsigned n, int *queue)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE };

	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	for (unsigned i = from; i < n; i++) {
		queue[i] = tun_queue(&request);
		if (queue[i] < 0) {
			int rc = queue[i];

			tun_close(i - from, queue + from);
			return rc;
		}
	}
	return 0;
}

int
tun_open(char name[TUN_NAME], const char *pattern, unsigned n, int *queue)
{
	struct ifreq request = { .ifr_flags = 0 };
	short flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE;

	if (strlen(pattern) >= sizeof(request.ifr_name))
		return -ENAMETOOLONG;
	strcpy(request.ifr_name, pattern);
	for (unsigned i = 0; i < n; i++) {
		request.ifr_flags = i == 0 ? (short)(flags | (short)IFF_TUN_EXCL) : flags;
		queue[i] = tun_queue(&request);
		if (queue[i] < 0) {
			int rc = queue[i];

			tun_close(i, queue);
			return rc;
		}
	}
	memcpy(name, request.ifr_name, TUN_NAME);
	name[TUN_NAME - 1] = '\0';
	return 0;
}

int
tun_steer(int queue, int program)
{
	return ioctl(queue, TUNSETSTEERINGEBPF, &program) == 0 ? 0 : -errno;
}

void
tun_close(unsigned n, int *queue)
{
	for (unsigned i = n; i-- > 0;) {
		close(queue[i]);
		queue[i] = -1;
	}
}
