/*
 * tun.c - a TUN device with several queues
 *
 * One descriptor per queue; a packet that the kernel routes to the device waits in one of them until somebody reads
 * it, so as long as the supervisor holds its descriptors, nothing is lost while a worker is replaced. IFF_TUN_EXCL on
 * the first queue makes sure that the device is new: without it the call would quietly attach to a device that another
 * process made. The others attach to the one just made.
 *
 * With a virtio_net_hdr before each packet the kernel need not divide what it has received or made as one, nor sum it up, and
 * takes it back in the same way.
 *
 * A device that is to outlive its holders is made root's at the same time: without an owner any local user could attach a
 * queue to it and read packets.
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

#define TUN_FLAGS (IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE)
#define TUN_USO 0x60			/* UDP over IPv4 and IPv6: the headers of Debian 12 have no names for it yet */

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

static short
tun_flags(enum tun_header header)
{
	return header == TUN_VIRTIO ? (short)(TUN_FLAGS | IFF_VNET_HDR) : (short)TUN_FLAGS;
}

/* n queues, the first of them with one more flag. Returns 0, or -errno and all n of them are closed. */
static int
tun_queues(struct ifreq *request, enum tun_header header, unsigned n, int *queue, short first)
{
	for (unsigned i = 0; i < n; i++) {
		request->ifr_flags = (short)(tun_flags(header) | (i == 0 ? first : 0));
		queue[i] = tun_queue(request);
		if (queue[i] < 0) {
			int rc = queue[i];

			tun_close(i, queue);
			return rc;
		}
	}
	return 0;
}

int
tun_steer(int queue, int program)
{
	return ioctl(queue, TUNSETSTEERINGEBPF, &program) == 0 ? 0 : -errno;
}

int
tun_widen(const char *name, enum tun_header header, unsigned from, unsigned n, int *queue)
{
	return tun_attach(name, header, n - from, queue + from);
}

int
tun_offload(int queue)
{
	unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (ioctl(queue, TUNSETOFFLOAD, tcp | TUN_USO) == 0)
		return 2;
	return ioctl(queue, TUNSETOFFLOAD, tcp) == 0 ? 1 : -errno;
}

int
tun_open(char name[TUN_NAME], const char *pattern, enum tun_header header, unsigned n, int *queue)
{
	struct ifreq request = { .ifr_flags = 0 };
	int rc;

	if (strlen(pattern) >= sizeof(request.ifr_name))
		return -ENAMETOOLONG;
	strcpy(request.ifr_name, pattern);
	rc = tun_queues(&request, header, n, queue, (short)IFF_TUN_EXCL);
	if (rc == 0) {
		memcpy(name, request.ifr_name, TUN_NAME);
		name[TUN_NAME - 1] = '\0';
	}
	return rc;
}

int
tun_persist(int queue, bool persist)
{
	if (persist && ioctl(queue, TUNSETOWNER, 0UL) != 0)
		return -errno;
	return ioctl(queue, TUNSETPERSIST, persist ? 1UL : 0UL) == 0 ? 0 : -errno;
}

int
tun_attach(const char *name, enum tun_header header, unsigned n, int *queue)
{
	struct ifreq request = { .ifr_flags = 0 };

	if (strlen(name) >= sizeof(request.ifr_name))
		return -ENAMETOOLONG;
	strcpy(request.ifr_name, name);
	return tun_queues(&request, header, n, queue, 0);
}

bool
tun_is(int queue, const char *name, enum tun_header header)
{
	struct ifreq got = { .ifr_flags = 0 };

	return ioctl(queue, TUNGETIFF, &got) == 0 && strncmp(got.ifr_name, name, sizeof(got.ifr_name)) == 0 &&
	       (got.ifr_flags & (TUN_FLAGS | IFF_VNET_HDR)) == tun_flags(header);
}

void
tun_close(unsigned n, int *queue)
{
	for (unsigned i = n; i-- > 0;) {
		close(queue[i]);
		queue[i] = -1;
	}
}
