/*
 * memory.c - memory that processes share: sealed memfds, and files that outlive every process
 *
 * A memfd is born accessible to everybody who can name it through /proc, so its mode is taken back before anything is
 * in it. Its size is sealed, since a mapping behind the end of a file that shrank kills its reader; and the seals are
 * sealed, since a child that holds the descriptor could otherwise add F_SEAL_FUTURE_WRITE and with it stop every later
 * worker from mapping it. Read-only for a child means a descriptor opened O_RDONLY: the kernel then refuses
 * a writable mapping, whatever the child does.
 *
 * A memfd ends with the last process that has it. What must outlive all of them is a file on a tmpfs instead, which
 * cannot be sealed. What the seals did is done by others: only root can open the file by its name, so only who was given
 * a descriptor could change its size, and a worker closes its own before its first packet and has no system call that
 * would do it. A file that was left is believed to be ours only when nobody but root can have made or changed it: a
 * regular file of root's, open to nobody else, with one name, not reached by a link.
 *
 * Must never: hand out the writable descriptor where the read-only one will do.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "supervisor/memory.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U		/* Linux 6.3 */
#endif

int
memory_create(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	int rc;

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) == 0 && ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

int
memory_read_only(int fd)
{
	char path[32];
	int copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path, O_RDONLY | O_CLOEXEC);
	return copy < 0 ? -errno : copy;
}

void *
memory_map(int fd, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

/* Map the first size bytes of what has at least `least` and at most `most`. Returns NULL with errno set. */
static void *
memory_reopen(int fd_ro, size_t size, off_t least, off_t most)
{
	char path[32];
	struct stat st;
	void *map;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd_ro);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	errno = EPROTO;
	map = fstat(fd, &st) == 0 && st.st_size >= least && st.st_size <= most ? memory_map(fd, size) : NULL;
	close(fd);
	return map;
}

void
memory_unmap(void *map, size_t size)
{
	munmap(map, size);
}

void *
memory_regain(int fd_ro, size_t size)
{
	return memory_reopen(fd_ro, size, (off_t)size, (off_t)size);
}

void *
memory_regain_top(int fd_ro, size_t size)
{
	return memory_reopen(fd_ro, size, (off_t)size, INT64_MAX);
}

bool
memory_tmpfs(const char *directory, uint64_t *room)
{
	struct statfs fs;

	if (statfs(directory, &fs) != 0 || fs.f_type != TMPFS_MAGIC)
		return false;
	/* One without a limit says that it has no blocks. */
	*room = fs.f_blocks ? (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize : UINT64_MAX;
	return true;
}

/* The name that path has before memory_settle. Returns false when it is too long. */
static bool
memory_new_name(char out[PATH_MAX], const char *path)
{
	return snprintf(out, PATH_MAX, "%s%s", path, MEMORY_NEW) < PATH_MAX;
}

int
memory_file(const char *path, size_t size)
{
	int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, fd, rc;
	char name[PATH_MAX];

	if (!memory_new_name(name, path))
		return -ENAMETOOLONG;
	fd = open(name, flags, 0600);
	if (fd < 0 && errno == EEXIST && unlink(name) == 0)
		fd = open(name, flags, 0600);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) == 0)
		return fd;
	rc = -errno;
	unlink(name);
	close(fd);
	return rc;
}

int
memory_settle(const char *path)
{
	char name[PATH_MAX];

	if (!memory_new_name(name, path))
		return -ENAMETOOLONG;
	return rename(name, path) == 0 ? 0 : -errno;
}

void
memory_discard(const char *path)
{
	char name[PATH_MAX];

	if (memory_new_name(name, path))
		unlink(name);
}

/* Why this file could be somebody else's work, or NULL. */
static const char *
memory_foreign(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "it is not a regular file";
	if (st->st_uid != 0)
		return "it does not belong to root";
	if (st->st_mode & 0077)
		return "others than root may open it";
	return st->st_nlink == 1 ? NULL : "it has more than one name";
}

int
memory_claim(const char *path, const char **wrong)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc = -errno;
	struct stat st;

	if (fd < 0) {
		*wrong = rc == -ELOOP ? "it is a symbolic link" : lstat(path, &st) == 0 ? memory_foreign(&st) : NULL;
		if (!*wrong)
			*wrong = strerror(-rc);
		return rc;
	}
	*wrong = fstat(fd, &st) == 0 ? memory_foreign(&st) : strerror(errno);
	if (!*wrong)
		return fd;
	close(fd);
	return -EPERM;
}
