/*
 * test_snapshot.c - a table is written to a file and read back; whatever is wrong with the file is found out
 */
// links: supervisor/snapshot.o supervisor/memory.o
#include "tests/unit/unit.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "shm/foreign.h"
#include "supervisor/memory.h"
#include "supervisor/snapshot.h"
#include "tests/world.h"

static char directory[] = "/tmp/test_snapshot_XXXXXX";
static char path[64];
static uint64_t size;
static int region;			/* memfd of the table that is saved */

static int
setup(void **state)
{
	struct config_tenant c = world_config();
	uint8_t seed[LAYOUT_SEED_SIZE] = { 1, 2, 3 };
	struct layout_geometry g;
	struct layout l;
	void *map;

	(void)state;
	c.pool.item[0].port_max = 2047;
	c.max_sessions = 256;
	layout_geometry(&g, &c);
	g.addresses = 1;
	if (!mkdtemp(directory) || !layout_plan(&l, &g))
		return -1;
	snprintf(path, sizeof(path), "%s/blue.snapshot", directory);
	size = l.size;
	region = memory_create("test", size);
	map = memory_map(region, size);
	if (!map)
		return -1;
	layout_init(map, &l, &c, 1000, seed);
	memory_unmap(map, size);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	close(region);
	return rmdir(directory);
}

static void
comes_back(void **state)
{
	struct foreign was, is;
	const char *wrong = "";
	uint8_t *before, *after;
	int64_t length;
	struct stat st;
	int fd;

	(void)state;
	length = snapshot_save(region, size, directory, "blue");
	assert_true(length > LAYOUT_PAGE && (uint64_t)length < size + 65536);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	fd = snapshot_load(directory, "blue", &wrong);
	assert_true(fd >= 0);
	before = mmap(NULL, size, PROT_READ, MAP_SHARED, region, 0);
	after = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_true(before != MAP_FAILED && after != MAP_FAILED);
	assert_null(foreign_check(&was, before, size));
	assert_null(foreign_check(&is, after, size));
	assert_in_range(foreign_epoch(&is) - 990, 0, 20);	/* read back at once: nothing has aged */
	memcpy(after + is.shape.header_epoch, before + is.shape.header_epoch, 8);
	assert_memory_equal(before, after, size);
	munmap(before, size);
	munmap(after, size);
	close(fd);
	snapshot_forget(directory, "blue");
	assert_int_equal(snapshot_load(directory, "blue", &wrong), -ENOENT);
}

/* The file with n bytes from `at` on replaced, or cut off there. */
static void
damage(const uint8_t *whole, size_t length, size_t at, const uint8_t *bytes, size_t n)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fchmod(fileno(out), 0600), 0);
	assert_int_equal(fwrite(whole, 1, bytes ? length : at, out), bytes ? length : at);
	if (bytes) {
		assert_int_equal(fseek(out, (long)at, SEEK_SET), 0);
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	}
	assert_int_equal(fclose(out), 0);
}

static void
refused(const char *words)
{
	const char *wrong = NULL;
	int rc = snapshot_load(directory, "blue", &wrong);

	assert_true(rc < 0 && wrong);
	if (words)
		assert_string_equal(wrong, words);
}

static void
damaged(void **state)
{
	int64_t length = snapshot_save(region, size, directory, "blue");
	static const uint64_t far[2] = { UINT64_MAX - 4096, 8192 };
	uint8_t *whole = malloc((size_t)length);
	FILE *in = fopen(path, "r");

	(void)state;
	assert_true(length > 0 && whole && in);
	assert_int_equal(fread(whole, 1, (size_t)length, in), (size_t)length);
	fclose(in);
	for (size_t at = 0; at < (size_t)length; at += at < 60 ? 7 : (size_t)length / 16) {
		uint8_t other = whole[at] ^ (uint8_t)(1u << at % 8);

		damage(whole, (size_t)length, at, &other, 1);
		refused(NULL);
		damage(whole, (size_t)length, at, NULL, 0);
		refused(NULL);
	}
	damage(whole, (size_t)length, 40, (const uint8_t *)far, sizeof(far));
	refused("its parts do not fit into it");
	damage(whole, (size_t)length, (size_t)length - 1, NULL, 0);
	refused("it is cut short");
	free(whole);
}

static void
of_others(void **state)
{
	char link[80];

	(void)state;
	assert_true(snapshot_save(region, size, directory, "blue") > 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chmod(path, 0666), 0);
	refused(NULL);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(directory, 0777), 0);
	refused("somebody else than root can write in its directory");
	assert_int_equal(chmod(directory, 0700), 0);
	snprintf(link, sizeof(link), "%s/there", directory);
	assert_int_equal(rename(path, link), 0);
	assert_int_equal(symlink(link, path), 0);
	refused("it is a symbolic link");
	unlink(link);
	unlink(path);
}

static void
no_room(void **state)
{
	(void)state;
	assert_int_equal(snapshot_save(region, size, "/nonexistent", "blue"), -ENOENT);
	assert_true(snapshot_save(region, size, "/proc", "blue") < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back), cmocka_unit_test(damaged), cmocka_unit_test(of_others), cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
