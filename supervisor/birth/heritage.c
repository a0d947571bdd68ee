/*
 * heritage.c - take over the descriptors and map the memory that nat64d left for this child
 *
 * A child has no other source of authority than these numbered descriptors, so everything here happens once, between
 * exec and work, and ends with heritage_settle_*: after it the descriptors that could re-open, resize or map more of
 * the regions are closed, and only mappings remain.
 *
 * Nobody works on a region that is mapped whole. First an inaccessible range of its full size, with an inaccessible page
 * before and behind it, is reserved; then each part the child is entitled to is mapped over its place in that range. What is
 * inaccessible (the secret for ctl, other workers' shards for a worker) kills the child that touches it, instead of giving
 * the data away. A spare that does not know its slot yet and meets nobody's data maps every shard and touches its first page,
 * for packets will wait for it later on; once it knows, it makes those inaccessible that are not its own. One that knows in
 * time touches what its own shards have in use, and nothing else.
 *
 * Must never: map a part writable that layout.h does not give to this child; trust a size that the kernel does not
 * confirm; keep a descriptor of a region or of the paper beyond heritage_settle_*.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#ifdef SYS_mseal
#define HERITAGE_MSEAL SYS_mseal
#else
#define HERITAGE_MSEAL 462		/* the same on every machine */
#endif

#define HERITAGE_HUGE (2UL << 20)	/* bytes of a huge page */
#define HERITAGE_WARM (64UL << 20)	/* bytes of its shards that a spare touches at most */

#ifdef SANITIZED
#define HERITAGE_STDERR 2		/* sanitizers report there */
#else
#define HERITAGE_STDERR (-1)
#endif

int
heritage_take(struct heritage *h, enum heritage_kind kind)
{
	ssize_t n = pread(HERITAGE_PAPER, h, sizeof(*h), 0);

	if (n < 0)
		return -errno;
	if (n != (ssize_t)sizeof(*h) || h->magic != HERITAGE_MAGIC || h->size != sizeof(*h) || h->kind != kind)
		return -EPROTO;
	if (h->tenants > CONFIG_MAX_TENANTS || h->workers > CONFIG_MAX_WORKERS || h->legs > 2)
		return -EPROTO;
	h->name[CONFIG_NAME_MAX - 1] = '\0';
	close(HERITAGE_PAPER);
	return 0;
}

/* Is fd a file of exactly size bytes? Then no page of a mapping of it lies behind its end. */
static bool
heritage_sized(int fd, uint64_t size)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size >= 0 && (uint64_t)st.st_size == size;
}

/* Check the header of the region in fd and compute its layout. Returns NULL or what is wrong. */
static const char *
heritage_layout(struct layout *l, int fd, uint64_t size)
{
	size_t length = (sizeof(struct layout_header) + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
	const char *wrong;
	void *header;

	if (!heritage_sized(fd, size) || size < length)
		return "the region is not there or has another size than announced";
	header = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
	if (header == MAP_FAILED)
		return "the header of the region cannot be mapped";
	wrong = layout_check(l, header, (size_t)size);
	munmap(header, length);
	return wrong;
}

/*
 * Reserve size bytes nobody can touch, that begin where a huge page may, with a guard page at least on either side. Returns
 * NULL when there is no room.
 */
static uint8_t *
heritage_reserve(size_t size)
{
	uint8_t *base = mmap(NULL, size + HERITAGE_HUGE + 2UL * LAYOUT_PAGE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return base == MAP_FAILED ? NULL : base + HERITAGE_HUGE - ((uintptr_t)base & (HERITAGE_HUGE - 1));
}

/*
 * Wish for huge pages, which the kernel grants where the administrator allows them for shared memory, or for the file system
 * that the region lies in: fewer misses when many bindings are looked up, and a dead worker is taken apart sooner.
 */
static void
heritage_huge(uint8_t *from, size_t size)
{
	if (madvise(from, size, MADV_HUGEPAGE) != 0)
		return;			/* a kernel without them */
}

/* Map bytes from to to of fd over their place in the reserved range. */
static bool
heritage_part(uint8_t *base, int fd, size_t from, size_t to, int prot)
{
	return from == to ||
	       mmap(base + from, to - from, prot, MAP_SHARED | MAP_FIXED, fd, (off_t)from) != MAP_FAILED;
}

/* Map the image in fd read-only and check it. Returns NULL or what is wrong. */
static const char *
heritage_image(const struct image **image, int fd)
{
	struct image *map;

	if (!heritage_sized(fd, sizeof(struct image)))
		return "the configuration image is not there or has another size";
	map = mmap(NULL, sizeof(struct image), PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return "the configuration image cannot be mapped";
	if (map->magic != IMAGE_MAGIC || map->size != sizeof(struct image) || atomic_load_32(&map->generation) == 0)
		return "the configuration image is another build's";
	*image = map;
	return NULL;
}

/* Map an old region read-only; shards other than those that owners gives to w become inaccessible. */
static const char *
heritage_old(struct heritage_maps *m, uint64_t size, const struct layout_owners *owners, unsigned w)
{
	const struct layout_shape *shape = &m->old.shape;
	const char *wrong;
	uint8_t *base;

	if (!heritage_sized(HERITAGE_OLD, size))
		return "the old region is not there or has another size than announced";
	base = mmap(NULL, size, PROT_READ, MAP_SHARED, HERITAGE_OLD, 0);
	if (base == MAP_FAILED)
		return "the old region cannot be mapped";
	wrong = foreign_check(&m->old, base, size);
	if (wrong)
		return wrong;
	if (shape->shards != m->layout.g.shards)
		return "the old region has other shards";
	for (unsigned s = 0; s < shape->shards; s++) {
		uint64_t from = (shape->first_shard + s * shape->shard_size + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
		uint64_t to = (shape->first_shard + (s + 1) * shape->shard_size) / LAYOUT_PAGE * LAYOUT_PAGE;

		if (atomic_load_8(&owners->worker[s]) != w && from < to && mprotect(base + from, to - from, PROT_NONE) != 0)
			return "the old region cannot be closed";
	}
	return NULL;
}

/*
 * Have the page tables filled now for what is there, so that the first touch costs nothing later. It is read, too: below
 * a hypervisor that keeps page tables of its own, only that fills those. A mere wish.
 */
static void
heritage_touch(const uint8_t *at, size_t size, int advice)
{
	const volatile uint8_t *page = at;

	if (madvise((void *)(uintptr_t)at, size, advice) != 0)
		return;			/* before Linux 5.14 */
	for (size_t i = 0; i < size; i += LAYOUT_PAGE)
		(void)page[i];
}

/* What of a shard is in use, up to room bytes. Returns the room that is left. */
static size_t
heritage_touch_shard(const struct heritage_maps *m, unsigned s, size_t room)
{
	off_t at = (off_t)layout_shard(&m->layout, s), end = at + (off_t)m->layout.shard_size, hole;

	for (; room > 0; at = hole) {
		at = lseek(HERITAGE_REGION, at, SEEK_DATA);
		hole = at < 0 || at >= end ? -1 : lseek(HERITAGE_REGION, at, SEEK_HOLE);
		if (hole <= at)
			break;
		hole = hole < end ? hole : end;
		if ((size_t)(hole - at) > room)
			hole = at + (off_t)room;
		heritage_touch((uint8_t *)m->region + at, (size_t)(hole - at), MADV_POPULATE_WRITE);
		room -= (size_t)(hole - at);
	}
	return room;
}

/* The heads of the rings of worker w, and the beginning of each packet that one in its slot may have had in hand. */
static void
heritage_touch_worker(uint8_t *base, const struct layout *l, unsigned w)
{
	for (unsigned i = w * LAYOUT_BUFFERS; i < (w + 1) * LAYOUT_BUFFERS; i++) {
		size_t packet = l->buffers + i * (size_t)l->buffer_stride + LAYOUT_HEADROOM;

		heritage_touch(base + packet / LAYOUT_PAGE * LAYOUT_PAGE, LAYOUT_PAGE, MADV_POPULATE_WRITE);
	}
	for (unsigned other = 0; other < l->g.workers; other++) {
		heritage_touch(base + layout_ring(l, w, other), LAYOUT_PAGE, MADV_POPULATE_WRITE);
		heritage_touch(base + layout_ring(l, other, w), LAYOUT_PAGE, MADV_POPULATE_WRITE);
	}
}

/* What all workers say of themselves, the owners, and what is kept. */
static void
heritage_touch_common(uint8_t *base, const struct layout *l)
{
	heritage_touch(base, l->counters, MADV_POPULATE_READ);
	heritage_touch(base + l->counters, l->buffers - l->counters, MADV_POPULATE_WRITE);
	heritage_touch(base + l->kept, l->kept_packets - l->kept, MADV_POPULATE_WRITE);
}

void
heritage_warm_spare(const struct heritage_maps *m)
{
	const struct layout *l = &m->layout;
	uint8_t *base = m->region;

	heritage_touch_common(base, l);
	for (unsigned w = 0; w < l->g.workers; w++)
		heritage_touch_worker(base, l, w);
	for (unsigned s = 0; s < l->g.shards; s++)
		heritage_touch(base + layout_shard(l, s), LAYOUT_PAGE, MADV_POPULATE_WRITE);
}

void
heritage_warm_worker(const struct heritage_maps *m, unsigned w)
{
	const struct layout *l = &m->layout;
	const struct layout_owners *owners = layout_at(m->region, l->owners);
	size_t room = HERITAGE_WARM;

	heritage_touch_common(m->region, l);
	heritage_touch_worker(m->region, l, w);
	for (unsigned s = 0; s < l->g.shards; s++)
		if (atomic_load_8(&owners->worker[s]) == w)
			room = heritage_touch_shard(m, s, room);
}

const char *
heritage_map_spare(struct heritage_maps *m, const struct heritage *h)
{
	struct layout *l = &m->layout;
	const char *wrong = heritage_layout(l, HERITAGE_REGION, h->region_size[0]);
	uint8_t *base;

	if (wrong)
		return wrong;
	base = heritage_reserve(l->size);
	if (!base)
		return "no address space for the region";
	if (!heritage_part(base, HERITAGE_REGION, 0, l->counters, PROT_READ) ||
	    !heritage_part(base, HERITAGE_REGION, l->counters, l->size, PROT_READ | PROT_WRITE))
		return "the region cannot be mapped";
	heritage_huge(base + l->shards, l->size - l->shards);
	m->region = base;
	m->old.base = NULL;
	m->old_lasting = h->old_lasting;
	m->offload = h->offload;
	m->legs = h->legs;
	return heritage_image(&m->image, HERITAGE_IMAGE);
}

/*
 * Make this inaccessible for ever. To unmap it would take long while the kernel takes a predecessor apart that had the same
 * pages, and packets wait; so it is forbidden and then sealed, where the kernel can (Linux 6.10).
 */
static bool
heritage_bar(uint8_t *from, size_t size)
{
	if (mprotect(from, size, PROT_NONE) == 0 && syscall(HERITAGE_MSEAL, from, size, 0) == 0)
		return true;
	return mmap(from, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

const char *
heritage_map_worker(struct heritage_maps *m, const struct heritage *h, unsigned w)
{
	const struct layout *l = &m->layout;
	const struct layout_owners *owners = layout_at(m->region, l->owners);
	uint8_t *base = m->region;
	unsigned s = 0, first;

	if (w >= l->g.workers)
		return "the region has no place for this worker";
	while (s < l->g.shards) {
		first = s;
		while (s < l->g.shards && atomic_load_8(&owners->worker[s]) != w)
			s++;
		if (s > first && !heritage_bar(base + layout_shard(l, first), (s - first) * l->shard_size))
			return "another worker's shards cannot be closed";
		s += s < l->g.shards;
	}
	return h->old_size ? heritage_old(m, h->old_size, owners, w) : NULL;
}

const char *
heritage_map_ctl(struct heritage_maps *m, const struct heritage *h, unsigned tenant)
{
	int region = HERITAGE_REGION + 2 * (int)tenant;
	struct layout *l = &m->layout;
	const char *wrong;
	uint8_t *base;

	if (tenant >= h->tenants)
		return "there is no such tenant";
	wrong = heritage_layout(l, region, h->region_size[tenant]);
	if (wrong)
		return wrong;
	base = heritage_reserve(l->size);
	if (!base)
		return "no address space for the region";
	if (!heritage_part(base, region, 0, l->secret, PROT_READ) ||
	    !heritage_part(base, region, l->owners, l->size, PROT_READ))
		return "the region cannot be mapped";
	m->region = base;
	return heritage_image(&m->image, HERITAGE_IMAGE + 2 * (int)tenant);
}

const struct status *
heritage_map_status(void)
{
	struct status *map;

	if (!heritage_sized(HERITAGE_STATUS, sizeof(struct status)))
		return NULL;
	map = mmap(NULL, sizeof(struct status), PROT_READ, MAP_SHARED, HERITAGE_STATUS, 0);
	if (map == MAP_FAILED)
		return NULL;
	return map->magic == STATUS_MAGIC && map->size == sizeof(struct status) ? map : NULL;
}

/* Close every descriptor that is not among the n ascending ones in keep. Returns 0 or -errno. */
static int
heritage_close_others(const int *keep, unsigned n)
{
	unsigned from = 0;

	for (unsigned i = 0; i < n; i++) {
		if ((unsigned)keep[i] > from && close_range(from, (unsigned)keep[i] - 1, 0) != 0)
			return -errno;
		from = (unsigned)keep[i] + 1;
	}
	return close_range(from, ~0U, 0) == 0 ? 0 : -errno;
}

int
heritage_settle_worker(const struct heritage *h, unsigned w)
{
	int keep[5 + CONFIG_MAX_WORKERS];
	unsigned n = 0;

	if (w >= h->workers)
		return -EINVAL;
	if (dup2(HERITAGE_QUEUES + (int)w, HERITAGE_QUEUE) < 0 || dup2(HERITAGE_BELLS + (int)w, HERITAGE_BELL) < 0 ||
	    dup2(HERITAGE_ASSIGN, HERITAGE_CALLED) < 0)
		return -errno;
	if (h->legs == 2 && dup2(HERITAGE_QUEUES4 + (int)w, HERITAGE_QUEUE4) < 0)
		return -errno;
	if (HERITAGE_STDERR >= 0)
		keep[n++] = HERITAGE_STDERR;
	keep[n++] = HERITAGE_QUEUE;
	keep[n++] = HERITAGE_BELL;
	if (h->legs == 2)
		keep[n++] = HERITAGE_QUEUE4;
	keep[n++] = HERITAGE_CALLED;
	for (unsigned i = 0; i < h->workers; i++)
		if (i != w)
			keep[n++] = HERITAGE_BELLS + (int)i;
	return heritage_close_others(keep, n);
}

int
heritage_settle_ctl(const struct heritage *h)
{
	int keep[4 + HERITAGE_PAPER - HERITAGE_METRICS];
	unsigned n = 0;

	if (h->listeners > HERITAGE_PAPER - HERITAGE_METRICS)
		return -EINVAL;
	for (int fd = 0; fd <= HERITAGE_CONTROL; fd++)
		keep[n++] = fd;
	for (unsigned i = 0; i < h->listeners; i++)
		keep[n++] = HERITAGE_METRICS + (int)i;
	return heritage_close_others(keep, n);
}
