/*
 * memory.c - memory that processes share: sealed memfds
 *
 * A memfd is born accessible to everybody who can name it through /proc, so its mode is taken back before anything is
 * in it. Its size is sealed, since a mapping behind the end of a file that shrank kills its reader; and the seals are
 * sealed, since a child that holds the descriptor could otherwise add F_SEAL_FUTURE_WRITE and with it stop every later
 * worker from mapping it. Read-only for a child means a descriptor opened O_RDONLY: the kernel then refuses
 * a writable mapping, whatever the child does.
 *
 * Must never: hand out the writable descriptor where the read-only one will do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

void *
memory_regain(int fd_ro, size_t size)
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
	map = fstat(fd, &st) == 0 && st.st_size == (off_t)size ? memory_map(fd, size) : NULL;
	close(fd);
	return map;
}
