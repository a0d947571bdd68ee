/*
 * test_csum.c - the Internet checksum and its update, against RFC 1071 spelled with bytes
 */
#include "tests/unit/unit.h"
#include "worker/xlat/csum.h"

/* RFC 1071 section 4.1, with the words in network order. */
static uint16_t
reference(const uint8_t *b, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? b[i] : (uint32_t)b[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t
add(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint16_t
get16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

static void
all_lengths(void **state)
{
	static uint8_t data[2100];
	uint8_t field[2];

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 151 + i / 256);
	for (unsigned at = 0; at < 8; at++)
		for (unsigned len = 0; len < 2000; len++) {
			csum_store(field, csum_add(0, data + at, len));
			assert_int_equal(get16(field), reference(data + at, len));
		}
}

static void
extremes(void **state)
{
	static uint8_t ones[65536], zeros[65536];
	uint8_t field[2];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (unsigned len = 65000; len <= 65536; len++) {
		csum_store(field, csum_add(0, ones, len));
		assert_int_equal(get16(field), reference(ones, len));
		csum_store(field, csum_add(0, zeros, len));
		assert_int_equal(get16(field), 0xffff);
	}
	assert_int_equal(csum_fold(0), 0);
	assert_int_equal(csum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(csum_fold(0xffff), 0xffff);
	assert_int_equal(csum_fold(0x10000), 1);
	assert_int_equal(csum_fold(UINT64_C(0xffffffff00000000)), 0xffff);
}

/* A sum may be taken in pieces of even length. */
static void
pieces(void **state)
{
	uint8_t data[64];

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 77 + 13);
	for (unsigned cut = 0; cut <= sizeof(data); cut += 2)
		assert_int_equal(csum_fold(csum_add(csum_add(0, data, cut), data + cut, sizeof(data) - cut)),
				 csum_fold(csum_add(0, data, sizeof(data))));
}

/* What csum_patch makes of checksum c when the word `from` becomes `to`, in network order. */
static uint16_t
patched(uint16_t c, uint16_t from, uint16_t to)
{
	uint8_t field[2] = { (uint8_t)(c >> 8), (uint8_t)c };

	csum_patch(field, csum_word(from), csum_word(to));
	return get16(field);
}

/*
 * The rest of the message sums up to ~(c + from); full recomputation is ~(rest + to). 0 and 0xffff are the same number
 * in one's complement, and which of the two comes out is fixed unless the whole message is zero.
 */
static void
same_as_recomputed(uint16_t c, uint16_t from, uint16_t to)
{
	uint16_t rest = (uint16_t)~add(c, from), want = (uint16_t)~add(rest, to), got = patched(c, from, to);

	if (got != want && !(got % 0xffff == 0 && want % 0xffff == 0 && rest % 0xffff == 0 && to % 0xffff == 0)) {
		print_error("check %04x, %04x -> %04x: %04x, not %04x\n", c, from, to, got, want);
		fail();
	}
}

static void
every_checksum(void **state)
{
	static const uint16_t word[] = {
		0, 1, 2, 0xff, 0x100, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0xcb00, 0x7105, 0x1234, 0x4321, 0x0064, 0xff9b,
	};

	(void)state;
	for (unsigned c = 0; c < 65536; c++)
		for (unsigned i = 0; i < 16; i++)
			for (unsigned j = 0; j < 16; j++)
				same_as_recomputed((uint16_t)c, word[i], word[j]);
}

/* All old words against all new ones, sampled with steps that are prime to 65536. */
static void
every_change(void **state)
{
	uint16_t c = 0;

	(void)state;
	for (unsigned from = 0; from < 65536; from += 7)
		for (unsigned to = from % 61; to < 65536; to += 61)
			same_as_recomputed(c = (uint16_t)(c * 25173 + 13849), (uint16_t)from, (uint16_t)to);
}

/* Whole messages: addresses of both families change, the payload stays. */
static void
whole_messages(void **state)
{
	uint8_t data[40 + 21], other[8 + 21], field[2];
	uint32_t x = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		for (unsigned i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)((x = x * 1103515245 + 12345) >> 24);
		for (unsigned i = 0; i < 8; i++)
			other[i] = (uint8_t)((x = x * 1103515245 + 12345) >> 24);
		memcpy(other + 8, data + 40, 21);
		csum_store(field, csum_add(0, data, sizeof(data)));
		csum_patch(field, csum_add(0, data, 40), csum_add(0, other, 8));
		assert_int_equal(get16(field), reference(other, sizeof(other)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_lengths), cmocka_unit_test(extremes), cmocka_unit_test(pieces),
		cmocka_unit_test(every_checksum), cmocka_unit_test(every_change), cmocka_unit_test(whole_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
