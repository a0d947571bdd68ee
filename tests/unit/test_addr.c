/*
 * test_addr.c - prefixes against a bit-by-bit reference; the special-purpose registry row by row
 */
#include "tests/unit/unit.h"
#include "tests/world.h"

static uint32_t
next(void)
{
	static uint32_t x = 99;

	return x = x * 1664525 + 1013904223;
}

static bool
bit6(const struct ip6 *a, unsigned i)
{
	return a->b[i / 8] >> (7 - i % 8) & 1;
}

static struct ip6
random6(void)
{
	struct ip6 a;

	for (unsigned i = 0; i < 16; i++)
		a.b[i] = (uint8_t)(next() >> 24);
	return a;
}

/* Address and net share the first `common` bits; all lengths of nets around it. */
static void
in_net6(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct ip6 a = random6(), b = a;
		unsigned common = next() >> 16 & 127;

		b.b[common / 8] ^= (uint8_t)(0x80 >> common % 8);
		for (unsigned len = 0; len <= 128; len++) {
			struct net6 net = { addr_mask6(&b, len), (uint8_t)len };
			bool want = true;

			for (unsigned i = 0; i < len; i++)
				want = want && bit6(&a, i) == bit6(&b, i);
			assert_int_equal(addr_in_net6(&a, &net), want);
			assert_int_equal(addr_in_net6(&a, &net), len <= common);
		}
	}
}

static void
in_net4(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		uint32_t a = next(), common = next() >> 16 & 31, b = a ^ UINT32_C(0x80000000) >> common;

		for (unsigned len = 0; len <= 32; len++) {
			struct net4 net = { len ? b & ~(uint32_t)((UINT64_C(1) << (32 - len)) - 1) : 0, (uint8_t)len };

			assert_int_equal(addr_in_net4(a, &net), len <= common);
		}
		assert_true(addr_in_net4(a, &(struct net4) { a, 32 }));
	}
}

static void
mask6(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 500; round++) {
		struct ip6 a = random6();

		for (unsigned len = 0; len <= 128; len++) {
			struct ip6 m = addr_mask6(&a, len);

			for (unsigned i = 0; i < 128; i++)
				assert_int_equal(bit6(&m, i), i < len && bit6(&a, i));
		}
	}
}

/* IANA IPv4 Special-Purpose Address Registry, rows that are not globally reachable, and multicast (RFC 5771). */
static const struct {
	const char *first, *last;
	bool never_wkp;
} special[] = {
	{ "0.0.0.0", "0.255.255.255", true }, { "10.0.0.0", "10.255.255.255", true },
	{ "100.64.0.0", "100.127.255.255", true }, { "127.0.0.0", "127.255.255.255", true },
	{ "169.254.0.0", "169.254.255.255", true }, { "172.16.0.0", "172.31.255.255", true },
	{ "192.0.0.0", "192.0.0.8", true }, { "192.0.0.11", "192.0.0.255", true },
	{ "192.0.2.0", "192.0.2.255", false }, { "192.88.99.0", "192.88.99.255", true },
	{ "192.168.0.0", "192.168.255.255", true }, { "198.18.0.0", "198.19.255.255", true },
	{ "198.51.100.0", "198.51.100.255", false }, { "203.0.113.0", "203.0.113.255", false },
	{ "224.0.0.0", "239.255.255.255", true }, { "240.0.0.0", "255.255.255.255", true },
};
/* Rows that are globally reachable, and must not be denied: anycast of PCP, TURN, AS112, AMT. */
static const char *const reachable[] = {
	"192.0.0.9", "192.0.0.10", "192.31.196.1", "192.52.193.1", "192.175.48.1", "1.1.1.1", "223.255.255.255",
};

static int
want_special(uint32_t a)
{
	for (unsigned i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (a >= world_ip4(special[i].first) && a <= world_ip4(special[i].last))
			return (int)i;
	return -1;
}

static void
one_address(uint32_t a)
{
	const struct addr_special *got = addr_special4(a);
	int want = want_special(a);

	assert_int_equal(got != NULL, want >= 0);
	if (got) {
		assert_int_equal(got->never_wkp, special[want].never_wkp);
		assert_true(got->name && *got->name && addr_in_net4(a, &got->net));
	}
}

/* The longest entry of the table that holds an address. */
static const struct addr_special *
longest_at(uint32_t a)
{
	const struct addr_special *best = NULL, *all;
	unsigned n;

	all = addr_special_all(&n);
	for (unsigned i = 0; i < n; i++)
		if (addr_in_net4(a, &all[i].net) && (!best || all[i].net.len > best->net.len))
			best = &all[i];
	return best;
}

static void
registry(void **state)
{
	unsigned n;

	(void)state;
	for (unsigned i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		for (int d = -1; d <= 1; d++) {
			one_address(world_ip4(special[i].first) + (uint32_t)d);
			one_address(world_ip4(special[i].last) + (uint32_t)d);
		}
	for (unsigned i = 0; i < sizeof(reachable) / sizeof(reachable[0]); i++)
		assert_null(addr_special4(world_ip4(reachable[i])));
	for (uint64_t a = 0; a <= UINT32_MAX; a += 4093)
		one_address((uint32_t)a);
	assert_ptr_equal(addr_special_all(&n)->name, addr_special_all(&n)->name);
	assert_int_equal(n, 22);
	for (unsigned i = 0; i < n; i++)
		assert_ptr_equal(addr_special4(addr_special_all(&n)[i].net.addr), longest_at(addr_special_all(&n)[i].net.addr));
}

static void
illegal_sources(void **state)
{
	static const char *const bad6[] = { "::", "::1", "ff00::", "ff02::1", "ff0e::1", "ffff::", "fe80::1", "febf::1",
						"100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff" };
	static const char *const good6[] = { "::2", "::1:0", "1::1", "2001:db8::1", "fec0::1", "fe7f::1", "fd00::1", "100::1",
						 "100:0:0:2::", "100::ffff:ffff:ffff:ffff" };

	(void)state;
	for (unsigned i = 0; i < sizeof(bad6) / sizeof(bad6[0]); i++) {
		struct ip6 a = world_ip6(bad6[i]);

		assert_true(addr_illegal_source6(&a));
	}
	for (unsigned i = 0; i < sizeof(good6) / sizeof(good6[0]); i++) {
		struct ip6 a = world_ip6(good6[i]);

		assert_false(addr_illegal_source6(&a));
	}
	for (unsigned first = 0; first < 256; first++) {
		bool bad = first == 0 || first == 127 || first >= 224;

		assert_int_equal(addr_illegal_source4(first << 24 | 1), bad);
		assert_int_equal(addr_illegal_source4(first << 24 | 0xffffff), bad);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_net6), cmocka_unit_test(in_net4), cmocka_unit_test(mask6), cmocka_unit_test(registry),
		cmocka_unit_test(illegal_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
