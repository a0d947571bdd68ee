/*
 * test_layout.c - geometries in and out of bounds, headers that lie, and that every port is in exactly one place
 */
#include <sys/mman.h>
#include "tests/unit/unit.h"
#include "shm/kept.h"
#include "shm/kin.h"
#include "shm/record.h"
#include "shm/pool.h"
#include "tests/world.h"

static const struct layout_geometry fine = {
	.addresses = 16, .shards = 4, .workers = 3, .shard_sessions = 1000, .subscriber_prefix = 64, .packet_size = 1500,
};

static bool
plans(struct layout_geometry g)
{
	struct layout l;

	return layout_plan(&l, &g);
}

/* fine, with one number changed. */
static struct layout_geometry
with(size_t field, uint32_t value)
{
	struct layout_geometry g = fine;

	memcpy((uint8_t *)&g + field, &value, sizeof(value));
	return g;
}
#define WITH(field, value) with(offsetof(struct layout_geometry, field), value)

static void
bounds(void **state)
{
	(void)state;
	assert_true(plans(fine));
	for (uint32_t n = 0; n < 300; n++)
		assert_int_equal(plans(WITH(shards, n)), n == 1 || n == 2 || n == 4 || n == 8 || n == 16 || n == 32 || n == 64);
	assert_false(plans(WITH(shards, UINT32_MAX)));
	assert_false(plans(WITH(shards, UINT32_C(1) << 31)));
	for (uint32_t n = 0; n < 40; n++)
		assert_int_equal(plans(WITH(workers, n)), n >= 1 && n <= CONFIG_MAX_WORKERS);
	assert_false(plans(WITH(workers, UINT32_MAX)));
	assert_false(plans(WITH(addresses, 0)));
	assert_false(plans(WITH(addresses, CONFIG_MAX_POOL + 1)));
	assert_false(plans(WITH(addresses, UINT32_MAX)));
	assert_false(plans(WITH(shard_sessions, 0)));
	assert_true(plans(WITH(shard_sessions, 1)));
	assert_true(plans(WITH(shard_sessions, (1u << 24) - 2)));
	assert_false(plans(WITH(shard_sessions, (1u << 24) - 1)));
	assert_false(plans(WITH(shard_sessions, UINT32_MAX)));
	assert_true(plans(WITH(offload, 1)));
	assert_false(plans(WITH(offload, 2)));
	assert_false(plans(WITH(packet_size, 575)));
	assert_true(plans(WITH(packet_size, 576)));
	assert_true(plans(WITH(packet_size, 65535)));
	assert_false(plans(WITH(packet_size, 65536)));
	assert_false(plans(WITH(packet_size, UINT32_MAX)));
	for (uint32_t n = 0; n < 200; n++)
		assert_int_equal(plans(WITH(subscriber_prefix, n)), n >= 32 && n <= 128);
	assert_false(plans(WITH(subscriber_prefix, UINT32_MAX)));
}

/* Slots must fit the 24 bits of an index cell: 85 addresses in one shard, 4096 in 64. */
static void
slots_fit_a_cell(void **state)
{
	struct layout l;

	(void)state;
	for (uint32_t shards = 1; shards <= 64; shards *= 2)
		for (uint32_t addresses = 1; addresses <= CONFIG_MAX_POOL; addresses++) {
			struct layout_geometry g = fine;
			uint64_t slots = (uint64_t)addresses * 3 * 65536 / shards + CONFIG_MAX_STATICS;

			g.shards = shards;
			g.addresses = addresses;
			assert_int_equal(layout_plan(&l, &g), slots <= (1u << 24) - 2);
		}
}

struct span {
	size_t at, size;
};

static void
apart(const struct span *span, unsigned n, size_t end)
{
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(span[i].at % LAYOUT_PAGE, 0);
		assert_true(span[i].at + span[i].size <= (i + 1 < n ? span[i + 1].at : end));
	}
}

/* The parts are in order, apart, on pages of their own and as large as what is kept in them. */
static void
parts_are_apart(void **state)
{
	static const struct layout_geometry g[] = {
		{ 16, 4, 3, 1000, 1500, 341, 0, 64 }, { 1, 1, 1, 1, 576, 0, 0, 32 }, { 4096, 64, 16, 1, 65535, 64, 1, 128 },
		{ 20, 64, 16, 262144, 9000, KEPT_MAX, 0, 56 }, { 1, 1, 1, (1 << 24) - 2, 1280, 1, 1, 64 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(g) / sizeof(g[0]); i++) {
		struct layout l;

		assert_true(layout_plan(&l, &g[i]));
		apart((struct span[]) {
			{ 0, sizeof(struct layout_header) },
			{ l.secret, sizeof(struct layout_secret) + g[i].addresses * 4096u },
			{ l.owners, sizeof(struct layout_owners) },
			{ l.counters, g[i].workers * sizeof(struct counters_row) },
			{ l.workers, g[i].workers * sizeof(struct layout_worker) },
			{ l.inflight, g[i].workers * LAYOUT_BUFFERS * sizeof(struct layout_inflight) },
			{ l.buffers, (size_t)g[i].workers * LAYOUT_BUFFERS * l.buffer_stride },
			{ l.rings, (size_t)g[i].workers * g[i].workers * l.ring_size },
			{ l.kept, (size_t)g[i].workers * g[i].kept * sizeof(struct kept) },
			{ l.kept_packets, (size_t)g[i].workers * g[i].kept * l.kept_stride },
			{ l.kins, (size_t)g[i].workers * l.kin_buckets * sizeof(struct kin_bucket) },
			{ l.shards, g[i].shards * l.shard_size } }, 12, l.size);
		apart((struct span[]) {
			{ 0, sizeof(struct shard_head) },
			{ l.pool, (size_t)g[i].addresses * NAT64_N_PROTOS * l.pool_stride },
			{ l.expires, (size_t)l.slots * 4 },
			{ l.index, (size_t)l.index_buckets * 64 },
			{ l.session_index, (size_t)l.session_buckets * 64 },
			{ l.session_free, ((size_t)g[i].shard_sessions + 63) / 64 * 8 },
			{ l.session_summary, ((size_t)g[i].shard_sessions + 4095) / 4096 * 8 },
			{ l.subscriber_index, (size_t)l.subscriber_buckets * 64 },
			{ l.subscriber_free, ((size_t)l.shard_subscribers + 63) / 64 * 8 },
			{ l.subscriber_summary, ((size_t)l.shard_subscribers + 4095) / 4096 * 8 },
			{ l.subscribers, (size_t)l.shard_subscribers * 32 },
			{ l.sessions, (size_t)g[i].shard_sessions * 24 },
			{ l.records, (size_t)l.slots * 64 } }, 13, l.shard_size);
		assert_int_equal(l.buffer_size, g[i].offload ? LAYOUT_GSO_MAX : g[i].packet_size);
		assert_true(l.buffer_stride >= LAYOUT_HEADROOM + l.buffer_size && l.buffer_stride % 128 == 0);
		assert_true(l.kept_stride >= LAYOUT_HEADROOM + g[i].packet_size && l.kept_stride % 128 == 0);
		assert_true(l.ring_size >= 256 + (size_t)LAYOUT_RING_SLOTS * l.buffer_stride);
		/* Of 16 cells ten are used at most, and not many fewer when all is in use that there is room for. */
		assert_in_range(l.index_buckets, l.shard_subscribers / 10, l.shard_subscribers / 10 + 1);
		assert_in_range(l.subscriber_buckets, l.shard_subscribers / 10, l.shard_subscribers / 10 + 1);
		assert_in_range(l.session_buckets, g[i].shard_sessions / 10, g[i].shard_sessions / 10 + 1);
	}
}

static struct world w;

/* world_open touches every page of a region; for tens of pools of whole addresses a sparse one will do. */
static void
open_sparse(void)
{
	static const uint8_t seed[LAYOUT_SEED_SIZE] = { 2, 7, 1, 8 };
	struct layout_geometry g;

	layout_geometry(&g, &w.config);
	assert_true(layout_plan(&w.layout, &g));
	w.region = mmap(NULL, w.layout.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(w.region != MAP_FAILED);
	layout_init(w.region, &w.layout, &w.config, 0, seed);
	assert_null(nat64_attach(&w.worker[0], w.region, &w.layout, 0));
}

static void
close_sparse(void)
{
	munmap(w.region, w.layout.size);
}

static void
lying_headers(void **state)
{
	struct layout_header *h;
	struct layout l, other;

	(void)state;
	w.config = world_config();
	open_sparse();
	h = w.region;
	assert_null(layout_check(&l, h, w.layout.size));
	assert_memory_equal(&l, &w.layout, sizeof(l));
	assert_non_null(layout_check(&l, h, w.layout.size - 1));
	assert_non_null(layout_check(&l, h, w.layout.size + LAYOUT_PAGE));
	assert_non_null(layout_check(&l, h, sizeof(*h) - 1));
	assert_non_null(layout_check(&l, h, 0));
	/* Every bit of magic, version, header size, geometry and number of addresses: refused, or harmless. */
	for (unsigned byte = 0; byte < offsetof(struct layout_header, size); byte++)
		for (unsigned bit = 0; bit < 8; bit++) {
			uint8_t *b = (uint8_t *)h + byte;
			const char *wrong;

			*b ^= (uint8_t)(1u << bit);
			wrong = layout_check(&l, h, w.layout.size);
			if (byte < offsetof(struct layout_header, geometry))
				assert_non_null(wrong);
			else if (!wrong)
				assert_true(l.size == w.layout.size && h->addresses_used <= l.g.addresses &&
					    layout_plan(&other, &h->geometry) && memcmp(&other, &l, sizeof(l)) == 0);
			*b ^= (uint8_t)(1u << bit);
		}
	assert_null(layout_check(&l, h, w.layout.size));
	close_sparse();
}

static const struct {
	uint32_t workers, addresses;
	uint16_t port_min, port_max;
} pools[] = {
	{ 1, 1, 1024, 65535 }, { 2, 3, 1024, 65535 }, { 16, 2, 1, 65535 }, { 4, 1, 2048, 2111 }, { 4, 5, 1000, 1100 },
	{ 16, 1, 32768, 32768 }, { 3, 20, 1024, 65535 }, { 1, 1, 65535, 65535 }, { 2, 2, 63, 64 },
};

static void
open_pool(unsigned i)
{
	w.config = world_config();
	w.config.workers = pools[i].workers;
	w.config.max_sessions = 6400;
	w.config.pool.item[0].last += pools[i].addresses - 1;
	w.config.pool.item[0].port_min = pools[i].port_min;
	w.config.pool.item[0].port_max = pools[i].port_max;
	w.config.static_.n = 2;
	w.config.static_.item[0] = (struct config_static) {
		world_ip6("2001:db8::5"), world_ip4("192.0.2.1"), 80, pools[i].port_min, NAT64_TCP };
	w.config.static_.item[1] = (struct config_static) {
		world_ip6("2001:db8::6"), world_ip4("192.0.2.1"), 80, pools[i].port_max, NAT64_UDP };
	open_sparse();
}

/* place and block are inverse, so a bijection; shards get equal shares of blocks, and of usable ones within one. */
static void
permutation(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		open_pool(i);
		for (uint32_t a = 0; a < pools[i].addresses; a++) {
			const struct layout_secret *secret = w.worker[0].secret;
			uint32_t usable[LAYOUT_MAX_SHARDS] = { 0 }, least = UINT32_MAX, most = 0;

			for (unsigned b = 0; b < LAYOUT_BLOCKS; b++) {
				uint16_t place = secret->permutation[a].place[b];

				assert_in_range(place, 0, LAYOUT_BLOCKS - 1);
				assert_int_equal(secret->permutation[a].block[place], b);
				if (b >= pools[i].port_min / 64u && b <= pools[i].port_max / 64u)
					usable[place / w.layout.blocks_per_shard]++;
			}
			for (unsigned s = 0; s < w.layout.g.shards; s++) {
				least = usable[s] < least ? usable[s] : least;
				most = usable[s] > most ? usable[s] : most;
			}
			assert_true(most - least <= 1);
		}
		close_sparse();
	}
}

/* Two addresses do not deal their blocks alike, or whoever knows one knows all. */
static void
addresses_differ(void **state)
{
	unsigned same = 0;

	(void)state;
	open_pool(1);
	for (unsigned b = 0; b < LAYOUT_BLOCKS; b++)
		same += w.worker[0].secret->permutation[0].place[b] == w.worker[0].secret->permutation[1].place[b];
	assert_true(same < 20);
	close_sparse();
}

static bool
is_free(uint32_t a, unsigned proto, unsigned port)
{
	struct pool_place at = pool_place(&w.layout, w.worker[0].secret, a, proto, (uint16_t)port);
	const struct shard_pool *pool = shard_pool(&w.worker[0].shard[at.shard], a, proto);
	uint32_t local = at.slot % w.layout.ports_per_shard;

	return pool->word[local / 64] >> local % 64 & 1;
}

/* Every port has one place, no place two ports; free are those of the range, less the statics'. */
static void
ports(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		uint32_t expected = 0, total = 0;

		open_pool(i);
		for (uint32_t a = 0; a < pools[i].addresses; a++)
			for (unsigned proto = 0; proto < NAT64_N_PROTOS; proto++)
				for (unsigned port = 0; port < 65536; port++) {
					struct pool_place at = pool_place(&w.layout, w.worker[0].secret, a, proto, (uint16_t)port);
					bool reserved = a == 0 && ((proto == NAT64_TCP && port == pools[i].port_min) ||
								   (proto == NAT64_UDP && port == pools[i].port_max));
					bool free = port >= pools[i].port_min && port <= pools[i].port_max && !reserved;

					if (at.shard >= w.layout.g.shards || at.slot >= w.layout.pool_slots ||
					    pool_port(&w.layout, w.worker[0].secret, at.shard, at.slot) != port ||
					    at.slot / w.layout.ports_per_shard != a * NAT64_N_PROTOS + proto ||
					    is_free(a, proto, port) != free)
						fail_msg("pool %u address %u protocol %u port %u", i, a, proto, port);
					expected += free;
				}
		for (unsigned s = 0; s < w.layout.g.shards; s++)
			for (uint32_t a = 0; a < pools[i].addresses; a++)
				for (unsigned p = 0; p < NAT64_N_PROTOS; p++)
					total += shard_pool(&w.worker[0].shard[s], a, p)->total;
		assert_int_equal(total, expected);
		close_sparse();
	}
}

/* Enough shards for the workers, 4000 ports of a protocol for one subscriber wherever the pool has them. */
static void
geometry(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 16; workers++)
		for (uint32_t addresses = 1; addresses <= 64; addresses++) {
			struct config_tenant c = world_config();
			struct layout_geometry g;
			struct layout l;

			c.workers = workers;
			c.pool.item[0].last += addresses - 1;
			layout_geometry(&g, &c);
			assert_true(layout_plan(&l, &g));
			assert_true(g.shards >= workers && g.workers == workers && g.addresses >= addresses);
			assert_true(workers > 8 || addresses * 64512 / g.shards >= 4000);
			assert_true((uint64_t)g.shard_sessions * g.shards >= c.max_sessions);
			assert_true((uint64_t)g.shard_sessions * g.shards < c.max_sessions + g.shards);
		}
}

/* A small max-sessions is not cut into crumbs: whoever comes first may have a good part of it. */
static void
few_sessions(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 16; workers *= 2)
		for (uint32_t sessions = 1; sessions <= 1 << 20; sessions *= 2) {
			struct config_tenant c = world_config();
			struct layout_geometry g;
			struct layout l;

			c.workers = workers;
			c.max_sessions = sessions;
			layout_geometry(&g, &c);
			assert_true(layout_plan(&l, &g));
			assert_true(g.shards == workers || g.shard_sessions >= 1024);
		}
}

static void
addresses_are_sorted(void **state)
{
	const struct layout_header *h;

	(void)state;
	w.config = world_config();
	w.config.pool.n = 3;
	w.config.pool.item[0] = (struct config_pool) { world_ip4("203.0.113.7"), world_ip4("203.0.113.9"), 2000, 3000 };
	w.config.pool.item[1] = (struct config_pool) { world_ip4("192.0.2.4"), world_ip4("192.0.2.4"), 1024, 65535 };
	w.config.pool.item[2] = (struct config_pool) { world_ip4("198.51.100.0"), world_ip4("198.51.100.1"), 5, 6 };
	open_sparse();
	h = w.region;
	assert_int_equal(h->addresses_used, 6);
	for (unsigned i = 1; i < 6; i++)
		assert_true(h->address[i - 1].ip4 < h->address[i].ip4);
	for (unsigned i = 0; i < 3; i++)
		for (uint32_t a = w.config.pool.item[i].first; a <= w.config.pool.item[i].last; a++) {
			uint32_t n = pool_address(h, a);

			assert_in_range(n, 0, 5);
			assert_int_equal(h->address[n].ip4, a);
			assert_int_equal(h->address[n].port_min, w.config.pool.item[i].port_min);
			assert_int_equal(h->address[n].port_max, w.config.pool.item[i].port_max);
		}
	assert_int_equal(pool_address(h, world_ip4("203.0.113.10")), POOL_NONE);
	assert_int_equal(pool_address(h, world_ip4("203.0.113.6")), POOL_NONE);
	assert_int_equal(pool_address(h, world_ip4("198.51.100.2")), POOL_NONE);
	assert_int_equal(pool_address(h, 0), POOL_NONE);
	assert_int_equal(pool_address(h, UINT32_MAX), POOL_NONE);
	close_sparse();
}

/* Bytes for each port and protocol of the pool: record, expiry, index, bit maps; in the usual sizes at most 80. */
static void
memory_of_a_port(void **state)
{
	static const uint32_t addresses[] = { 16, 32, 64, 128, 256, 1024 };

	(void)state;
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct config_tenant c = world_config();
		struct layout_geometry g;
		struct layout l;
		size_t bytes;

		c.pool.item[0].last += addresses[i] - 1;
		layout_geometry(&g, &c);
		assert_true(layout_plan(&l, &g));
		assert_int_equal(l.g.shards, LAYOUT_MAX_SHARDS);
		bytes = l.session_index - l.pool + l.pool_slots * sizeof(struct record);
		assert_true(bytes / l.pool_slots >= 68 && bytes <= (size_t)80 * l.pool_slots);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_of_a_port),
		cmocka_unit_test(bounds), cmocka_unit_test(slots_fit_a_cell), cmocka_unit_test(parts_are_apart),
		cmocka_unit_test(lying_headers), cmocka_unit_test(permutation), cmocka_unit_test(addresses_differ),
		cmocka_unit_test(ports), cmocka_unit_test(geometry), cmocka_unit_test(few_sessions), cmocka_unit_test(addresses_are_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
