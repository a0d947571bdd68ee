// links: worker/handoff.o
/*
 * test_handoff.c - packets between workers, the bell, and patience; two threads that sleep and ring
 */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "tests/unit/unit.h"
#include "supervisor/birth/heritage.h"
#include "tests/world.h"
#include "worker/handoff.h"

#define WORKERS 3
#define MANY 50000

static const struct layout_meta none;
static struct layout_meta meta;
static struct layout l;
static void *region;
static struct handoff h[WORKERS];

static int
open_handoff(void **state)
{
	struct layout_geometry g = { .addresses = 1, .shards = 4, .workers = WORKERS, .shard_sessions = 1, .packet_size = 1500 };

	(void)state;
	assert_true(layout_plan(&l, &g));
	region = calloc(1, l.shards + LAYOUT_PAGE);
	for (unsigned w = 0; w < WORKERS; w++) {
		int bell = eventfd(0, EFD_NONBLOCK);

		assert_int_equal(dup2(bell, HERITAGE_BELLS + (int)w), HERITAGE_BELLS + (int)w);
		close(bell);
		handoff_open(&h[w], region, &l, w);
	}
	return 0;
}

static int
close_handoff(void **state)
{
	(void)state;
	for (unsigned w = 0; w < WORKERS; w++)
		close(HERITAGE_BELLS + (int)w);
	free(region);
	return 0;
}

static bool
rang(unsigned worker)
{
	uint64_t n;

	return read(HERITAGE_BELLS + (int)worker, &n, sizeof(n)) == sizeof(n);
}

static void
every_pair(void **state)
{
	uint32_t got;

	(void)state;
	for (uint32_t round = 0; round < 100; round++)
		for (unsigned a = 0; a < WORKERS; a++)
			for (unsigned b = 0; b < WORKERS; b++) {
				uint32_t data = round << 8 | a << 4 | b;

				assert_int_equal(handoff_give(&h[a], b, &data, sizeof(data), &none), a != b);
			}
	for (uint32_t round = 0; round < 100; round++)
		for (unsigned a = 0; a < WORKERS; a++)
			for (unsigned b = 0; b < WORKERS; b++) {
				assert_int_equal(handoff_take(&h[b], a, &got, &meta), a == b ? 0 : sizeof(got));
				if (a != b)
					assert_int_equal(got, round << 8 | a << 4 | b);
			}
	for (unsigned a = 0; a < WORKERS; a++)
		for (unsigned b = 0; b < WORKERS; b++)
			assert_int_equal(handoff_take(&h[b], a, &got, &meta), 0);
}

/* A worker that is none: numbers come from shared memory, LAYOUT_NO_OWNER among them. */
static void
no_such_worker(void **state)
{
	unsigned tries = 0;

	(void)state;
	for (unsigned w = WORKERS; w < 256; w++) {
		assert_false(handoff_give(&h[0], w, "x", 1, &none));
		assert_false(handoff_patience(&h[0], w, &tries));
	}
	assert_false(handoff_patience(&h[0], 0, &tries));
	assert_int_equal(h[0].rung, 0);
}

static void
bell(void **state)
{
	(void)state;
	assert_true(handoff_give(&h[0], 1, "x", 1, &none));
	handoff_ring(&h[0]);
	assert_false(rang(1));			/* it does not sleep */
	assert_false(handoff_sleep(&h[1]));	/* and may not now */
	handoff_awake(&h[1]);
	assert_int_equal(handoff_take(&h[1], 0, (uint8_t[1500]) { 0 }, &meta), 1);
	assert_true(handoff_sleep(&h[1]));
	assert_true(handoff_sleep(&h[2]));
	handoff_ring(&h[0]);
	assert_false(rang(1));			/* nothing was given since */
	assert_true(handoff_give(&h[0], 1, "x", 1, &none));
	assert_true(handoff_give(&h[0], 1, "y", 1, &none));
	assert_false(rang(1));			/* the batch is not over */
	handoff_ring(&h[0]);
	assert_true(rang(1));
	assert_false(rang(2));
	handoff_ring(&h[0]);
	assert_false(rang(1));
}

/* A bell that rings already, or was never hung up, stops nobody. */
static void
deaf_bells(void **state)
{
	uint64_t most = UINT64_MAX - 1;

	(void)state;
	assert_true(handoff_sleep(&h[1]));
	assert_true(handoff_sleep(&h[2]));
	assert_int_equal(write(HERITAGE_BELLS + 1, &most, sizeof(most)), sizeof(most));
	close(HERITAGE_BELLS + 2);
	assert_true(handoff_give(&h[0], 1, "x", 1, &none));
	assert_true(handoff_give(&h[0], 2, "x", 1, &none));
	handoff_ring(&h[0]);
	assert_int_equal(h[0].rung, 0);
}

/* Who takes nothing is given up after a while, once; when it takes something it is waited for again. */
/* A worker that pretends to take packets, and has no room, costs all of us together no more than one second. */
static void
pretender(void **state)
{
	unsigned waits = 0, tries;

	(void)state;
	while (handoff_give(&h[0], 1, "x", 1, &none))
		;
	for (unsigned packet = 0; packet < 100; packet++)
		for (tries = 0; waits < 100000 && handoff_patience(&h[0], 1, &tries); waits++)
			atomic_store_32(h[0].to[1].tail, waits % 2 - LAYOUT_RING_SLOTS);
	assert_in_range(waits, 5000, 10000);
	atomic_store_32(h[0].to[1].tail, h[0].to[1].mine);
	assert_true(handoff_give(&h[0], 1, "x", 1, &none));
	tries = 0;
	assert_true(handoff_patience(&h[0], 1, &tries));	/* there was room, so there may be again */
}

static void
patience(void **state)
{
	uint8_t packet[1500];
	unsigned tries = 0, waits = 0;

	(void)state;
	while (handoff_give(&h[0], 1, "x", 1, &none))
		;
	while (handoff_patience(&h[0], 1, &tries))
		waits++;
	assert_in_range(waits, 500, 2000);
	tries = 0;
	assert_false(handoff_patience(&h[0], 1, &tries));
	assert_true(handoff_give(&h[0], 2, "x", 1, &none));	/* the other one is not punished */
	assert_int_equal(handoff_take(&h[1], 0, packet, &meta), 1);
	tries = 0;
	assert_true(handoff_patience(&h[0], 1, &tries));
	assert_true(handoff_give(&h[0], 1, "x", 1, &none));
}

/* A worker that is killed asleep leaves its word: its successor must not sleep over what is there. */
static void
killed_asleep(void **state)
{
	(void)state;
	assert_true(handoff_sleep(&h[1]));
	assert_true(handoff_give(&h[0], 1, "x", 1, &none));
	handoff_ring(&h[0]);
	handoff_open(&h[1], region, &l, 1);
	assert_false(handoff_sleep(&h[1]));
	handoff_awake(&h[1]);
	assert_int_equal(handoff_take(&h[1], 0, (uint8_t[1500]) { 0 }, &meta), 1);
}

static void *
giver(void *unused)
{
	(void)unused;
	for (uint32_t n = 0; n < MANY;) {
		n += handoff_give(&h[0], 1, &n, sizeof(n), &none);
		if (n % 7 == 0 || n % 100 > 90)
			handoff_ring(&h[0]);
	}
	handoff_ring(&h[0]);
	return NULL;
}

/* Sleep whenever there is nothing: nobody may sleep for ever over a packet. */
static void
no_lost_wakeup(void **state)
{
	struct pollfd fd = { .fd = HERITAGE_BELLS + 1, .events = POLLIN };
	pthread_t thread;
	uint32_t n = 0, got;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, giver, NULL), 0);
	while (n < MANY) {
		if (handoff_take(&h[1], 0, &got, &meta) == sizeof(got)) {
			assert_int_equal(got, n);
			n++;
			continue;
		}
		if (handoff_sleep(&h[1])) {
			assert_int_equal(poll(&fd, 1, 20000), 1);
			rang(1);
		}
		handoff_awake(&h[1]);
	}
	pthread_join(thread, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_pair, open_handoff, close_handoff),
		cmocka_unit_test_setup_teardown(no_such_worker, open_handoff, close_handoff),
		cmocka_unit_test_setup_teardown(bell, open_handoff, close_handoff),
		cmocka_unit_test_setup_teardown(deaf_bells, open_handoff, close_handoff),
		cmocka_unit_test_setup_teardown(pretender, open_handoff, close_handoff),
		cmocka_unit_test_setup_teardown(patience, open_handoff, close_handoff),
		cmocka_unit_test_setup_teardown(killed_asleep, open_handoff, close_handoff),
		cmocka_unit_test_setup_teardown(no_lost_wakeup, open_handoff, close_handoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
