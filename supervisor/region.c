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
 * Must never: keep the tables mapped; follow a number that a worker wrote.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
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
	r->fd_ro = -1;
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

int
region_open_heir(struct region *r, const struct config_tenant *config, const struct region *old,
		 const char *directory, uint32_t number)
{
	struct layout_geometry geometry;
	struct foreign foreign;
	struct stat st;
	void *base;
	int rc;

	r->file[0] = '\0';
	if (directory)
		snprintf(r->file, sizeof(r->file), "%s.%u%s", config->name_, number, REGION_SUFFIX);
	if (fstat(old->fd_ro, &st) != 0)
		return -errno;
	base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, old->fd_ro, 0);
	if (base == MAP_FAILED)
		return -errno;
	rc = foreign_check(&foreign, base, (uint64_t)st.st_size) ? -EPROTO : 0;
	if (rc == 0) {
		layout_geometry_heir(&geometry, config, foreign.shape.shards);
		rc = region_make(r, &geometry, config, &foreign, directory);	/* of the old one reads no shard */
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

const char *
region_claim(struct region *r, const char *directory, const char *file, uint64_t sum)
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
	if (claimed.fd_ro < 0 || region_adopt(&claimed, claimed.fd, claimed.fd_ro) != 0)
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
	size_t size = r->layout.owners;
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, r->fd_ro, 0);

	if (map == MAP_FAILED)
		return -errno;
	*sum = hash_words(key, map, (unsigned)(size / sizeof(uint64_t)));
	munmap(map, size);
	return 0;
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
	if (r->fd_ro >= 0)
		close(r->fd_ro);
	if (r->fd >= 0)
		close(r->fd);
	r->worker = NULL;
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
