/*
 * test_icmpmap.c - every ICMP type and code of both families, against RFC 7915 sections 4.2 and 5.2 line by line
 */
#include "tests/unit/unit.h"
#include "worker/xlat/icmpmap.h"

#define DROP 0, 0, 0
#define WORD_ZERO 1
#define WORD_MTU 2
#define WORD_POINTER 3
#define WORD_SIX 4

struct line {
	int type, code;			/* -1: every code */
	uint8_t to_type, to_code, word;	/* word 0: dropped */
};

static const struct line from4[] = {
	{ 3, 0, 1, 0, WORD_ZERO }, { 3, 1, 1, 0, WORD_ZERO }, { 3, 2, 4, 1, WORD_SIX }, { 3, 3, 1, 4, WORD_ZERO },
	{ 3, 4, 2, 0, WORD_MTU }, { 3, 5, 1, 0, WORD_ZERO }, { 3, 6, 1, 0, WORD_ZERO }, { 3, 7, 1, 0, WORD_ZERO },
	{ 3, 8, 1, 0, WORD_ZERO }, { 3, 9, 1, 1, WORD_ZERO }, { 3, 10, 1, 1, WORD_ZERO }, { 3, 11, 1, 0, WORD_ZERO },
	{ 3, 12, 1, 0, WORD_ZERO }, { 3, 13, 1, 1, WORD_ZERO }, { 3, 14, DROP }, { 3, 15, 1, 1, WORD_ZERO },
	{ 11, 0, 3, 0, WORD_ZERO }, { 11, 1, 3, 1, WORD_ZERO }, { 12, 0, 4, 0, WORD_POINTER }, { 12, 1, DROP },
	{ 12, 2, 4, 0, WORD_POINTER },
};
static const struct line from6[] = {
	{ 1, 0, 3, 1, WORD_ZERO }, { 1, 1, 3, 10, WORD_ZERO }, { 1, 2, 3, 1, WORD_ZERO }, { 1, 3, 3, 1, WORD_ZERO },
	{ 1, 4, 3, 3, WORD_ZERO }, { 2, -1, 3, 4, WORD_MTU }, { 3, 0, 11, 0, WORD_ZERO }, { 3, 1, 11, 1, WORD_ZERO },
	{ 4, 0, 12, 0, WORD_POINTER }, { 4, 1, 3, 2, WORD_ZERO }, { 4, 2, DROP },
};

static struct line
want(enum nat64_side from, int type, int code)
{
	const struct line *l = from == NAT64_FROM_IP4 ? from4 : from6;
	size_t n = from == NAT64_FROM_IP4 ? sizeof(from4) / sizeof(*l) : sizeof(from6) / sizeof(*l);

	for (size_t i = 0; i < n; i++)
		if (l[i].type == type && (l[i].code == code || l[i].code == -1))
			return l[i];
	return (struct line) { type, code, DROP };
}

static const struct icmpmap_limits wide = { .mtu6 = 65535, .mtu4 = 65535, .inner_len = 1500 };

static void
every_type_and_code(void **state)
{
	(void)state;
	for (unsigned from = 0; from < NAT64_N_SIDES; from++)
		for (int type = 0; type < 256; type++)
			for (int code = 0; code < 256; code++) {
				/* A word that is a fine MTU and, as a pointer, 0. */
				struct icmpmap m = { (uint8_t)type, (uint8_t)code, 0x00000600 };
				struct line l = want(from, type, code);
				bool ok;

				if (l.word == WORD_POINTER)
					m.word = 0;
				ok = icmpmap_error(&m, from, &wide);
				assert_int_equal(ok, l.word != 0);
				if (!ok)
					continue;
				assert_int_equal(m.type, l.to_type);
				assert_int_equal(m.code, l.to_code);
				assert_int_equal(m.word, l.word == WORD_SIX ? 6 : l.word != WORD_MTU ? 0 :
						 from == NAT64_FROM_IP4 ? 0x600 + 20 : 0x600 - 20);
			}
}

/* RFC 7915 figure 3: the field of the IPv4 header that holds this byte, and where that field is in IPv6. */
static int
pointer_to6(unsigned at)
{
	if (at == 0 || at == 1)
		return (int)at;			/* version and header length; TOS */
	if (at == 2 || at == 3)
		return 4;			/* total length: payload length */
	if (at == 8)
		return 7;			/* TTL: hop limit */
	if (at == 9)
		return 6;			/* protocol: next header */
	if (at >= 12 && at <= 15)
		return 8;			/* source */
	if (at >= 16 && at <= 19)
		return 24;			/* destination */
	return -1;
}

/* RFC 7915 figure 6. */
static int
pointer_to4(uint32_t at)
{
	if (at == 0 || at == 1)
		return (int)at;
	if (at == 4 || at == 5)
		return 2;
	if (at == 6)
		return 9;
	if (at == 7)
		return 8;
	if (at >= 8 && at <= 23)
		return 12;
	if (at >= 24 && at <= 39)
		return 16;
	return -1;
}

static void
every_pointer(void **state)
{
	(void)state;
	for (uint32_t at = 0; at < 256; at++)
		for (unsigned code = 0; code <= 2; code += 2) {
			struct icmpmap m = { 12, (uint8_t)code, at << 24 | 0x00123456 };
			bool ok = icmpmap_error(&m, NAT64_FROM_IP4, &wide);

			assert_int_equal(ok, pointer_to6(at) >= 0);
			if (ok)
				assert_int_equal(m.word, pointer_to6(at));
		}
	for (uint32_t i = 0; i < 3000; i++) {
		uint32_t at = i < 1000 ? i : i < 2000 ? (i - 1000) << 22 : UINT32_MAX - (i - 2000);
		struct icmpmap m = { 4, 0, at };
		bool ok = icmpmap_error(&m, NAT64_FROM_IP6, &wide);

		assert_int_equal(ok, pointer_to4(at) >= 0);
		if (ok)
			assert_int_equal(m.word, (uint32_t)pointer_to4(at) << 24);
	}
}

static uint32_t
least3(uint32_t a, uint32_t b, uint32_t c)
{
	return a < b ? a < c ? a : c : b < c ? b : c;
}

static void
every_mtu(void **state)
{
	static const uint16_t next_hop[] = { 1280, 1400, 1500, 9000, 65535 }, next_hop4[] = { 576, 1260, 1500, 9000 };

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		for (unsigned j = 0; j < 4; j++)
			for (uint32_t mtu = 1; mtu < 65536; mtu += 3) {
				struct icmpmap_limits limits = { next_hop[i], next_hop4[j], 1500, mtu & 2 };
				struct icmpmap four = { 3, 4, mtu }, six = { 2, 0, mtu };
				uint32_t to6 = least3(mtu + 20, limits.mtu6, limits.mtu4 + 20);
				uint32_t at_least = mtu < 1280 ? 1280 : mtu, header = mtu & 2 ? 28 : 20;

				assert_true(icmpmap_error(&four, NAT64_FROM_IP4, &limits));
				assert_int_equal(four.word, to6 < 1280 ? 1280 : to6);
				assert_true(icmpmap_error(&six, NAT64_FROM_IP6, &limits));
				assert_int_equal(six.word, least3(at_least - header, limits.mtu4, limits.mtu6 - header));
			}
}

/* RFC 1191 section 7.1; the result is never below 1280. */
static void
plateaus(void **state)
{
	static const uint32_t plateau[] = { 1492, 2002, 4352, 8166, 17914, 32000, 65535 };

	(void)state;
	for (uint32_t len = 0; len < 70000; len++) {
		struct icmpmap m = { 3, 4, 0 };
		struct icmpmap_limits limits = { 65535, 65535, len, false };
		uint32_t mtu = 1280;

		for (unsigned i = 0; i < 7; i++)
			if (plateau[i] < len)
				mtu = plateau[i] + 20 > 65535 ? 65535 : plateau[i] + 20;
		assert_true(icmpmap_error(&m, NAT64_FROM_IP4, &limits));
		assert_int_equal(m.word, mtu);
	}
}

/* RFC 4884 section 4: types 3, 11 and 12, in words; section 3: types 1 and 3, in pairs of them. */
static void
length_units(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		assert_int_equal(icmpmap_length_unit((uint8_t)type, NAT64_FROM_IP4), type == 3 || type == 11 || type == 12 ? 4 : 0);
		assert_int_equal(icmpmap_length_unit((uint8_t)type, NAT64_FROM_IP6), type == 1 || type == 3 ? 8 : 0);
	}
}

static void
echoes(void **state)
{
	(void)state;
	assert_int_equal(icmpmap_echo(8, NAT64_FROM_IP4), 128);
	assert_int_equal(icmpmap_echo(0, NAT64_FROM_IP4), 129);
	assert_int_equal(icmpmap_echo(128, NAT64_FROM_IP6), 8);
	assert_int_equal(icmpmap_echo(129, NAT64_FROM_IP6), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_and_code), cmocka_unit_test(every_pointer), cmocka_unit_test(every_mtu),
		cmocka_unit_test(plateaus), cmocka_unit_test(length_units), cmocka_unit_test(echoes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
