/*
 * image.h - a tenant's configuration on its way from the supervisor to everybody else
 *
 * One memfd per tenant, written by the supervisor, mapped read-only by its workers and by ctl. Two slots: the
 * supervisor fills the one that is not current and then stores the generation. It may fill a slot again only after
 * every worker has acknowledged the generation after it (layout_worker.generation).
 *
 * What stands before the slots keeps its place for ever: a nat64d of another build leads the workers away by it.
 */
#ifndef SHM_IMAGE_H
#define SHM_IMAGE_H

#include "shm/atomic.h"
#include "shm/config.h"

#define IMAGE_MAGIC UINT64_C(0x47414d4934364e54)
#define IMAGE_TEXT (256 * 1024)

/* The values are for ever: a worker of another build may be told to leave by them. */
enum image_order {
	IMAGE_WORK = 0,
	IMAGE_STOP = 1,			/* leave the loop and exit 0 */
	IMAGE_DRAIN = 2,		/* read nothing more from the queue; go on with what comes from other workers */
	IMAGE_EMPTY = 3,		/* the same, but read the queue to its end: it will be closed */
	IMAGE_WAIT = 4,			/* get ready, and read nothing before IMAGE_WORK */
};
#define IMAGE_CRASHED UINT32_C(0x80000000)	/* beside any of them: the last worker there crashed on what it had in hand */

struct image_slot {
	struct config_tenant config;	/* resolved: no value is left to derive */
	char text[IMAGE_TEXT];		/* the same as a section of nat64.ini, every key, NUL-terminated */
};

struct image {
	uint64_t magic;
	uint32_t size;					/* sizeof(struct image), to refuse another build's */
	uint32_t generation;				/* atomic; slot[generation % 2] is current; from 1 up */
	uint32_t order[CONFIG_MAX_WORKERS];		/* atomic; enum image_order, IMAGE_CRASHED: what this worker shall do */
	uint32_t audit;					/* atomic; number of the last request to audit at once */
	struct image_slot slot[2];
};

static inline const struct image_slot *
image_current(const struct image *image, uint32_t *generation)
{
	*generation = atomic_load_32(&image->generation);
	return &image->slot[*generation % 2];
}

#endif
