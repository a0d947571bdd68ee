/*
 * region.c - a tenant's region, as its maker sees it
 *
 * The supervisor maps the whole region once, to have layout_init write header, secrets and owners, and unmaps it
 * again: afterwards it only looks at what the workers say of themselves, one read-only page, and, while it fills
 * the tables of the steering program, at what it wrote. It does not read a shard, so nothing a worker writes there
 * can reach the process that has the rights.
 *
 * Must never: keep the tables mapped; follow a number that a worker wrote.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "shm/foreign.h"
#include "supervisor/memory.h"
#include "supervisor/region.h"

/* Fill the new region, after the old one if there is one. Returns 0 or -errno. */
static int
region_fill(struct region *r, const struct config_tenant *config, const struct foreign *old)
{
	uint8_t seed[LAYOUT_SEED_SIZE];
	struct timespec now;
	void *base;

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		return -EIO;
	clock_gettime(CLOCK_BOOTTIME, &now);
	base = memory_map(r->fd, r->layout.size);
	if (!base)
		return -errno;
	if (old)
		layout_init_heir(base, &r->layout, config, old, seed);
	else
		layout_init(base, &r->layout, config, (uint64_t)now.tv_sec, seed);
	munmap(base, r->layout.size);
	explicit_bzero(seed, sizeof(seed));
	return 0;
}

/* Map what the workers say of themselves. Returns 0 or -errno. */
static int
region_watch(struct region *r)
{
	void *lines = mmap(NULL, r->layout.buffers - r->layout.workers, PROT_READ, MAP_SHARED, r->fd_ro,
			   (off_t)r->layout.workers);

	if (lines == MAP_FAILED)
		return -errno;
	r->worker = lines;
	return 0;
}

/* Make it in this geometry. */
static int
region_make(struct region *r, const struct layout_geometry *geometry, const struct config_tenant *config,
	    const struct foreign *old)
{
	int rc;

	if (!layout_plan(&r->layout, geometry))
		return -EINVAL;
	r->worker = NULL;
	r->fd_ro = -1;
	r->fd = memory_create("nat64-region", r->layout.size);
	if (r->fd < 0)
		return r->fd;
	rc = region_fill(r, config, old);
	if (rc == 0) {
		r->fd_ro = memory_read_only(r->fd);
		rc = r->fd_ro < 0 ? r->fd_ro : 0;
	}
	if (rc == 0)
		rc = region_watch(r);
	if (rc != 0)
		region_close(r);
	return rc;
}

int
region_open(struct region *r, const struct config_tenant *config)
{
	struct layout_geometry geometry;

	layout_geometry(&geometry, config);
	return region_make(r, &geometry, config, NULL);
}

int
region_open_heir(struct region *r, const struct config_tenant *config, const struct region *old)
{
	struct layout_geometry geometry;
	struct foreign foreign;
	struct stat st;
	void *base;
	int rc;

	if (fstat(old->fd_ro, &st) != 0)
		return -errno;
	base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, old->fd_ro, 0);
	if (base == MAP_FAILED)
		return -errno;
	rc = foreign_check(&foreign, base, (uint64_t)st.st_size) ? -EPROTO : 0;
	if (rc == 0) {
		layout_geometry_heir(&geometry, config, foreign.shape.shards);
		rc = region_make(r, &geometry, config, &foreign);	/* reads header and secrets of the old one only */
	}
	munmap(base, (size_t)st.st_size);
	return rc;
}

int
region_adopt(struct region *r, int fd, int fd_ro)
{
	struct region adopted = { .fd = fd, .fd_ro = fd_ro };
	const char *wrong;
	struct stat st;
	void *header;
	int rc;

	if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct layout_header))
		return -EPROTO;
	header = mmap(NULL, sizeof(struct layout_header), PROT_READ, MAP_SHARED, fd_ro, 0);
	if (header == MAP_FAILED)
		return -errno;
	wrong = layout_check(&adopted.layout, header, (size_t)st.st_size);
	munmap(header, sizeof(struct layout_header));
	rc = wrong ? -EPROTO : region_watch(&adopted);
	if (rc == 0)
		*r = adopted;
	return rc;
}

const void *
region_top_open(const struct region *r)
{
	void *top = mmap(NULL, r->layout.counters, PROT_READ, MAP_SHARED, r->fd_ro, 0);

	return top == MAP_FAILED ? NULL : top;
}

void
region_top_close(const struct region *r, const void *top)
{
	munmap((void *)(uintptr_t)top, r->layout.counters);
}

void
region_close(struct region *r)
{
	if (r->worker)
		munmap((void *)(uintptr_t)r->worker, r->layout.buffers - r->layout.workers);
	if (r->fd_ro >= 0)
		close(r->fd_ro);
	if (r->fd >= 0)
		close(r->fd);
	r->worker = NULL;
	r->fd_ro = r->fd = -1;
}
