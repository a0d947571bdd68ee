/*
 * region.h - a tenant's region (shm/layout.h), as its maker sees it
 */
#ifndef SUPERVISOR_REGION_H
#define SUPERVISOR_REGION_H

#include "shm/layout.h"

#define REGION_FILE 64			/* a file's name in the run directory */
#define REGION_SUFFIX ".region"

struct region {
	int fd;				/* O_RDWR, for workers */
	int fd_ro;			/* O_RDONLY, for ctl */
	char file[REGION_FILE];		/* in the run directory; empty: a memfd, which ends with the last process that has it */
	struct layout layout;
	const struct layout_worker *worker;	/* [layout.g.workers], read-only; hostile: believe nothing */
};

/*
 * Make the region of a tenant, ready for its workers: as a file in directory, or with NULL as a memfd. Returns 0, or -errno
 * and nothing is left.
 */
int region_open(struct region *r, const struct config_tenant *config, const char *directory);

/* The most bytes that a region for this tenant can come to fill. Its file is longer: what the pool does not use is a hole. */
uint64_t region_most(const struct config_tenant *config);

/*
 * The same for a region that takes the place of old: its shards are empty, and their owners bring the bindings over
 * (worker/xlat/import.h). Its file has number in its name. Returns 0, or -errno and nothing is left: -EPROTO when old cannot
 * be read.
 */
int region_open_heir(struct region *r, const struct config_tenant *config, const struct region *old,
		     const char *directory, uint32_t number);

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

/*
 * Take up the file that a nat64d before us made: one that is whole, with this sum. What workers write there is not looked at,
 * as always. Returns NULL, or why not, and nothing is taken.
 */
const char *region_claim(struct region *r, const char *directory, const char *file, uint64_t sum);

/* A sum over what the supervisor alone writes and never changes: the header and the secrets. Returns 0 or -errno. */
int region_sum(const struct region *r, uint64_t *sum);

/* Deal its shards to the workers that are not in absent (layout_deal). Returns 0 or -errno. */
int region_deal(const struct region *r, uint32_t absent);

/* Unmap and close it. Children keep what they mapped. */
void region_close(struct region *r);

/* The same, and its file goes too. */
void region_remove(struct region *r, const char *directory);

#endif
