/*
 * test_policy.c - random lists against the plainest way to say what they mean
 */
#include "tests/unit/unit.h"
#include "tests/world.h"
#include "worker/xlat/policy.h"

static struct world w;
static struct nat64 *n = &w.worker[0];

static uint32_t
next(void)
{
	static uint32_t x = 5;

	return x = x * 1664525 + 1013904223;
}

static uint32_t
below(uint32_t most)
{
	return (uint32_t)((uint64_t)next() * most >> 32);
}

static int
open_world(void **state)
{
	(void)state;
	w.config = world_config();
	w.config.max_sessions = 1000;
	w.config.pool.item[0].port_min = w.config.pool.item[0].port_max = 4096;
	world_open(&w);
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static uint32_t
mask(unsigned len)
{
	return len ? UINT32_MAX << (32 - len) : 0;
}

static struct net4
random_net(void)
{
	/* Around a few special networks, so that the lists have something to do with each other. */
	static const uint32_t around[] = { 0x0a000000, 0xc0a80000, 0xa9fe0000, 0x08080800, 0xe0000000, 0 };
	unsigned len = below(33);
	uint32_t addr = around[below(6)] ^ (next() >> (4 + below(28)));

	return (struct net4) { addr & mask(len), (uint8_t)len };
}

/* The longest net of the list that holds the address, or -1. */
static int
longest(const struct net4 *net, unsigned count, uint32_t addr)
{
	int best = -1;

	for (unsigned i = 0; i < count; i++)
		if ((addr & mask(net[i].len)) == net[i].addr && net[i].len > best)
			best = net[i].len;
	return best;
}

static void
destinations(void **state)
{
	unsigned denied = 0, tried = 0;

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct config_tenant *c = &w.config;

		c->wkp_strict = below(2);
		c->prefix.n = 2;
		c->prefix.item[0] = (struct net6) { world_ip6("64:ff9b::"), 96 };
		c->prefix.item[1] = (struct net6) { world_ip6("2001:db8:64::"), 48 };
		c->allow.n = below(6);
		c->deny.n = below(6);
		for (unsigned i = 0; i < 6; i++) {
			c->allow.item[i] = random_net();
			c->deny.item[i] = random_net();
		}
		nat64_configure(n, c);
		for (unsigned i = 0; i < 2000; i++, tried++) {
			struct net4 near = i % 3 ? random_net() : c->allow.item[below(6)];
			uint32_t addr = near.addr ^ (i % 2 ? next() >> below(32) : 0);
			const struct addr_special *special = addr_special4(addr);
			int allow = longest(c->allow.item, c->allow.n, addr), deny = longest(c->deny.item, c->deny.n, addr);
			uint8_t via = (uint8_t)(i & 1);
			bool refused;

			if (special && special->net.len > deny)
				deny = special->net.len;
			refused = deny > allow || (c->wkp_strict && via == 0 && special && special->never_wkp);
			denied += refused;
			assert_int_equal(policy_destination4(n, addr, via),
					 refused ? NAT64_destination_denied : NAT64_translated);
			refused = addr >> 24 == 0 || addr >> 24 == 127 || addr >> 28 >= 14 ||
				  (c->wkp_strict && via == 0 && special && special->never_wkp);
			assert_int_equal(policy_source4(n, addr, via), refused ? NAT64_source_illegal : NAT64_translated);
		}
	}
	assert_in_range(denied, tried / 20, tried - tried / 20);	/* both answers were asked for */
}

static void
every_special_network(void **state)
{
	unsigned count;
	const struct addr_special *special = addr_special_all(&count);

	(void)state;
	w.config = world_config();
	w.config.allow.n = w.config.deny.n = 0;
	nat64_configure(n, &w.config);
	for (unsigned i = 0; i < count; i++) {
		uint32_t last = special[i].net.addr | ~mask(special[i].net.len);

		assert_int_equal(policy_destination4(n, special[i].net.addr, 0), NAT64_destination_denied);
		assert_int_equal(policy_destination4(n, last, 0), NAT64_destination_denied);
	}
}

static void
prefixes(void **state)
{
	static const struct {
		const char *addr;
		int via;		/* -1: under none */
		const char *ip4;
	} row[] = {
		{ "64:ff9b::203.0.113.5", 0, "203.0.113.5" }, { "64:ff9b::1:203.0.113.5", -1, NULL },
		{ "2001:db8:64:cb00:71:500::", 1, "203.0.113.5" }, { "2001:db8:64:cb00:ff71:5ab:cdef:1", 1, "203.0.113.5" },
		{ "2001:db8:64:ff::203.0.113.5", 2, "203.0.113.5" }, { "2001:db8:65::", -1, NULL }, { "::", -1, NULL },
		{ "2001:db8:cb00:7105::", 3, "203.0.113.5" }, { "2001:db9::", -1, NULL },
	};

	(void)state;
	/* A /96 inside a /48 inside a /32: the longest wins, in whatever order they were written. */
	w.config.prefix.n = 4;
	w.config.prefix.item[0] = (struct net6) { world_ip6("64:ff9b::"), 96 };
	w.config.prefix.item[1] = (struct net6) { world_ip6("2001:db8:64::"), 48 };
	w.config.prefix.item[2] = (struct net6) { world_ip6("2001:db8:64:ff::"), 96 };
	w.config.prefix.item[3] = (struct net6) { world_ip6("2001:db8::"), 32 };
	nat64_configure(n, &w.config);
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct ip6 addr = world_ip6(row[i].addr);
		uint32_t ip4 = 0;
		uint8_t via = 99;
		bool got = policy_embedded(n, &addr, &ip4, &via);

		if (i == 5) {		/* 2001:db8:65:: is under the /32 */
			assert_true(got && via == 3);
			continue;
		}
		assert_int_equal(got, row[i].via >= 0);
		if (!got)
			continue;
		assert_int_equal(via, row[i].via);
		assert_int_equal(ip4, world_ip4(row[i].ip4));
		assert_int_equal(policy_source6(n, &addr), NAT64_source_in_prefix);
	}
}

static void
sources(void **state)
{
	(void)state;
	w.config.prefix.n = 1;
	for (unsigned round = 0; round < 500; round++) {
		struct ip6 addr;

		w.config.source.n = below(5);		/* an empty list means nobody */
		for (unsigned i = 0; i < 16; i++)
			addr.b[i] = (uint8_t)(next() >> 24);
		for (unsigned i = 0; i < 5; i++) {
			struct ip6 base = addr;
			unsigned len = below(129), turn = below(128);

			base.b[turn / 8] ^= (uint8_t)(0x80 >> turn % 8);
			w.config.source.item[i] = (struct net6) { addr_mask6(&base, len), (uint8_t)len };
		}
		nat64_configure(n, &w.config);
		for (unsigned i = 0; i < 100; i++) {
			bool want = false;

			for (unsigned j = 0; j < w.config.source.n; j++)
				want = want || addr_in_net6(&addr, &w.config.source.item[j]);
			assert_int_equal(policy_served(n, &addr), want);
			addr.b[below(16)] ^= (uint8_t)(1u << below(8));
		}
	}
}

static void
statics(void **state)
{
	(void)state;
	w.config = world_config();
	w.config.static_.n = 198;
	for (unsigned i = 0; i < 198; i++)
		w.config.static_.item[i] = (struct config_static) {
			.ip4 = world_ip4("192.0.2.1") + i % 3, .port4 = (uint16_t)(i * 331), .proto = (uint8_t)(i % 3 ? 1 : 0),
		};
	nat64_configure(n, &w.config);
	for (unsigned ip4 = 0; ip4 < 4; ip4++)
		for (unsigned proto = 0; proto < NAT64_N_PROTOS; proto++)
			for (unsigned port = 0; port < 65536; port++) {
				int want = -1;

				if (port % 331 == 0 && port / 331 < 198 && port / 331 % 3 == ip4 &&
				    proto == (port / 331 % 3 ? 1u : 0u))
					want = (int)(port / 331);
				assert_int_equal(policy_static(n, world_ip4("192.0.2.1") + ip4, proto, (uint16_t)port), want);
			}
}

/* All addresses of a subscriber are in one shard, and subscribers are spread over all. */
static void
shards(void **state)
{
	unsigned hits[LAYOUT_MAX_SHARDS] = { 0 };

	(void)state;
	for (unsigned len = 32; len <= 128; len++) {
		w.config = world_config();
		w.config.subscriber_prefix = len;
		nat64_configure(n, &w.config);
		for (unsigned i = 0; i < 200; i++) {
			struct ip6 a = world_ip6("2001:db8::"), b;

			a.b[4] = (uint8_t)(i >> 8);
			a.b[3] = (uint8_t)i;
			b = a;
			for (unsigned bit = len; bit < 128; bit++)
				b.b[bit / 8] ^= (uint8_t)((next() >> 31) << (7 - bit % 8));
			assert_int_equal(policy_shard(n, &a), policy_shard(n, &b));
			assert_true(policy_shard(n, &a) < w.layout.g.shards);
		}
	}
	n->layout.g.shards = 64;
	for (unsigned i = 0; i < 64000; i++) {
		struct ip6 a = world_ip6("2001:db8::");

		memcpy(a.b + 2, &i, 4);
		hits[policy_shard(n, &a)]++;
	}
	for (unsigned s = 0; s < 64; s++)
		assert_in_range(hits[s], 1000 - 160, 1000 + 160);	/* five standard deviations */
	n->layout.g.shards = w.layout.g.shards;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(destinations), cmocka_unit_test(every_special_network), cmocka_unit_test(prefixes),
		cmocka_unit_test(sources), cmocka_unit_test(statics), cmocka_unit_test(shards),
	};

	return cmocka_run_group_tests(tests, open_world, close_world);
}
