/*
 * snapshot.c - a table on a disk, while the host reboots
 *
 * A region describes itself (shm/layout.h), so a copy of it is all that is needed: whoever reads it brings the bindings over as
 * from any old region (worker/xlat/import.c), whatever build wrote it. Of a region only what was ever touched exists; the
 * copy is a list of those extents. It is summed as it is written, synced, and gets its name when it is whole, so a power
 * failure leaves none; and an earlier one, which time has passed over, is removed first.
 *
 * Table time counts the seconds since a moment on the clock that begins at boot. The copy notes what time it was, and
 * loading moves that moment so that the table is older by as long as the host was away, going by the wall clock; if that was
 * set back meanwhile, nothing has aged.
 *
 * The file holds the secrets of the table: it is for root alone, in a directory that only root can write.
 *
 * Must never: read a file that somebody else could have written; write outside the region it says it has.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "shm/foreign.h"
#include "shm/hash.h"
#include "supervisor/memory.h"
#include "supervisor/snapshot.h"

#define SNAPSHOT_MAGIC UINT64_C(0x504e533436544e00)
#define SNAPSHOT_VERSION 1
#define SNAPSHOT_CHUNK 65536
#define SNAPSHOT_MOST (UINT64_C(1) << 40)	/* bytes of a region; a longer one is none of ours */

struct snapshot_head {
	uint64_t magic;
	uint32_t version, pad;
	uint64_t size;			/* of the region */
	uint64_t wall, boot;		/* seconds since 1970 and since boot when it was written */
};

/* Then extents, each followed by its bytes; one of length 0 is the last, and the sum over everything before follows it. */
struct snapshot_extent {
	uint64_t offset, length;
};

/* A file being written or read, with the sum so far. */
struct snapshot_stream {
	FILE *file;
	uint64_t sum;
};

static void
add(struct snapshot_stream *s, const void *data, size_t n)
{
	static const uint8_t key[16] = "nat64 snapshot";
	uint64_t words[2] = { s->sum, n }, last = 0;

	s->sum = hash_words(key, words, 2) ^ hash_words(key, data, (unsigned)(n / sizeof(uint64_t)));
	memcpy(&last, (const uint8_t *)data + n / sizeof(uint64_t) * sizeof(uint64_t), n % sizeof(uint64_t));
	s->sum ^= last * 3;
}

static bool
put(struct snapshot_stream *s, const void *data, size_t n)
{
	add(s, data, n);
	return fwrite(data, 1, n, s->file) == n;
}

static bool
get(struct snapshot_stream *s, void *data, size_t n)
{
	if (fread(data, 1, n, s->file) != n)
		return false;
	add(s, data, n);
	return true;
}

static uint64_t
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec;
}

static void
path_of(char out[PATH_MAX], const char *directory, const char *tenant, const char *end)
{
	snprintf(out, PATH_MAX, "%s/%s.snapshot%s", directory, tenant, end);
}

static int
put_extent(struct snapshot_stream *s, int fd, uint64_t from, uint64_t to)
{
	static uint64_t chunk[SNAPSHOT_CHUNK / sizeof(uint64_t)];
	struct snapshot_extent extent = { from, to - from };

	if (!put(s, &extent, sizeof(extent)))
		return -EIO;
	while (from < to) {
		size_t n = to - from < sizeof(chunk) ? (size_t)(to - from) : sizeof(chunk);

		if (pread(fd, chunk, n, (off_t)from) != (ssize_t)n || !put(s, chunk, n))
			return errno ? -errno : -EIO;
		from += n;
	}
	return 0;
}

static int
put_region(struct snapshot_stream *s, int fd, uint64_t size)
{
	struct snapshot_head head = {
		.magic = SNAPSHOT_MAGIC, .version = SNAPSHOT_VERSION, .size = size,
		.wall = seconds(CLOCK_REALTIME), .boot = seconds(CLOCK_BOOTTIME),
	};
	struct snapshot_extent end = { 0, 0 };
	int rc = put(s, &head, sizeof(head)) ? 0 : -EIO;

	for (off_t at = 0; rc == 0 && (uint64_t)at < size;) {
		off_t from = lseek(fd, at, SEEK_DATA), to = from < 0 ? -1 : lseek(fd, from, SEEK_HOLE);

		if (from < 0 && errno == ENXIO)
			break;			/* nothing but a hole is left */
		if (from < 0 || to < 0)
			return -errno;
		rc = put_extent(s, fd, (uint64_t)from, (uint64_t)to < size ? (uint64_t)to : size);
		at = to;
	}
	if (rc == 0 && !put(s, &end, sizeof(end)))
		rc = -EIO;
	if (rc == 0 && fwrite(&s->sum, sizeof(s->sum), 1, s->file) != 1)
		rc = -EIO;
	return rc;
}

int64_t
snapshot_save(int fd, uint64_t size, const char *directory, const char *tenant)
{
	char path[PATH_MAX], unfinished[PATH_MAX];
	struct snapshot_stream s = { .sum = 0 };
	int64_t length;
	int file, rc;

	path_of(path, directory, tenant, "");
	path_of(unfinished, directory, tenant, MEMORY_NEW);
	unlink(path);			/* what it says has been going on since */
	unlink(unfinished);
	file = open(unfinished, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	s.file = file < 0 ? NULL : fdopen(file, "w");
	if (!s.file) {
		rc = -errno;
		if (file >= 0)
			close(file);
		return rc;
	}
	rc = put_region(&s, fd, size);
	length = ftello(s.file);
	if (rc == 0 && (fflush(s.file) != 0 || fsync(file) != 0))
		rc = -errno;
	if (fclose(s.file) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(unfinished, path) != 0)
		rc = -errno;
	if (rc != 0)
		unlink(unfinished);
	return rc == 0 ? length : rc;
}

/* All extents into fd. Returns NULL or what is wrong. */
static const char *
get_extents(struct snapshot_stream *s, int fd, uint64_t size)
{
	static uint64_t chunk[SNAPSHOT_CHUNK / sizeof(uint64_t)];
	struct snapshot_extent extent;
	uint64_t sum, next = 0;

	while (get(s, &extent, sizeof(extent)) && extent.length > 0) {
		if (extent.offset < next || extent.offset > size || extent.length > size - extent.offset)
			return "its parts do not fit into it";
		next = extent.offset + extent.length;
		for (uint64_t at = extent.offset; at < next;) {
			size_t n = next - at < sizeof(chunk) ? (size_t)(next - at) : sizeof(chunk);

			if (!get(s, chunk, n))
				return "it is cut short";
			if (pwrite(fd, chunk, n, (off_t)at) != (ssize_t)n)
				return "there is no room for it";
			at += n;
		}
	}
	if (feof(s->file) || ferror(s->file) || fread(&sum, sizeof(sum), 1, s->file) != 1)
		return "it is cut short";
	return sum == s->sum ? NULL : "it is damaged";
}

/* Let the table in fd be older by as long as the host was away. Returns NULL or what is wrong. */
static const char *
age(int fd, const struct snapshot_head *head)
{
	uint64_t wall = seconds(CLOCK_REALTIME), away = wall > head->wall ? wall - head->wall : 0, epoch;
	struct foreign foreign;
	const char *wrong;
	void *map = memory_map(fd, (size_t)head->size);

	if (!map)
		return "there is no room for it";
	wrong = foreign_check(&foreign, map, head->size);
	if (!wrong) {
		epoch = foreign_epoch(&foreign) - head->boot + seconds(CLOCK_BOOTTIME) - away;
		memcpy((uint8_t *)map + foreign.shape.header_epoch, &epoch, sizeof(epoch));
	}
	memory_unmap(map, (size_t)head->size);
	return wrong;
}

static int
load(struct snapshot_stream *s, const char **wrong)
{
	struct snapshot_head head;
	int fd;

	*wrong = "it is no snapshot of a table";
	if (!get(s, &head, sizeof(head)) || head.magic != SNAPSHOT_MAGIC)
		return -EPROTO;
	*wrong = "it is of another version";
	if (head.version != SNAPSHOT_VERSION)
		return -EPROTO;
	*wrong = "its size is out of bounds";
	if (head.size < LAYOUT_PAGE || head.size > SNAPSHOT_MOST)
		return -EPROTO;
	*wrong = "there is no room for it";
	fd = memory_create("nat64-snapshot", (size_t)head.size);
	if (fd < 0)
		return fd;
	*wrong = get_extents(s, fd, head.size);
	if (!*wrong)
		*wrong = age(fd, &head);
	if (!*wrong)
		return fd;
	close(fd);
	return -EPROTO;
}

int
snapshot_load(const char *directory, const char *tenant, const char **wrong)
{
	struct snapshot_stream s = { .sum = 0 };
	char path[PATH_MAX];
	struct stat st;
	int file, rc;

	path_of(path, directory, tenant, "");
	if (stat(directory, &st) == 0 && (st.st_uid != 0 || (st.st_mode & 022))) {
		*wrong = "somebody else than root can write in its directory";
		return access(path, F_OK) == 0 ? -EPERM : -ENOENT;
	}
	file = memory_claim(path, wrong);
	if (file < 0)
		return file;
	s.file = fdopen(file, "r");
	if (!s.file) {
		*wrong = strerror(errno);
		close(file);
		return -ENOMEM;
	}
	rc = load(&s, wrong);
	fclose(s.file);
	return rc;
}

void
snapshot_forget(const char *directory, const char *tenant)
{
	char path[PATH_MAX];

	path_of(path, directory, tenant, "");
	unlink(path);
}
