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
	bool foreign;			/* another build laid it out: its bindings can be brought over, nothing else */
	uint64_t size;			/* bytes */
	struct layout layout;		/* unless it is foreign */
	const struct layout_worker *worker;	/* [layout.g.workers], read-only; hostile: believe nothing; foreign: NULL */
	/* of a foreign one */
	const uint8_t *lines;		/* what its workers say of themselves, read-only and hostile as well */
	const void *window;		/* the mapping that lines is in */
	size_t window_size;
	uint32_t line_workers, line_stride, line_progress, line_busy, line_draining, line_ready;
};

/* What a worker says of itself, whichever build it is of; a lie does no harm. What a foreign one does not tell is 0. */
struct region_line {
	uint64_t progress, busy;
	uint32_t draining, ready, generation, leaving, current;
};

/*
 * Make the region of a tenant, ready for its workers: as a file in directory, or with NULL as a memfd. Returns 0, or -errno
 * and nothing is left.
 */
int region_open(struct region *r, const struct config_tenant *config, const char *directory);

/* The most bytes that a region for this tenant can come to fill. Its file is longer: what the pool does not use is a hole. */
uint64_t region_most(const struct config_tenant *config);

/*
 * The same for a region that takes the place of old, foreign or not: its shards are empty, and their owners bring the
 * bindings over (worker/xlat/import.h). Its file is called otherwise than that of old. Returns 0, or -errno and nothing is
 * left: -EPROTO when old cannot be read, -EINVAL when old has too few shards for this configuration.
 */
int region_open_heir(struct region *r, const struct config_tenant *config, const struct region *old,
		     const char *directory);

/* Why there can be no such region for this configuration, in a few words good until the next call, or NULL. */
const char *region_heir_wrong(const struct config_tenant *config, const struct region *old);

/*
 * The region in fd and fd_ro is from before an exec: ours, or with foreign set another build's. Returns 0, or -errno and
 * neither is taken: -EPROTO when its layout is not this program's; a foreign one, when it does not say what it is.
 */
int region_adopt(struct region *r, int fd, int fd_ro, bool foreign);

/* What worker w says. All zero when there is no such worker. */
struct region_line region_line(const struct region *r, unsigned w);

/*
 * Map what lies before the counters, read-only: header, secret, owners. No worker can write there. Returns NULL
 * with errno set.
 */
const void *region_top_open(const struct region *r);
void region_top_close(const struct region *r, const void *top);

/*
 * Take up the file that a nat64d before us made: one that is whole, with this sum, and laid out as ours are or, with foreign
 * set, however it says. What workers write there is not looked at, as always. Returns NULL, or why not, and nothing is taken.
 */
const char *region_claim(struct region *r, const char *directory, const char *file, uint64_t sum, bool foreign);

/*
 * A sum over what the supervisor alone writes and never changes: the header and the secrets. Every build comes to the same
 * one. Returns 0 or -errno.
 */
int region_sum(const struct region *r, uint64_t *sum);

/* Deal its shards to the workers that are not in absent (layout_deal). Returns 0 or -errno. */
int region_deal(const struct region *r, uint32_t absent);

/* Unmap and close it. Children keep what they mapped. */
void region_close(struct region *r);

/* The same, and its file goes too. */
void region_remove(struct region *r, const char *directory);

#endif
