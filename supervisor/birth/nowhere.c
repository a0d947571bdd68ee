/*
 * nowhere.c - a mount namespace with nothing in it
 *
 * A process that owns a mount namespace takes it along when it dies, and the kernel waits for all processors (an expedited
 * RCU grace period, milliseconds on a busy machine) before it tells the parent of the death: for a worker that is the
 * time its packets wait for a successor. So nat64d makes one such namespace, holds it by a descriptor, and its children
 * enter it. There is nothing in it that one could see of another or leave for him: one mount, a tmpfs without room, read-only,
 * which no child may change, having no capability when it meets its first packet.
 *
 * It is made by a child that lives as long as that takes. It shares the table of descriptors, so what it opens stays
 * open: /proc/self/ns/mnt, opened before /proc is gone. A process cannot do this for itself, because coming
 * back would take it to the root of its old namespace and not to where it was.
 *
 * Must never: change the mounts of a namespace that others live in; leave the child unreaped.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/birth/nowhere.h"

/* A directory that is there whenever nat64d runs: the empty root is mounted over it. */
#define NOWHERE_MOUNT_POINT "/proc"

int
nowhere_empty(void)
{
	unsigned long flags = MS_RDONLY | MS_NODEV | MS_NOEXEC | MS_NOSUID;

	if (mount("", "/", "", MS_PRIVATE | MS_REC, NULL) != 0 ||
	    mount("", NOWHERE_MOUNT_POINT, "tmpfs", flags, "nr_inodes=2,nr_blocks=1,mode=0555") != 0 ||
	    chdir(NOWHERE_MOUNT_POINT) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
	    umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
		return -errno;
	return 0;
}

/* The child: leave a descriptor of an empty namespace in *fd. Returns its exit status. */
static int
nowhere_make(void *fd)
{
	int made;

	if (unshare(CLONE_NEWNS) != 0)
		return 1;
	made = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	*(int *)fd = made;
	return made >= 0 && nowhere_empty() == 0 ? 0 : 1;
}

int
nowhere_open(void)
{
	static _Alignas(16) char stack[65536];
	int fd = -1, status = 1;
	pid_t pid = clone(nowhere_make, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &fd);

	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -EPERM;
}

int
nowhere_enter(int fd)
{
	return setns(fd, CLONE_NEWNS) == 0 ? 0 : -errno;
}
