/*
 * memory.h - memory that processes share: sealed memfds, and files that outlive every process
 */
#ifndef SUPERVISOR_MEMORY_H
#define SUPERVISOR_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A memfd of size zero bytes that nobody can resize or re-open by its name in /proc unless he is root; closed on exec.
 * name is what /proc/PID/maps shows. Returns the descriptor, or -errno.
 */
int memory_create(const char *name, size_t size);

/* The same memory for a child that may only read: a descriptor that cannot be mapped writable. Returns it, or -errno. */
int memory_read_only(int fd);

/*
 * Map all size bytes of memory of ours whose read-only descriptor is all that is left, shared and writable. Returns NULL
 * with errno set; then also when it has another size.
 */
void *memory_regain(int fd_ro, size_t size);

/* The same for the first size bytes of memory that is at least as long. */
void *memory_regain_top(int fd_ro, size_t size);

/* Map all size bytes shared and writable. Returns NULL with errno set. */
void *memory_map(int fd, size_t size);

void memory_unmap(void *map, size_t size);

/* Is this directory on a tmpfs, so that a file in it is memory? Then *room is how many bytes are free there. */
bool memory_tmpfs(const char *directory, uint64_t *room);

/*
 * The same as memory_create, as a file for root alone, which will be called path once memory_settle has said so; until
 * then it is path with MEMORY_NEW behind it. What a dead process left under that name is replaced. Returns the
 * descriptor, or -errno.
 */
#define MEMORY_NEW ".new"
int memory_file(const char *path, size_t size);

/* The file is whole: it takes the place of the one called path, if any, in one step. Returns 0 or -errno. */
int memory_settle(const char *path);
/* It will not be: remove it. */
void memory_discard(const char *path);

/*
 * Open a file that a process before us left, to read and write. Returns the descriptor; or -ENOENT; or another -errno and
 * in *wrong why it is not touched: it is a link, or could have been made or changed by somebody who is not root.
 */
int memory_claim(const char *path, const char **wrong);

#endif
