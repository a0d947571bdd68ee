/*
 * memory.h - memory that processes share: sealed memfds
 */
#ifndef SUPERVISOR_MEMORY_H
#define SUPERVISOR_MEMORY_H

#include <stddef.h>

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

/* Map all size bytes shared and writable. Returns NULL with errno set. */
void *memory_map(int fd, size_t size);

#endif
