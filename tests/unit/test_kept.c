/*
 * test_kept.c - who is kept, who is due, in which order, and what a death leaves
 */
#include "tests/unit/unit.h"
#include "shm/kept.h"
#include "tests/world.h"

#define KEPT 130			/* more than two words of a map */
#define SIZE 1500

static struct layout l;
static void *base;
static struct kept_store k;
static uint8_t packet[SIZE];

static int
open_store(void **state)
{
	struct layout_geometry g = {
		.addresses = 1, .shards = 1, .workers = 2, .shard_sessions = 1, .subscriber_prefix = 64, .packet_size = SIZE, .kept = KEPT,
	};

	(void)state;
	assert_true(layout_plan(&l, &g));
	base = aligned_alloc(LAYOUT_PAGE, l.shards);
	memset(base, 0, l.shards);
	kept_open(&k, base, &l, 1);
	return 0;
}

static int
close_store(void **state)
{
	(void)state;
	free(base);
	return 0;
}

static bool
put(uint64_t about, uint16_t note, uint32_t until, uint8_t source)
{
	struct kept what = { .until = until, .len = 100 + note, .about = about, .note = note, .kin.fate = 7, .source = source };

	memset(packet, (int)(about + note), sizeof(packet));
	return kept_put_owner(&k, &what, packet);
}

/* The next that is due at this second is that one; then it is gone. */
static void
take(uint32_t now, uint64_t about, uint16_t note, uint16_t fate)
{
	int place = kept_due(&k, now);
	const uint8_t *data;
	uint32_t len;

	assert_true(place >= 0);
	data = kept_packet(&k, (uint32_t)place, &len);
	assert_int_equal(len, 100 + note);
	assert_int_equal(data[0], (about + note) & 0xff);
	assert_int_equal(data[len - 1], (about + note) & 0xff);
	assert_int_equal(k.line[place].kin.fate, fate);
	kept_free_owner(&k, (uint32_t)place);
}

static void
assert_none(uint32_t now)
{
	assert_int_equal(kept_due(&k, now), KEPT_NONE);
}

static void
time_is_over(void **state)
{
	(void)state;
	assert_none(10);
	assert_true(put(1, 3, 12, 0));
	assert_true(put(2, 3, 13, 0));
	assert_none(10);
	assert_none(11);
	take(12, 1, 3, 7);
	assert_none(12);
	take(20, 2, 3, 7);
	assert_none(20);
}

static void
called(void **state)
{
	(void)state;
	assert_true(put(1, 5, 100, 0));
	assert_true(put(2, 5, 100, 0));
	assert_true(put(1, 0, 100, 0));
	assert_true(put(1, 4, 100, 0));
	kept_call_owner(&k, 3, &(struct layout_kin) { .fate = 0 });
	assert_none(10);
	kept_call_owner(&k, 1, &(struct layout_kin) { .fate = 0 });
	take(10, 1, 0, 0);		/* whose note is 0 comes first */
	take(10, 1, 5, 0);
	take(10, 1, 4, 0);
	assert_none(10);
	take(UINT32_MAX, 2, 5, 7);	/* all of them, now */
	assert_none(UINT32_MAX);
}

static void
a_quarter_for_one(void **state)
{
	(void)state;
	for (unsigned i = 0; i < (KEPT + 3) / 4; i++)
		assert_true(put(i, 1, 100, 5));
	assert_false(put(99, 1, 100, 5));
	for (unsigned i = (KEPT + 3) / 4; i < KEPT; i++)
		assert_true(put(i, 1, 100, (uint8_t)(10 + i)));
	assert_false(put(99, 1, 100, 6));
	kept_call_owner(&k, 0, &(struct layout_kin) { .fate = 0 });
	take(10, 0, 1, 0);
	assert_true(put(999, 1, 100, 5));
	assert_int_equal(kept_about(&k, 999, 0), 0);
	assert_int_equal(kept_about(&k, 999, 1), KEPT_NONE);
}

/* Counting and looking up agree with what is there, also after a successor counted anew, and abouts that share a count. */
static void
counted(void **state)
{
	uint32_t own;

	(void)state;
	assert_int_equal(kept_count(&k, 7, 1, &own) + own, 0);
	for (unsigned i = 0; i < 12; i++)
		assert_true(put(i * KEPT_ABOUTS, 1, 100, (uint8_t)(i % 3)));
	for (unsigned round = 0; round < 2; round++, kept_open(&k, base, &l, 1)) {
		assert_int_equal(kept_count(&k, 7, 1, &own), 12);
		assert_int_equal(own, 4);
		assert_int_equal(kept_count(&k, 8, 1, &own) + own, 0);
		for (unsigned i = 0; i < 12; i++)
			assert_int_equal(kept_about(&k, i * KEPT_ABOUTS, 0), i);
		assert_int_equal(kept_about(&k, 12 * KEPT_ABOUTS, 0), KEPT_NONE);
		assert_int_equal(kept_about(&k, 1, 0), KEPT_NONE);
	}
	kept_call_owner(&k, 0, &(struct layout_kin) { .fate = 8 });
	assert_int_equal(kept_count(&k, 7, 0, &own), 11);
	assert_int_equal(own, 3);
	take(10, 0, 1, 8);
	for (unsigned i = 1; i < 12; i++)
		take(100, i * KEPT_ABOUTS, 1, 7);
	for (unsigned i = 0; i < KEPT_ABOUTS; i++)
		assert_int_equal(k.of_about[i], 0);
}

static void
too_large(void **state)
{
	struct kept what = { .until = 5, .len = SIZE + 1 };

	(void)state;
	assert_false(kept_put_owner(&k, &what, packet));
	assert_none(100);
}

/* A successor finds them, counts them, and knows who was called. The other worker's store is empty. */
static void
successor(void **state)
{
	(void)state;
	for (unsigned i = 0; i < (KEPT + 3) / 4; i++)
		assert_true(put(i, (uint16_t)(i % 2), 100, 5));
	kept_call_owner(&k, 6, &(struct layout_kin) { .fate = 3 });
	kept_open(&k, base, &l, 0);
	assert_none(200);
	kept_open(&k, base, &l, 1);
	assert_false(put(99, 1, 100, 5));
	take(10, 6, 0, 3);
	assert_none(10);
	assert_true(put(6, 0, 11, 5));
	take(11, 6, 0, 7);
}

/* Killed before `until` is stored: nothing is there, and the place is used again. */
static void
died_while_keeping(void **state)
{
	(void)state;
	assert_true(put(1, 1, 100, 5));
	k.line[0].until = 0;
	kept_open(&k, base, &l, 1);
	assert_none(UINT32_MAX);
	assert_int_equal(k.of_source[5], 0);
	assert_true(put(2, 2, 100, 5));
	take(100, 2, 2, 7);
}

/* Whatever a sibling writes: places and lengths stay inside. */
static void
hostile_sibling(void **state)
{
	uint32_t x = 3, len;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t *bytes = (uint8_t *)k.line;
		int place;

		for (unsigned i = 0; i < 8; i++) {
			x = x * 1664525 + 1013904223;
			bytes[x % (KEPT * sizeof(struct kept))] = (uint8_t)(x >> 24);
		}
		if (round % 100 == 0)
			kept_open(&k, base, &l, 1);
		put(round, (uint16_t)(round % 3), round + 2, (uint8_t)x);
		kept_call_owner(&k, round - 1, &(struct layout_kin) { .fate = 0 });
		place = kept_due(&k, round);
		assert_true(place < KEPT);
		if (place < 0)
			continue;
		assert_ptr_equal(kept_packet(&k, (uint32_t)place, &len), k.packets + (size_t)place * l.buffer_stride);
		assert_true(len <= SIZE);
		kept_free_owner(&k, (uint32_t)place);
	}
}

/* A sibling writes other sources, names, times and fates into the lines: what is kept ends all the same, and all of it is counted. */
static void
lines_written_by_others(void **state)
{
	uint32_t own;

	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < (KEPT + 3) / 4; i++)
			assert_true(put(i, 1, 50 + round, 9));
		assert_false(put(1000, 1, 50 + round, 9));
		for (uint32_t i = 0; i < KEPT; i++) {
			k.line[i].until = UINT32_MAX;
			k.line[i].about = 4242;
			k.line[i].source = 200;
			k.line[i].kin.fate = 8;
		}
		assert_int_equal(kept_count(&k, 7, 9, &own), (KEPT + 3) / 4);
		assert_int_equal(own, (KEPT + 3) / 4);
		for (int place; (place = kept_due(&k, 50 + round)) >= 0;)
			kept_free_owner(&k, (uint32_t)place);
		assert_int_equal(kept_count(&k, 7, 9, &own), 0);
		assert_int_equal(k.of_source[9] + k.of_source[200], 0);
		assert_int_equal(kept_about(&k, 4242, 0), KEPT_NONE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(time_is_over, open_store, close_store),
		cmocka_unit_test_setup_teardown(called, open_store, close_store),
		cmocka_unit_test_setup_teardown(a_quarter_for_one, open_store, close_store),
		cmocka_unit_test_setup_teardown(counted, open_store, close_store),
		cmocka_unit_test_setup_teardown(too_large, open_store, close_store),
		cmocka_unit_test_setup_teardown(successor, open_store, close_store),
		cmocka_unit_test_setup_teardown(died_while_keeping, open_store, close_store),
		cmocka_unit_test_setup_teardown(hostile_sibling, open_store, close_store),
		cmocka_unit_test_setup_teardown(lines_written_by_others, open_store, close_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
