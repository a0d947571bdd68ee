/*
 * region.c - a tenant's region, as its maker sees it
 *
 * The supervisor maps the whole region once, to have layout_init write header, secrets and owners, and unmaps it
 * again: afterwards it only looks at what the workers say of themselves, one read-only page, and, while it fills
 * the tables of the steering program, at what it wrote. It does not read a shard, so nothing a worker writes there
 * can reach the process that has the rights.
 *
 * Where the run directory is on a tmpfs the region is a file there, so that it outlives nat64d and all workers together
 * (supervisor/legacy.c). It gets its name when it is whole. Whoever finds it must be sure that it is what the last nat64d
 * made: header and secrets, which no worker can write, are summed, and the sum stands in the estate.
 *
 * A region that another build has laid out is known by what it says of itself (shm/foreign.h): enough to bring its bindings
 * over and to lead its workers out of it, for which their lines are read at the places that it names.
 *
 * Must never: keep the tables mapped; follow a number that a worker wrote.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "shm/foreign.h"
#include "shm/hash.h"
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

/* Map the whole region to look at its header. Returns NULL with errno set. */
static const void *
region_survey(const struct region *r)
{
	const void *base = mmap(NULL, r->size, PROT_READ, MAP_SHARED, r->fd_ro, 0);

	return base == MAP_FAILED ? NULL : base;
}

static void
region_leave(const struct region *r, const void *base)
{
	munmap((void *)(uintptr_t)base, r->size);
}

/* The same as region_watch for a region that has this shape. */
static int
region_watch_foreign(struct region *r, const struct layout_shape *shape)
{
	uint64_t from = shape->lines / LAYOUT_PAGE * LAYOUT_PAGE;
	uint64_t end = shape->lines + (uint64_t)shape->workers * shape->line_stride;

	if ((shape->lines | shape->line_stride | shape->line_progress | shape->line_busy) % sizeof(uint64_t) != 0 ||
	    (shape->line_draining | shape->line_ready) % sizeof(uint32_t) != 0)
		return -EPROTO;		/* such words could not be loaded at once */
	r->window_size = end - from;
	r->window = mmap(NULL, r->window_size, PROT_READ, MAP_SHARED, r->fd_ro, (off_t)from);
	if (r->window == MAP_FAILED) {
		r->window = NULL;
		return -errno;
	}
	r->lines = (const uint8_t *)r->window + (shape->lines - from);
	r->line_workers = shape->workers;
	r->line_stride = shape->line_stride;
	r->line_progress = shape->line_progress;
	r->line_busy = shape->line_busy;
	r->line_draining = shape->line_draining;
	r->line_ready = shape->line_ready;
	return 0;
}

struct region_line
region_line(const struct region *r, unsigned w)
{
	const uint8_t *at = r->foreign && w < r->line_workers ? r->lines + (size_t)w * r->line_stride : NULL;
	struct region_line line = { 0 };

	if (at) {
		line.progress = atomic_load_64((const void *)(at + r->line_progress));
		line.busy = atomic_load_64((const void *)(at + r->line_busy));
		line.draining = atomic_load_32((const void *)(at + r->line_draining));
		line.ready = atomic_load_32((const void *)(at + r->line_ready));
	} else if (!r->foreign && w < r->layout.g.workers) {
		line.progress = atomic_load_64(&r->worker[w].progress);
		line.busy = atomic_load_64(&r->worker[w].busy);
		line.draining = atomic_load_32(&r->worker[w].draining);
		line.ready = atomic_load_32(&r->worker[w].ready);
		line.generation = atomic_load_32(&r->worker[w].generation);
		line.leaving = atomic_load_32(&r->worker[w].leaving);
		line.current = atomic_load_32(&r->worker[w].current);
	}
	return line;
}

static void
region_path(char out[PATH_MAX], const char *directory, const char *file)
{
	snprintf(out, PATH_MAX, "%s/%s", directory, file);
}

uint64_t
region_most(const struct config_tenant *config)
{
	struct layout_geometry geometry;
	struct layout layout;
	uint64_t unused = 0;

	layout_geometry(&geometry, config);
	if (!layout_plan(&layout, &geometry))
		return 0;
	for (uint32_t i = 0; i < config->pool.n; i++)
		unused += config->pool.item[i].last - config->pool.item[i].first + 1;
	unused = geometry.addresses - unused;
	return layout.size - unused * NAT64_N_PROTOS * layout.ports_per_shard * geometry.shards *
			     (sizeof(struct record) + sizeof(uint32_t));
}

/* Make it in this geometry. */
static int
region_make(struct region *r, const struct layout_geometry *geometry, const struct config_tenant *config,
	    const struct foreign *old, const char *directory)
{
	char path[PATH_MAX] = "";
	int rc;

	if (!layout_plan(&r->layout, geometry))
		return -EINVAL;
	r->worker = NULL;
	r->window = NULL;
	r->foreign = false;
	r->size = r->layout.size;
	r->fd = r->fd_ro = -1;
	if (directory)
		region_path(path, directory, r->file);
	r->fd = directory ? memory_file(path, r->layout.size) : memory_create("nat64-region", r->layout.size);
	if (r->fd < 0)
		return r->fd;
	rc = region_fill(r, config, old);
	if (rc == 0) {
		r->fd_ro = memory_read_only(r->fd);
		rc = r->fd_ro < 0 ? r->fd_ro : 0;
	}
	if (rc == 0)
		rc = region_watch(r);
	if (rc == 0 && directory)
		rc = memory_settle(path);
	if (rc != 0 && directory)
		memory_discard(path);
	if (rc != 0)
		region_close(r);
	return rc;
}

int
region_open(struct region *r, const struct config_tenant *config, const char *directory)
{
	struct layout_geometry geometry;

	r->file[0] = '\0';
	if (directory)
		snprintf(r->file, sizeof(r->file), "%s%s", config->name_, REGION_SUFFIX);
	layout_geometry(&geometry, config);
	return region_make(r, &geometry, config, NULL, directory);
}

/* The number in the name of a region's file: NAME.NUMBER.region, or 0 for NAME.region. */
static unsigned long
region_number(const char *file)
{
	const char *end = strlen(file) > strlen(REGION_SUFFIX) ? file + strlen(file) - strlen(REGION_SUFFIX) : file;
	const char *dot = memrchr(file, '.', (size_t)(end - file));

	return dot ? strtoul(dot + 1, NULL, 10) : 0;
}

int
region_open_heir(struct region *r, const struct config_tenant *config, const struct region *old,
		 const char *directory)
{
	struct layout_geometry geometry;
	struct foreign foreign;
	const void *base;
	int rc;

	r->file[0] = '\0';
	if (directory)
		snprintf(r->file, sizeof(r->file), "%s.%lu%s", config->name_, region_number(old->file) % 1000000 + 1,
			 REGION_SUFFIX);
	base = region_survey(old);
	if (!base)
		return -errno;
	rc = foreign_check(&foreign, base, old->size) ? -EPROTO : 0;
	if (rc == 0) {
		layout_geometry_heir(&geometry, config, foreign.shape.shards);
		rc = region_make(r, &geometry, config, &foreign, directory);	/* of the old one reads no shard */
	}
	region_leave(old, base);
	return rc;
}

const char *
region_heir_wrong(const struct config_tenant *config, const struct region *old)
{
	struct layout_geometry geometry;
	struct foreign foreign;
	const void *base = region_survey(old);
	static char why[120];
	struct layout layout;
	const char *wrong;

	if (!base)
		return "it cannot be mapped";
	wrong = foreign_check(&foreign, base, old->size);
	region_leave(old, base);
	if (wrong)
		return wrong;
	layout_geometry_heir(&geometry, config, foreign.shape.shards);
	if (layout_plan(&layout, &geometry))
		return NULL;
	snprintf(why, sizeof(why), "%u is too small a number of shards for so many pool addresses and sessions",
		 foreign.shape.shards);
	return why;
}

int
region_adopt(struct region *r, int fd, int fd_ro, bool foreign)
{
	struct region adopted = { .fd = fd, .fd_ro = fd_ro, .foreign = foreign };
	struct foreign f;
	const void *base;
	struct stat st;
	int rc = 0;

	if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(struct layout_header))
		return -EPROTO;
	adopted.size = (uint64_t)st.st_size;
	base = region_survey(&adopted);
	if (!base)
		return -errno;
	if (foreign ? foreign_check(&f, base, adopted.size) : layout_check(&adopted.layout, base, adopted.size))
		rc = -EPROTO;
	region_leave(&adopted, base);
	if (rc == 0)
		rc = foreign ? region_watch_foreign(&adopted, &f.shape) : region_watch(&adopted);
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

const char *
region_claim(struct region *r, const char *directory, const char *file, uint64_t sum, bool foreign)
{
	struct region claimed = { .fd = -1, .fd_ro = -1 };
	char path[PATH_MAX];
	const char *wrong;
	uint64_t found = 0;

	if (!*file || strchr(file, '/') || strlen(file) >= sizeof(claimed.file))
		return "it was not kept in a file";
	region_path(path, directory, file);
	claimed.fd = memory_claim(path, &wrong);
	if (claimed.fd < 0)
		return wrong;
	claimed.fd_ro = memory_read_only(claimed.fd);
	if (claimed.fd_ro < 0 || region_adopt(&claimed, claimed.fd, claimed.fd_ro, foreign) != 0)
		wrong = "its header or its size is not right";
	else if (region_sum(&claimed, &found) != 0 || found != sum)
		wrong = "it is damaged, or not the file that the last nat64d made";
	else
		memcpy(claimed.file, file, strlen(file));
	if (wrong)
		region_close(&claimed);
	else
		*r = claimed;
	return wrong;
}

int
region_sum(const struct region *r, uint64_t *sum)
{
	static const uint8_t key[16] = "nat64 region sum";
	const void *base = region_survey(r);
	struct foreign f;
	uint64_t end;
	int rc;

	if (!base)
		return -errno;
	rc = foreign_check(&f, base, r->size) ? -EPROTO : 0;
	if (rc == 0) {
		end = f.shape.secret + f.shape.secret_permutation +
		      (uint64_t)f.shape.addresses * f.shape.permutation_stride;
		end = (end + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;	/* the padding of the page is zero */
		*sum = hash_words(key, base, (unsigned)((end < r->size ? end : r->size) / sizeof(uint64_t)));
	}
	region_leave(r, base);
	return rc;
}

int
region_deal(const struct region *r, uint32_t absent)
{
	void *base = mmap(NULL, r->layout.counters, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	layout_deal(base, &r->layout, absent);
	munmap(base, r->layout.counters);
	return 0;
}

void
region_close(struct region *r)
{
	if (r->worker)
		munmap((void *)(uintptr_t)r->worker, r->layout.buffers - r->layout.workers);
	if (r->window)
		munmap((void *)(uintptr_t)r->window, r->window_size);
	if (r->fd_ro >= 0)
		close(r->fd_ro);
	if (r->fd >= 0)
		close(r->fd);
	r->worker = NULL;
	r->window = NULL;
	r->fd_ro = r->fd = -1;
}

void
region_remove(struct region *r, const char *directory)
{
	char path[PATH_MAX];

	if (*r->file) {
		region_path(path, directory, r->file);
		unlink(path);
	}
	region_close(r);
	r->file[0] = '\0';
}
