/*
 * birth.h - from exec to harmless: what every child does before its first act
 */
#ifndef BIRTH_BIRTH_H
#define BIRTH_BIRTH_H

#include <stddef.h>
#include <stdint.h>
#include "supervisor/birth/heritage.h"

/* Layers that may be missing on a kernel or in a build. Reported in layout_worker.missing, never silent. */
#define BIRTH_LAYERS \
	LAYER(seccomp, 0, "the build runs without its system call filter (sanitizers)") \
	LAYER(landlock, 1, "the kernel has no Landlock") \
	LAYER(mdwe, 2, "the kernel cannot refuse memory that is both writable and executable") \
	LAYER(namespaces, 3, "namespaces could not be left") \
	LAYER(root, 4, "the root directory could not be emptied") \
	LAYER(cgroup, 5, "the cgroup of its tenant could not be entered")
enum birth_layer {
#define LAYER(name, bit, doc) BIRTH_##name = 1 << bit,
	BIRTH_LAYERS
#undef LAYER
};

/*
 * Give up everything but the open descriptors: own empty namespaces, an empty read-only root, no capability, the uid
 * and gid of the heritage, no supplementary group, no new privileges, not dumpable, resource limits, Landlock.
 * Should: be called once, single-threaded, before anything from outside is read.
 * Mustn't: be called with a descriptor open that the child is not to keep.
 * Returns 0 and the BIRTH_ bits that could not be had in *missing, or -errno with the step's name in *step: then the
 * child must exit.
 */
int birth_isolate(const struct heritage *h, uint32_t *missing, const char **step);

/* One row of a room's syscalls.def. */
struct birth_call {
	int nr;				/* SCMP_SYS(name) */
	int arg;			/* the argument that is compared, or -1: any arguments */
	uint32_t mask;			/* allowed when (uint32_t)argument & mask == value */
	uint32_t value;
};

/*
 * The last door: from here on every system call that no row allows kills the process. A sanitizer build skips it and
 * sets BIRTH_seccomp in *missing. Returns 0 or -errno.
 */
int birth_close_doors(const struct birth_call *calls, size_t n, uint32_t *missing);

/*
 * The same in two steps, for a child that has time now and none later. birth_make_door leaves in *door what
 * birth_shut_door takes; the next one replaces it. Nothing is allocated or freed from the moment the door is shut, for either
 * could be a call. Both return 0 or -errno.
 */
int birth_make_door(void **door, const struct birth_call *calls, size_t n);
int birth_shut_door(void *door, uint32_t *missing);

#endif
