/*
 * test_index.c - a large index as full as it gets without a failure; full buckets; what is there is found, nothing else is
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/unit.h"
#include "shm/hash.h"
#include "shm/index.h"

#define BUCKETS 131071u
#define CELLS (BUCKETS * INDEX_BUCKET)
#define MOST (BUCKETS * INDEX_FILL)

static const uint8_t key[16] = { 8, 6, 7, 5, 3, 0, 9 };

static uint64_t
hash_of(uint64_t n)
{
	return hash_words(key, &n, 1);
}

static bool
found(const uint32_t *cells, uint32_t buckets, uint64_t hash, uint32_t number)
{
	struct index_walk w = index_begin(cells, buckets, hash);
	int64_t n;

	while ((n = index_next(&w)) >= 0)
		if (n == number)
			return true;
	return false;
}

static bool
put(uint32_t *cells, uint32_t buckets, uint64_t hash, uint32_t number)
{
	int64_t cell = index_place(cells, buckets, hash);

	if (cell < 0)
		return false;
	assert_true(cell < (int64_t)buckets * INDEX_BUCKET);
	assert_int_equal(cells[cell], 0);
	cells[cell] = index_value(hash, number);
	return true;
}

/* As full as it was made for: nothing is refused. All is found, what was never put is not, and all can be taken out. */
static void
as_full_as_it_gets(void **state)
{
	uint32_t *cells = calloc(CELLS, sizeof(*cells));
	uint64_t others = 0;

	(void)state;
	for (uint32_t i = 0; i < MOST; i++)
		assert_true(put(cells, BUCKETS, hash_of(i), i));
	for (uint32_t i = 0; i < MOST; i += 5) {
		assert_true(found(cells, BUCKETS, hash_of(i), i));
		assert_true(index_cell(cells, BUCKETS, hash_of(i), i) >= 0);
		assert_int_equal(index_cell(cells, BUCKETS, hash_of(i + CELLS), i), -1);
	}
	for (uint32_t i = 0; i < 100000; i++) {
		struct index_walk w = index_begin(cells, BUCKETS, hash_of(CELLS + (uint64_t)i));

		while (index_next(&w) >= 0)
			others++;
	}
	assert_in_range(others, 14500, 16500);	/* 20 of 32 cells are used, one in 128 has the same tag: 0.156 */
	for (uint32_t i = 0; i < MOST; i++)
		cells[index_cell(cells, BUCKETS, hash_of(i), i)] = 0;
	for (uint32_t i = 0; i < CELLS; i++)
		assert_int_equal(cells[i], 0);
	free(cells);
}

/* Come and go for long in an index as full as it gets, as bindings do. */
static void
churn(void **state)
{
	enum { SMALL = 1000, LIVE = SMALL * INDEX_FILL };
	uint32_t *cells = calloc((size_t)SMALL * INDEX_BUCKET, sizeof(*cells));
	uint64_t *name = calloc(LIVE, sizeof(*name)), next = 0, seed = 1;

	(void)state;
	for (uint32_t i = 0; i < LIVE; i++)
		assert_true(put(cells, SMALL, hash_of(name[i] = next++), i));
	for (unsigned round = 0; round < 1000000; round++) {
		uint32_t i = (uint32_t)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 33) % LIVE;
		int64_t cell = index_cell(cells, SMALL, hash_of(name[i]), i);

		assert_true(cell >= 0);
		cells[cell] = 0;
		assert_true(put(cells, SMALL, hash_of(name[i] = next++), i));
	}
	for (uint32_t i = 0; i < LIVE; i++)
		assert_true(found(cells, SMALL, hash_of(name[i]), i));
	free(cells);
	free(name);
}

static void
full_buckets(void **state)
{
	uint32_t cells[4 * INDEX_BUCKET] = { 0 };
	uint64_t hash = UINT64_C(0xab80000040000000);	/* buckets 1 and 2 of 4 */

	(void)state;
	for (uint32_t i = 0; i < 32; i++)
		assert_true(put(cells, 4, hash, i));
	assert_int_equal(index_place(cells, 4, hash), -1);
	for (uint32_t i = 0; i < 32; i++)
		assert_true(found(cells, 4, hash, i));
	for (unsigned i = 0; i < INDEX_BUCKET; i++)
		assert_true(cells[i] == 0 && cells[3 * INDEX_BUCKET + i] == 0);
	cells[INDEX_BUCKET + 5] = 0;
	assert_int_equal(index_place(cells, 4, hash), INDEX_BUCKET + 5);
	cells[INDEX_BUCKET + 5] = index_value(hash, 77);
	assert_true(found(cells, 4, hash, 77));
}

/* Both choices may be one bucket; then 16 fit, and none is reported twice. */
static void
one_bucket(void **state)
{
	uint32_t cells[INDEX_BUCKET] = { 0 };
	struct index_walk w;
	unsigned times = 0;

	(void)state;
	for (uint32_t i = 0; i < 16; i++)
		assert_true(put(cells, 1, UINT64_C(7) << 56, i));
	assert_int_equal(index_place(cells, 1, UINT64_C(7) << 56), -1);
	w = index_begin(cells, 1, UINT64_C(7) << 56);
	while (index_next(&w) >= 0)
		times++;
	assert_int_equal(times, 16);
	assert_int_equal(index_cell(cells, 1, UINT64_C(8) << 56, 3), -1);
}

/* The same hash may stand for several numbers, the largest number there is among them; 0 is a number too. */
static void
duplicates(void **state)
{
	uint32_t cells[8 * INDEX_BUCKET] = { 0 };
	uint64_t hash = hash_of(1) & ~(UINT64_C(0xff) << 56);	/* tag 0 */

	(void)state;
	assert_true(put(cells, 8, hash, 0));
	assert_true(put(cells, 8, hash, INDEX_NUMBER - 1));
	assert_true(put(cells, 8, hash, 5));
	assert_true(found(cells, 8, hash, 0) && found(cells, 8, hash, 5) && found(cells, 8, hash, INDEX_NUMBER - 1));
	cells[index_cell(cells, 8, hash, 0)] = 0;
	assert_false(found(cells, 8, hash, 0));
	assert_true(found(cells, 8, hash, 5) && found(cells, 8, hash, INDEX_NUMBER - 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_full_as_it_gets), cmocka_unit_test(churn), cmocka_unit_test(full_buckets),
		cmocka_unit_test(one_bucket), cmocka_unit_test(duplicates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
