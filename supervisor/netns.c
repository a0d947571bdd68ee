/*
 * netns.c - the network namespaces that the sides of tenants live in
 *
 * A name is a file below /run/netns on which `ip netns add` has mounted a namespace. The kernel is asked what it is
 * before anybody enters it, for a name may be left over from a namespace that was never mounted, or be a namespace of
 * another kind. The descriptor is kept, so a name that is deleted later takes nothing away from a tenant at work.
 *
 * setns() takes CAP_SYS_ADMIN, in the caller's namespace of users and in that of the target. nat64d has it anyway, for
 * the births of its children; here it is raised for the one call, beside whatever is in effect, and is gone before
 * anything is done in the other namespace. Sockets that are kept in every namespace would do without it only until the
 * first device is widened, the first tenant is added by a reload or the first switch is set: /dev/net/tun and
 * /proc/sys/net have to be opened there.
 *
 * Must never: return from netns_leave() in a namespace that is not nat64d's own; be used in a process with threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "supervisor/caps.h"
#include "supervisor/netns.h"

#define NETNS_SELF "/proc/self/ns/net"

static int netns_home = -1;		/* the way back, opened before the first way out */

static bool
netns_is(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == NSFS_MAGIC && ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET;
}

int
netns_open(int *netns, const char *name)
{
	char path[256];
	int fd;

	*netns = NETNS_OWN;
	if (!*name)
		return 0;
	if (snprintf(path, sizeof(path), NETNS_DIRECTORY "/%s", name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!netns_is(fd)) {
		close(fd);
		return -EINVAL;
	}
	*netns = fd;
	return 0;
}

void
netns_close(int *netns)
{
	if (*netns != NETNS_OWN)
		close(*netns);
	*netns = NETNS_OWN;
}

uint64_t
netns_number(int netns)
{
	struct stat st;

	if ((netns == NETNS_OWN ? stat(NETNS_SELF, &st) : fstat(netns, &st)) != 0)
		return 0;
	return st.st_ino;
}

static int
netns_set(int fd)
{
	unsigned open = caps_also(CAPS_ENTER);
	int rc = setns(fd, CLONE_NEWNET) == 0 ? 0 : -errno;

	caps_raise(open);
	return rc;
}

int
netns_enter(int netns)
{
	if (netns == NETNS_OWN)
		return 0;
	if (netns_home < 0)
		netns_home = open(NETNS_SELF, O_RDONLY | O_CLOEXEC);
	return netns_home < 0 ? -errno : netns_set(netns);
}

void
netns_leave(int netns)
{
	int saved = errno;

	if (netns != NETNS_OWN && netns_set(netns_home) != 0)
		abort();
	errno = saved;
}
