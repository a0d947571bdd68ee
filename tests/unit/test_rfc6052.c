/*
 * test_rfc6052.c - RFC 6052 section 2.4 as printed, and round trips
 */
#include "tests/unit/unit.h"
#include "shm/rfc6052.h"
#include "tests/world.h"

static const struct {
	const char *prefix;
	unsigned len;
	const char *address;
} table[] = {
	{ "2001:db8::", 32, "2001:db8:c000:221::" },
	{ "2001:db8:100::", 40, "2001:db8:1c0:2:21::" },
	{ "2001:db8:122::", 48, "2001:db8:122:c000:2:2100::" },
	{ "2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::" },
	{ "2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::" },
	{ "2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33" },
	{ "64:ff9b::", 96, "64:ff9b::192.0.2.33" },
};
#define ROWS (sizeof(table) / sizeof(table[0]))

static struct net6
prefix_of(unsigned row)
{
	return (struct net6) { world_ip6(table[row].prefix), (uint8_t)table[row].len };
}

static void
printed_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROWS; i++) {
		struct net6 prefix = prefix_of(i);
		struct ip6 want = world_ip6(table[i].address), got;
		uint32_t ip4 = 0;

		rfc6052_embed(&got, &prefix, world_ip4("192.0.2.33"));
		assert_memory_equal(&got, &want, 16);
		assert_true(rfc6052_extract(&ip4, &prefix, &want));
		assert_int_equal(ip4, world_ip4("192.0.2.33"));
	}
}

static void
round_trips(void **state)
{
	uint32_t x = 7;

	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		struct net6 prefix = prefix_of(round % ROWS);
		uint32_t ip4 = x = x * 1664525 + 1013904223, back = ~ip4;
		struct ip6 addr;

		rfc6052_embed(&addr, &prefix, ip4);
		if (prefix.len < 96)
			assert_int_equal(addr.b[8], 0);
		assert_memory_equal(addr.b, prefix.addr.b, prefix.len / 8);
		assert_true(rfc6052_extract(&back, &prefix, &addr));
		assert_int_equal(back, ip4);
	}
}

/* Each single bit of an address: under the prefix it must fit, in the IPv4 part it must count, elsewhere it must not. */
static void
every_bit(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROWS; i++) {
		struct net6 prefix = prefix_of(i);
		unsigned counted = 0;

		for (unsigned bit = 0; bit < 128; bit++) {
			struct ip6 addr = world_ip6(table[i].address);
			uint32_t ip4 = 0x5a5a5a5a;
			bool fits;

			addr.b[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
			fits = rfc6052_extract(&ip4, &prefix, &addr);
			assert_int_equal(fits, bit >= prefix.len);
			if (!fits) {
				assert_int_equal(ip4, 0x5a5a5a5a);
				continue;
			}
			counted += ip4 != world_ip4("192.0.2.33");
			if (bit >= 64 && bit < 72 && prefix.len < 96)
				assert_int_equal(ip4, world_ip4("192.0.2.33"));
		}
		assert_int_equal(counted, 32);
	}
}

static void
valid_lengths(void **state)
{
	(void)state;
	for (unsigned len = 0; len < 300; len++)
		assert_int_equal(rfc6052_valid_len(len), len == 32 || len == 40 || len == 48 || len == 56 || len == 64 ||
				 len == 96);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_table), cmocka_unit_test(round_trips), cmocka_unit_test(every_bit),
		cmocka_unit_test(valid_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
