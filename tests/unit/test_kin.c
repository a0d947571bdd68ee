/*
 * test_kin.c - ranges against a plain model, who gives way to whom, and what a death or a sibling leaves
 */
#include "tests/unit/unit.h"
#include <stdlib.h>
#include <string.h>
#include "shm/kin.h"

#define NOW 100

static struct kin_bucket *b;
static uint64_t lost;

static int
open_bucket(void **state)
{
	(void)state;
	b = calloc(1, sizeof(*b));
	assert_non_null(b);
	return 0;
}

static int
close_bucket(void **state)
{
	(void)state;
	free(b);
	return 0;
}

static struct kin *
make(uint64_t tag, bool first, uint32_t until)
{
	return kin_make_owner(b, tag, first, NOW, until, &lost);
}

static void
assert_news(struct kin *k, uint32_t at, uint32_t len, bool more, enum kin_news news)
{
	assert_int_equal(kin_news(k, at, len, more), news);
	if (news == KIN_NEW)
		kin_note_owner(k, at, len, more);
}

static void
found_again(void **state)
{
	struct kin *k = make(7, true, NOW + 3);

	(void)state;
	assert_int_equal(lost, 0);
	assert_int_equal(k->state, KIN_WAITING);
	assert_ptr_equal(kin_find(b, 7, NOW), k);
	assert_ptr_equal(kin_find(b, 7, NOW + 2), k);
	assert_null(kin_find(b, 7, NOW + 3));
	assert_null(kin_find(b, 8, NOW));
}

static void
ranges(void **state)
{
	struct kin *k = make(7, true, NOW + 3);

	(void)state;
	assert_false(kin_complete(k));
	assert_news(k, 64, 64, true, KIN_NEW);
	assert_news(k, 64, 64, true, KIN_AGAIN);
	assert_news(k, 64, 64, false, KIN_CONTRADICTS);
	assert_news(k, 64, 56, true, KIN_CONTRADICTS);
	assert_news(k, 0, 72, true, KIN_CONTRADICTS);
	assert_news(k, 0, 200, true, KIN_CONTRADICTS);
	assert_news(k, 120, 8, false, KIN_CONTRADICTS);
	assert_news(k, 0, 8, false, KIN_CONTRADICTS);	/* ends before what was seen */
	assert_int_equal(kin_range(k, 64, 64), 0);
	assert_int_equal(kin_range(k, 64, 56), KIN_RANGES);
	assert_news(k, 192, 7, false, KIN_NEW);
	assert_news(k, 192, 7, false, KIN_AGAIN);
	assert_news(k, 192, 8, true, KIN_CONTRADICTS);
	assert_news(k, 128, 8, false, KIN_CONTRADICTS);
	assert_news(k, 200, 8, true, KIN_CONTRADICTS);
	assert_false(kin_complete(k));
	assert_news(k, 0, 64, true, KIN_NEW);
	assert_false(kin_complete(k));
	assert_news(k, 128, 64, true, KIN_NEW);
	assert_true(kin_complete(k));
	assert_int_equal(k->whole, 199);
}

static void
at_most_128(void **state)
{
	struct kin *k = make(7, true, NOW + 3);

	(void)state;
	for (uint32_t i = 0; i < KIN_RANGES; i++)
		assert_news(k, 8 * i, 8, true, KIN_NEW);
	assert_news(k, 8 * KIN_RANGES, 8, false, KIN_TOO_MANY);
	assert_news(k, 0, 8, true, KIN_AGAIN);
	kin_note_owner(k, 8 * KIN_RANGES, 8, false);
	assert_int_equal(k->ranges, KIN_RANGES);
	assert_false(kin_complete(k));
}

/* Random fragments against a map of bytes. */
static void
against_a_model(void **state)
{
	static uint8_t byte[800];
	uint32_t x = 5;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		struct kin *k = make(round + 1, true, NOW + 3);
		uint32_t end = 0, furthest = 0, seen = 0, n = 0;

		memset(byte, 0, sizeof(byte));
		for (unsigned i = 0; i < 40 && n < KIN_RANGES; i++) {
			uint32_t at, len, overlap = 0, to;
			enum kin_news news;
			bool more;

			x = x * 1664525 + 1013904223;
			at = (x >> 8) % 90 * 8;
			more = x >> 20 & 7;
			len = more ? ((x >> 24) % 8 + 1) * 8 : (x >> 24) % 60 + 1;
			to = at + len;
			for (uint32_t j = at; j < to; j++)
				overlap |= byte[j];
			news = kin_news(k, at, len, more);
			if (news == KIN_AGAIN) {
				assert_true(overlap && kin_range(k, at, len) < KIN_RANGES);
				continue;
			}
			assert_int_equal(news == KIN_NEW, !overlap && (more ? end == 0 || to < end : (end == 0 || to == end) && to >= furthest));
			if (news != KIN_NEW)
				continue;
			kin_note_owner(k, at, len, more);
			memset(byte + at, 1, len);
			end = more ? end : to;
			furthest = to > furthest ? to : furthest;
			seen += len;
			n++;
			assert_int_equal(kin_complete(k), end && seen == end);
		}
	}
}

/* What is over or complete goes first, the oldest of it; the rest only for a first fragment. */
static void
who_gives_way(void **state)
{
	struct kin *k[KIN_WAYS];

	(void)state;
	for (unsigned i = 0; i < KIN_WAYS; i++) {
		k[i] = make(i + 1, false, NOW + 10 + i);
		assert_non_null(k[i]);
		assert_int_equal(lost, 0);
		k[i]->state = KIN_OPEN;
	}
	k[3]->state = k[5]->state = KIN_WAITING;
	k[3]->kept = 1;
	k[5]->kept = 1;
	k[8]->state = k[9]->state = KIN_DONE;
	k[12]->until = NOW;
	assert_ptr_equal(make(101, false, NOW + 50), k[12]);
	k[12]->state = KIN_OPEN;
	assert_ptr_equal(make(102, true, NOW + 50), k[8]);
	assert_int_equal(lost, 0);
	k[8]->state = KIN_OPEN;
	assert_ptr_equal(make(103, false, NOW + 50), k[9]);
	k[9]->state = KIN_OPEN;
	assert_null(make(104, false, NOW + 50));
	assert_int_equal(lost, 0);
	assert_ptr_equal(make(105, true, NOW + 50), k[3]);
	assert_int_equal(lost, 4);
	k[3]->state = KIN_OPEN;
	assert_ptr_equal(make(106, true, NOW + 50), k[5]);
	assert_int_equal(lost, 6);
	k[5]->state = KIN_OPEN;
	assert_ptr_equal(make(107, true, NOW + 50), k[0]);	/* the oldest of those that are under way */
	assert_int_equal(lost, 0);
	assert_null(kin_find(b, 1, NOW));
	assert_non_null(kin_find(b, 107, NOW));
}

/* Over, and met again: the new one is found, not the old one. */
static void
again_after_its_time(void **state)
{
	struct kin *old = make(7, true, NOW + 1), *other = make(8, true, NOW + 9), *k;

	(void)state;
	old->until = NOW - 1;
	other->until = NOW - 2;
	k = make(7, true, NOW + 3);
	assert_ptr_equal(kin_find(b, 7, NOW), k);
}

static void
hostile_sibling(void **state)
{
	uint32_t x = 9;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t *bytes = (uint8_t *)b;
		struct kin *k = make(round % 40 + 1, round & 1, NOW + round % 5);

		for (unsigned i = 0; i < 64; i++) {
			x = x * 1664525 + 1013904223;
			bytes[x % sizeof(*b)] = (uint8_t)(x >> 24);
		}
		if (!k)
			continue;
		k->ranges = round % 3 ? x : k->ranges;
		kin_complete(k);
		assert_true(kin_range(k, 0, 8) <= KIN_RANGES);
		if (kin_news(k, x % 8000 * 8, x % 1000 + 1, x & 1) == KIN_NEW)
			kin_note_owner(k, x % 8000 * 8, x % 1000 + 1, x & 1);
		kin_find(b, x, NOW);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(found_again, open_bucket, close_bucket),
		cmocka_unit_test_setup_teardown(ranges, open_bucket, close_bucket),
		cmocka_unit_test_setup_teardown(at_most_128, open_bucket, close_bucket),
		cmocka_unit_test_setup_teardown(against_a_model, open_bucket, close_bucket),
		cmocka_unit_test_setup_teardown(who_gives_way, open_bucket, close_bucket),
		cmocka_unit_test_setup_teardown(again_after_its_time, open_bucket, close_bucket),
		cmocka_unit_test_setup_teardown(hostile_sibling, open_bucket, close_bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
