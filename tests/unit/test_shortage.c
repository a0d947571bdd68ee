// links: supervisor/shortage.o supervisor/region.o supervisor/memory.o supervisor/log.o
/*
 * test_shortage.c - what is said of refused packets: what is new, once a minute, whatever the counters do
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "shm/counters.h"
#include "supervisor/log.h"
#include "supervisor/shortage.h"
#include "tests/unit/unit.h"
#include "tests/world.h"

static struct region region;
static struct counters_row *row;
static struct shortage shortage;
static int said[2];			/* a pipe in place of stderr */

/* Look; what was said goes to text, "" for nothing. Returns its length. */
static size_t
look(uint64_t now, char text[1000])
{
	int saved = dup(2);
	uint64_t again;
	ssize_t n;

	dup2(said[1], 2);
	again = shortage_look(&shortage, "blue", &region, now);
	dup2(saved, 2);
	close(saved);
	assert_int_equal(again, shortage.at);
	n = read(said[0], text, 999);
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void
what_is_new_once_a_minute(void **state)
{
	char text[1000];
	void *map;

	(void)state;
	assert_int_equal(pipe2(said, O_NONBLOCK), 0);
	map = mmap(NULL, region.layout.g.workers * sizeof(*row), PROT_READ | PROT_WRITE, MAP_SHARED, region.fd,
		   (off_t)region.layout.counters);
	assert_true(map != MAP_FAILED);
	row = map;
	row[0].verdict[NAT64_FROM_IP6][NAT64_bindings_quota] = 100;
	assert_int_equal(look(5000, text), 0);			/* old */
	assert_int_equal(shortage.at, 6000);
	row[0].verdict[NAT64_FROM_IP6][NAT64_translated] = 7;
	assert_int_equal(look(6000, text), 0);			/* not its business */
	row[0].verdict[NAT64_FROM_IP6][NAT64_bindings_quota] += 3;
	row[1].verdict[NAT64_FROM_IP4][NAT64_sessions_quota] += 4;
	assert_int_equal(look(6500, text), 0);			/* not yet time to look */
	look(7000, text);
	assert_non_null(strstr(text, "tenant blue"));
	assert_non_null(strstr(text, ": bindings_quota 3, sessions_quota 4; "));
	row[1].verdict[NAT64_FROM_IP6][NAT64_bindings_quota] += 5;
	for (uint64_t now = 8000; now < 67000; now += 1000)
		assert_int_equal(look(now, text), 0);
	look(67000, text);
	assert_non_null(strstr(text, ": bindings_quota 5; "));
	row[0].verdict[NAT64_FROM_IP6][NAT64_bindings_quota] = 0;	/* a new table, not filled yet */
	assert_int_equal(look(200000, text), 0);
	row[0].verdict[NAT64_FROM_IP6][NAT64_bindings_quota] = 103;
	assert_int_equal(look(300000, text), 0);
	for (unsigned v = 0; v < NAT64_N_VERDICTS; v++)			/* a hostile one */
		row[0].verdict[NAT64_FROM_IP6][v] = UINT64_MAX / 2;
	assert_in_range(look(400000, text), 100, 900);
	munmap(map, region.layout.g.workers * sizeof(*row));
}

static int
build(void **state)
{
	struct config_tenant config = world_config();

	(void)state;
	config.workers = 2;
	return region_open(&region, &config, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_new_once_a_minute) };

	return cmocka_run_group_tests(tests, build, NULL);
}
