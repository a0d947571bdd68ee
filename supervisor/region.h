/*
 * region.h - a tenant's region (shm/layout.h), as its maker sees it
 */
#ifndef SUPERVISOR_REGION_H
#define SUPERVISOR_REGION_H

#include "shm/layout.h"

struct region {
	int fd;				/* O_RDWR, for workers */
	int fd_ro;			/* O_RDONLY, for ctl */
	struct layout layout;
	const struct layout_worker *worker;	/* [layout.g.workers], read-only; hostile: believe nothing */
};

/* Make the region of a tenant, ready for its workers. Returns 0, or -errno and nothing is left. */
int region_open(struct region *r, const struct config_tenant *config);

/*
 * The same for a region that takes the place of old: its shards are empty, and their owners bring the bindings over
 * (worker/xlat/import.h). Returns 0, or -errno and nothing is left: -EPROTO when old cannot be read.
 */
int region_open_heir(struct region *r, const struct config_tenant *config, const struct region *old);

/*
 * The region in fd and fd_ro is ours, from before an exec. Returns 0, or -errno and neither is taken: -EPROTO when
 * its layout is not this program's.
 */
int region_adopt(struct region *r, int fd, int fd_ro);

/*
 * Map what lies before the counters, read-only: header, secret, owners. No worker can write there. Returns NULL
 * with errno set.
 */
const void *region_top_open(const struct region *r);
void region_top_close(const struct region *r, const void *top);

/* Unmap and close it. Children keep what they mapped. */
void region_close(struct region *r);

#endif
