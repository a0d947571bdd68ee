/*
 * test_pool.c - picks are free, complete, spread, not repeated from run to run; counts that lie do no harm
 */
#include "tests/unit/unit.h"
#include "shm/pool.h"
#include "tests/world.h"

static struct world w;

static void
open_range(unsigned port_min, unsigned port_max, unsigned addresses)
{
	w.config = world_config();
	w.config.max_sessions = 1000;
	w.config.pool.item[0].port_min = (uint16_t)port_min;
	w.config.pool.item[0].port_max = (uint16_t)port_max;
	w.config.pool.item[0].last += addresses - 1;
	world_open(&w);
}

static uint32_t
pick(struct shard *s, uint32_t address, enum nat64_proto proto)
{
	return pool_pick_owner(s, address, proto, w.worker[0].secret->port_key);
}

static void
take(struct shard *s, uint32_t address, enum nat64_proto proto, uint32_t slot)
{
	struct shard_pool *pool = shard_pool(s, address, proto);
	uint32_t local = slot % w.layout.ports_per_shard;

	assert_true(pool->word[local / 64] >> local % 64 & 1);
	pool->word[local / 64] &= ~(UINT64_C(1) << local % 64);
	pool->group_free[local / 64 / SHARD_GROUP_WORDS]--;
	pool->free--;
}

/* Ports below 1024 for those below 1024, the others for the others, until one kind runs out (RFC 4787 REQ-3a). */
static void
two_ranges(void **state)
{
	static const uint16_t own[2] = { 1023, 1024 };

	(void)state;
	open_range(960, 1087, 1);
	for (unsigned want = 0; want < 2; want++)
		for (unsigned n = 0; n < 200; n++) {
			struct shard *s = &w.worker[0].shard[n % w.layout.g.shards];
			uint32_t slot = pool_pick_like_owner(s, 0, NAT64_UDP, w.worker[0].secret, own[want]);
			unsigned port = pool_port(&w.layout, w.worker[0].secret, s->number, slot);

			assert_int_equal(port >= 1024, want);
			assert_in_range(port, 960, 1087);
		}
	for (unsigned n = 0; n < 128; n++) {
		struct shard *s = &w.worker[0].shard[0];
		uint32_t slot = pool_pick_like_owner(s, 0, NAT64_UDP, w.worker[0].secret, 80);

		assert_int_not_equal(slot, POOL_NONE);
		assert_int_equal(pool_port(&w.layout, w.worker[0].secret, 0, slot) >= 1024, n >= 64);
		take(s, 0, NAT64_UDP, slot);
	}
	assert_int_equal(pool_pick_like_owner(&w.worker[0].shard[0], 0, NAT64_UDP, w.worker[0].secret, 80), POOL_NONE);
	world_close(&w);
}

/* Take all there are: each in range, none twice, none left over. */
static void
every_port_once(void **state)
{
	static const unsigned range[][2] = { { 1024, 65535 }, { 5000, 5000 }, { 1, 64 }, { 63, 65 }, { 60000, 65535 } };

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		for (unsigned proto = 0; proto < NAT64_N_PROTOS; proto += 2) {
			static bool seen[65536];
			unsigned total = 0;

			open_range(range[i][0], range[i][1], 1);
			memset(seen, 0, sizeof(seen));
			for (unsigned n = 0; n < w.layout.g.shards; n++) {
				struct shard *s = &w.worker[0].shard[n];
				uint32_t slot;

				while ((slot = pick(s, 0, proto)) != POOL_NONE) {
					uint16_t port = pool_port(&w.layout, w.worker[0].secret, n, slot);

					if (port < range[i][0] || port > range[i][1] || seen[port] ||
					    slot / w.layout.ports_per_shard != proto)
						fail_msg("port %u", port);
					seen[port] = true;
					total++;
					take(s, 0, proto, slot);
				}
				assert_int_equal(shard_pool(s, 0, proto)->free, 0);
			}
			assert_int_equal(total, range[i][1] - range[i][0] + 1);
			world_close(&w);
		}
}

/* One port left somewhere: it is found at once, wherever it is. */
static void
the_last_one(void **state)
{
	struct shard *s;
	struct shard_pool *pool;

	(void)state;
	open_range(1024, 65535, 1);
	s = &w.worker[0].shard[w.layout.g.shards - 1];
	pool = shard_pool(s, 0, NAT64_TCP);
	for (uint32_t port = 0; port < w.layout.ports_per_shard; port += 37) {
		memset(pool->word, 0, w.layout.blocks_per_shard * 8);
		memset(pool->group_free, 0, sizeof(pool->group_free));
		pool->word[port / 64] = UINT64_C(1) << port % 64;
		pool->group_free[port / 64 / SHARD_GROUP_WORDS] = 1;
		pool->free = 1;
		assert_int_equal(pick(s, 0, NAT64_TCP), NAT64_TCP * w.layout.ports_per_shard + port);
	}
	world_close(&w);
}

/* The next port says nothing about the one after: neighbours in time are not neighbours in number. */
static void
no_pattern(void **state)
{
	unsigned near = 0, same = 0, expected;
	uint32_t last = 0;

	(void)state;
	open_range(1024, 65535, 1);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t slot = pick(&w.worker[0].shard[0], 0, NAT64_UDP);
		int distance = (int)slot - (int)last;

		near += distance >= -8 && distance <= 8;
		same += slot == last;
		last = slot;
	}
	/* 17 of all the ports; a run would make it thousands. */
	expected = 20000 * 17 / shard_pool(&w.worker[0].shard[0], 0, NAT64_UDP)->total;
	assert_in_range(near, expected / 5, 5 * expected + 5);
	assert_in_range(same, 0, 30);
	world_close(&w);
}

static void
addresses_and_protocols_are_apart(void **state)
{
	struct shard *s;
	uint32_t slot;

	(void)state;
	open_range(1024, 1087, 20);
	for (unsigned n = 0; n < w.layout.g.shards; n++)
		for (uint32_t a = 0; a < 20; a++)
			for (unsigned p = 0; p < NAT64_N_PROTOS; p++) {
				s = &w.worker[0].shard[n];
				slot = pick(s, a, p);
				if (slot != POOL_NONE)
					assert_int_equal(slot / w.layout.ports_per_shard, a * NAT64_N_PROTOS + p);
				else
					assert_int_equal(shard_pool(s, a, p)->total, 0);
			}
	world_close(&w);
}

/* Counts written by a hostile predecessor: no slot outside, no endless search. */
static void
lying_counts(void **state)
{
	struct shard *s;
	struct shard_pool *pool;
	uint32_t x = 1;

	(void)state;
	open_range(1024, 65535, 1);
	s = &w.worker[0].shard[0];
	pool = shard_pool(s, 0, NAT64_TCP);
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t slot;

		for (unsigned i = 0; i < 64; i++) {
			x = x * 1664525 + 1013904223;
			pool->group_free[i] = (uint16_t)(x >> 16 >> x % 16);
		}
		pool->word[x % w.layout.blocks_per_shard] ^= x;
		pool->free = x >> x % 32;
		slot = pick(s, 0, NAT64_TCP);
		assert_true(slot == POOL_NONE || slot < w.layout.ports_per_shard);
		if (slot != POOL_NONE)
			assert_true(pool->word[slot / 64] >> slot % 64 & 1);
	}
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_port_once), cmocka_unit_test(two_ranges), cmocka_unit_test(the_last_one), cmocka_unit_test(no_pattern),
		cmocka_unit_test(addresses_and_protocols_are_apart), cmocka_unit_test(lying_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
