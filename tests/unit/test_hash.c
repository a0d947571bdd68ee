/*
 * test_hash.c - SipHash-1-3 against another implementation of it, and how far one bit of input reaches
 *
 * CPython hashes bytes with SipHash-1-3 and, under PYTHONHASHSEED=0, a key of zeros; the table is hash(bytes(range(n))).
 */
#include "tests/unit/unit.h"
#include "shm/hash.h"

static void
same_as_cpython(void **state)
{
	static const uint8_t zero[16];
	static const uint64_t want[] = {
		0, UINT64_C(0xead411e67ebe2eea), UINT64_C(0x8972188433a5c5b7), UINT64_C(0x31185a47af932f3a),
	};
	uint8_t bytes[24];
	uint64_t word[3], ones[2] = { UINT64_MAX, UINT64_MAX }, null = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	memcpy(word, bytes, sizeof(word));
	for (unsigned n = 1; n <= 3; n++)
		assert_true(hash_words(zero, word, n) == want[n]);
	assert_true(hash_words(zero, &null, 1) == UINT64_C(0xbd60acb658c79e45));
	assert_true(hash_words(zero, ones, 2) == UINT64_C(0x35029a3b6274a39b));
}

/* Each bit of key or words turns about half of the result. */
static void
every_bit_counts(void **state)
{
	uint8_t key[16] = { 1, 2, 3 };
	uint64_t word[3] = { 5, 6, 7 }, base = hash_words(key, word, 3);
	unsigned turned = 0;

	(void)state;
	for (unsigned bit = 0; bit < 128 + 192; bit++) {
		uint64_t h;
		unsigned n;

		if (bit < 128)
			key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		else
			word[(bit - 128) / 64] ^= UINT64_C(1) << bit % 64;
		h = hash_words(key, word, 3);
		n = (unsigned)__builtin_popcountll(h ^ base);
		assert_in_range(n, 10, 54);
		turned += n;
		if (bit < 128)
			key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		else
			word[(bit - 128) / 64] ^= UINT64_C(1) << bit % 64;
	}
	assert_in_range(turned, 320 * 30, 320 * 34);
	assert_true(hash_words(key, word, 3) == base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_as_cpython), cmocka_unit_test(every_bit_counts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
