/*
 * publish.h - a tenant's configuration on its way to its workers and to ctl (shm/image.h)
 */
#ifndef SUPERVISOR_PUBLISH_H
#define SUPERVISOR_PUBLISH_H

#include <stdbool.h>
#include <stddef.h>
#include "shm/image.h"

struct publish {
	int fd_ro;			/* O_RDONLY, for workers and ctl */
	struct image *image;		/* writable, ours alone; of another build's only what stands before slot is mapped */
	size_t size;			/* bytes of it that are mapped */
};

/* Make the image with this resolved configuration as generation `first`. Returns 0, or -errno and nothing is left. */
int publish_open(struct publish *p, const struct config_tenant *config, uint32_t first);

/*
 * The image that fd_ro shows is ours, from before an exec, or with foreign set that of another build, through which orders can
 * be given and nothing else. Returns 0, or -errno and fd_ro is not taken.
 */
int publish_adopt(struct publish *p, int fd_ro, bool foreign);

/*
 * Make config the current generation. Mustn't: be called before every worker that lives has acknowledged the current
 * one, since the slot of the one before is overwritten. Returns the new generation.
 */
uint32_t publish_next(struct publish *p, const struct config_tenant *config);

/* Tell worker w what to do. */
void publish_order(struct publish *p, unsigned w, enum image_order order);

/* Likewise whoever fills that slot next, and whether the last one there crashed. */
void publish_successor(struct publish *p, unsigned w, enum image_order order, bool crashed);

/* Ask every worker to audit its shards at once. */
void publish_audit(struct publish *p);

void publish_close(struct publish *p);

#endif
