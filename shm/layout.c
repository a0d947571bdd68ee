/*
 * layout.c - sizes and places of everything in a region
 *
 * Whoever maps a region computes the same layout from the same six numbers; offsets are never read from shared
 * memory. The region is sparse: a pool address costs memory only once its ports are used, so room for many is free.
 * Must never: trust a header (layout_check), allocate, or leave the magic valid before all the rest is.
 */
#include "shm/foreign.h"
#include "shm/hash.h"
#include "shm/index.h"
#include "shm/kept.h"
#include "shm/kin.h"
#include "shm/subscriber.h"

#define ENOUGH_SESSIONS 1024		/* of a shard; a small max-sessions is not to be cut into crumbs */
#define MAX_SLOTS ((1u << 24) - 2)	/* index entries keep a slot in 24 bits, plus one */

static uint32_t
power_of_two_from(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p <<= 1;
	return p;
}

static uint32_t
count_addresses(const struct config_pool *pool, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += pool[i].last - pool[i].first + 1;
	return count;
}

static uint32_t
pool_addresses(const struct config_tenant *config)
{
	return count_addresses(config->pool.item, config->pool.n) +
	       count_addresses(config->leaving_.item, config->leaving_.n);
}

/* Blocks that hold at least one port that may be given out, over the whole pool. */
static uint32_t
usable_blocks(const struct config_tenant *config)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < config->pool.n; i++) {
		const struct config_pool *p = &config->pool.item[i];

		n += (p->last - p->first + 1) * (p->port_max / 64u - p->port_min / 64u + 1);
	}
	return n;
}

static uint32_t
enough_shards(const struct config_tenant *config)
{
	uint32_t addresses = pool_addresses(config), blocks = usable_blocks(config), shards;

	shards = power_of_two_from(config->workers);
	while (shards > 1 && blocks / shards == 0)
		shards /= 2;
	while (shards < LAYOUT_MAX_SHARDS && blocks / (2 * shards) * 64 >= 4000 &&
	       (config->max_sessions / (2 * shards) >= ENOUGH_SESSIONS || addresses > 64))
		shards *= 2;
	return shards;
}

void
layout_geometry(struct layout_geometry *g, const struct config_tenant *config)
{
	layout_geometry_heir(g, config, enough_shards(config));
}

void
layout_geometry_heir(struct layout_geometry *g, const struct config_tenant *config, uint32_t shards)
{
	uint32_t addresses = power_of_two_from(pool_addresses(config));

	*g = (struct layout_geometry) {
		.addresses = addresses < 16 ? 16 : addresses,
		.shards = shards,
		.workers = config->workers,
		.shard_sessions = (config->max_sessions + shards - 1) / (shards ? shards : 1),
		.packet_size = config->mtu,
		.kept = config->max_fragments / (config->workers ? config->workers : 1),
		.offload = config->offload != CONFIG_SWITCH_OFF,
		.subscriber_prefix = config->subscriber_prefix,
	};
}

static size_t
take(size_t *at, size_t bytes)
{
	size_t place = *at;

	*at += (bytes + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
	return place;
}

static uint32_t
stride(uint32_t packet)
{
	return (LAYOUT_HEADROOM + packet + 2 * 64 + 127) / 128 * 128;
}

static void
plan_shard(struct layout *l)
{
	size_t at = 0, areas = (size_t)l->g.addresses * NAT64_N_PROTOS;

	take(&at, sizeof(struct shard_head));
	l->pool_stride = sizeof(struct shard_pool) + l->blocks_per_shard * sizeof(uint64_t);
	l->pool = take(&at, areas * l->pool_stride);
	l->expires = take(&at, l->slots * sizeof(uint32_t));
	l->index = take(&at, (size_t)l->index_buckets * 64);
	l->session_index = take(&at, (size_t)l->session_buckets * 64);
	l->session_free = take(&at, (l->g.shard_sessions + 63) / 64 * sizeof(uint64_t));
	l->session_summary = take(&at, (l->g.shard_sessions + 4095) / 4096 * sizeof(uint64_t));
	l->subscriber_index = take(&at, (size_t)l->subscriber_buckets * 64);
	l->subscriber_free = take(&at, (l->shard_subscribers + 63) / 64 * sizeof(uint64_t));
	l->subscriber_summary = take(&at, (l->shard_subscribers + 4095) / 4096 * sizeof(uint64_t));
	l->subscribers = take(&at, l->shard_subscribers * sizeof(struct subscriber));
	l->sessions = take(&at, l->g.shard_sessions * sizeof(struct session));
	l->records = take(&at, (size_t)l->slots * sizeof(struct record));
	l->shard_size = at;
}

bool
layout_plan(struct layout *l, const struct layout_geometry *g)
{
	uint64_t slots;
	size_t at = 0;

	if (g->shards < 1 || g->shards > LAYOUT_MAX_SHARDS || (g->shards & (g->shards - 1)) ||
	    g->workers < 1 || g->workers > CONFIG_MAX_WORKERS || g->addresses < 1 ||
	    g->addresses > CONFIG_MAX_POOL || g->shard_sessions < 1 || g->shard_sessions > MAX_SLOTS ||
	    g->packet_size < 576 || g->packet_size > 65535 ||
	    g->kept > KEPT_MAX || g->offload > 1 || g->subscriber_prefix < 32 || g->subscriber_prefix > 128)
		return false;
	*l = (struct layout) { .g = *g };
	l->blocks_per_shard = LAYOUT_BLOCKS / g->shards;
	l->ports_per_shard = l->blocks_per_shard * LAYOUT_BLOCK_PORTS;
	slots = (uint64_t)g->addresses * NAT64_N_PROTOS * l->ports_per_shard;
	if (slots + CONFIG_MAX_STATICS > MAX_SLOTS)
		return false;
	l->pool_slots = (uint32_t)slots;
	l->slots = l->pool_slots + CONFIG_MAX_STATICS;

	/* As many as there can be bindings: each may be of another subscriber. */
	l->shard_subscribers = (l->pool_slots < g->shard_sessions ? l->pool_slots : g->shard_sessions) + CONFIG_MAX_STATICS;
	l->index_buckets = l->subscriber_buckets = index_buckets(l->shard_subscribers);
	l->session_buckets = index_buckets(g->shard_sessions);
	l->buffer_size = g->offload ? LAYOUT_GSO_MAX : g->packet_size;
	l->buffer_stride = stride(l->buffer_size);
	l->kept_stride = stride(g->packet_size);

	take(&at, sizeof(struct layout_header));
	l->secret = take(&at, sizeof(struct layout_secret) +
			 g->addresses * sizeof(((struct layout_secret *)0)->permutation[0]));
	l->owners = take(&at, sizeof(struct layout_owners));
	l->counters = take(&at, g->workers * sizeof(struct counters_row));
	l->workers = take(&at, g->workers * sizeof(struct layout_worker));
	l->inflight = take(&at, (size_t)g->workers * LAYOUT_BUFFERS * sizeof(struct layout_inflight));
	l->buffers = take(&at, (size_t)g->workers * LAYOUT_BUFFERS * l->buffer_stride);
	l->ring_size = (256 + (size_t)LAYOUT_RING_SLOTS * l->buffer_stride + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
	l->rings = take(&at, (size_t)g->workers * g->workers * l->ring_size);
	l->kin_buckets = power_of_two_from(g->kept / 4);
	l->kept = take(&at, (size_t)g->workers * g->kept * sizeof(struct kept));
	l->kept_packets = take(&at, (size_t)g->workers * g->kept * l->kept_stride);
	l->kins = take(&at, (size_t)g->workers * l->kin_buckets * sizeof(struct kin_bucket));
	plan_shard(l);
	l->shards = take(&at, (size_t)g->shards * l->shard_size);
	l->size = at;
	return true;
}

/* Room for one more address, in ascending order; none when the header is full. */
static void
add_address(struct layout_header *h, const struct layout_address *address)
{
	uint32_t at = h->addresses_used;

	if (at == h->geometry.addresses)
		return;
	for (; at > 0 && h->address[at - 1].ip4 > address->ip4; at--)
		h->address[at] = h->address[at - 1];
	h->address[at] = *address;
	h->addresses_used++;
}

static void
add_pool(struct layout_header *h, const struct config_pool *pool, uint32_t leaving)
{
	for (uint32_t a = 0; a <= pool->last - pool->first; a++)
		add_address(h, &(struct layout_address) { pool->first + a, pool->port_min, pool->port_max, leaving, 0 });
}

static void
init_addresses(struct layout_header *h, const struct config_tenant *config)
{
	for (uint32_t i = 0; i < config->pool.n; i++)
		add_pool(h, &config->pool.item[i], 0);
	for (uint32_t i = 0; i < config->leaving_.n; i++)
		add_pool(h, &config->leaving_.item[i], 1);
}

/*
 * Deal the blocks of one address to the shards: a random order of the blocks that hold usable ports, then of the
 * others, each dealt round robin, so that every shard gets its even share of both.
 */
static void
init_permutation(struct layout_secret *secret, uint32_t a, const struct layout_address *address,
		 const struct layout *l, const uint8_t key[16])
{
	uint16_t order[LAYOUT_BLOCKS], first = address->port_min / 64, last = address->port_max / 64, n = 0;
	uint16_t used = (uint16_t)(last - first + 1);
	uint32_t dealt[LAYOUT_MAX_SHARDS] = { 0 };

	for (unsigned i = 0; i < LAYOUT_BLOCKS; i++)
		order[n++] = (uint16_t)((first + i) % LAYOUT_BLOCKS);
	for (unsigned i = LAYOUT_BLOCKS - 1; i > 0; i--) {	/* Fisher and Yates, apart for the two kinds */
		unsigned low = i < used ? 0 : used;
		uint64_t word[2] = { a, i };
		unsigned j = low + (unsigned)(((hash_words(key, word, 2) >> 32) * (i - low + 1)) >> 32);
		uint16_t swap = order[i];

		order[i] = order[j];
		order[j] = swap;
	}
	for (unsigned i = 0; i < LAYOUT_BLOCKS; i++) {
		unsigned shard = (i + a) % l->g.shards;
		unsigned at = shard * l->blocks_per_shard + dealt[shard]++;

		secret->permutation[a].place[order[i]] = (uint16_t)at;
		secret->permutation[a].block[at] = order[i];
	}
}

static bool
is_static(const struct config_tenant *config, uint32_t ip4, unsigned proto, unsigned port)
{
	for (uint32_t i = 0; i < config->static_.n; i++)
		if (config->static_.item[i].ip4 == ip4 && config->static_.item[i].proto == proto &&
		    config->static_.item[i].port4 == port)
			return true;
	return false;
}

/* The free ports of one block: inside the address's range and not promised to a static binding. */
static uint64_t
free_word(const struct config_tenant *config, const struct layout_address *address, unsigned proto, unsigned block)
{
	uint64_t word = 0;

	for (unsigned bit = 0; bit < 64; bit++) {
		unsigned port = block * 64 + bit;

		if (port >= address->port_min && port <= address->port_max && port != 0)
			word |= UINT64_C(1) << bit;
	}
	for (uint32_t i = 0; i < config->static_.n && word; i++)
		if (config->static_.item[i].port4 / 64u == block && is_static(config, address->ip4, proto,
									config->static_.item[i].port4))
			word &= ~(UINT64_C(1) << config->static_.item[i].port4 % 64);
	return word;
}

/* n places, all free. */
static void
init_places(uint64_t *free, uint64_t *summary, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		free[i / 64] |= UINT64_C(1) << i % 64;
	for (uint32_t i = 0; i < (n + 63) / 64; i++)
		summary[i / 64] |= UINT64_C(1) << i % 64;
}

static void
init_pool(void *base, const struct layout *l, const struct config_tenant *config, bool complete)
{
	const struct layout_header *h = base;
	const struct layout_secret *secret = layout_at(base, l->secret);

	for (unsigned n = 0; n < l->g.shards; n++) {
		struct shard s;

		shard_view(&s, base, l, n);
		s.head->complete = complete;
		for (unsigned a = 0; a < h->addresses_used; a++)
			for (unsigned proto = 0; proto < NAT64_N_PROTOS; proto++) {
				struct shard_pool *pool = shard_pool(&s, a, proto);

				for (unsigned i = 0; i < l->blocks_per_shard; i++) {
					unsigned block = secret->permutation[a].block[n * l->blocks_per_shard + i];
					uint64_t word = free_word(config, &h->address[a], proto, block);
					unsigned count = (unsigned)__builtin_popcountll(word);

					pool->word[i] = word;
					pool->total += count;
					s.head->ports[proto] += h->address[a].leaving ? 0 : count;
					pool->free += count;
					pool->group_free[i / SHARD_GROUP_WORDS] += (uint16_t)count;
				}
			}
		init_places(s.session_free, s.session_summary, l->g.shard_sessions);
		init_places(s.subscriber_free, s.subscriber_summary, l->shard_subscribers);
	}
}

uint32_t
layout_name(const char *name)
{
	uint32_t hash = 2166136261u;		/* FNV-1a */

	while (*name)
		hash = (hash ^ (uint8_t)*name++) * 16777619u;
	return hash;
}

#define AT(type, field) (uint32_t)offsetof(struct type, field)

/* Say how this build lays out a region. */
static void
init_shape(struct layout_shape *h, const struct layout *l)
{
	*h = (struct layout_shape) {
		.size = sizeof(*h), .dialect = LAYOUT_DIALECT,
		.shards = l->g.shards, .addresses = l->g.addresses, .workers = l->g.workers,
		.blocks_per_shard = l->blocks_per_shard, .pool_slots = l->pool_slots, .slots = l->slots,
		.sessions = l->g.shard_sessions,
		.header_addresses = AT(layout_header, address), .address_stride = sizeof(struct layout_address),
		.address_ip4 = AT(layout_address, ip4), .header_addresses_used = AT(layout_header, addresses_used),
		.header_epoch = AT(layout_header, epoch), .header_prefixes = AT(layout_header, prefix),
		.header_prefixes_used = AT(layout_header, prefixes_used), .prefix_stride = sizeof(struct net6),
		.prefix_len = AT(net6, len), .header_verdict_names = AT(layout_header, verdict_name),
		.verdict_names = NAT64_N_VERDICTS, .header_counter_names = AT(layout_header, counter_name),
		.counter_names = N_COUNTERS,
		.secret = l->secret, .counters = l->counters, .lines = l->workers, .first_shard = l->shards,
		.shard_size = l->shard_size,
		.secret_shard_key = AT(layout_secret, shard_key), .secret_index_key = AT(layout_secret, index_key),
		.secret_port_key = AT(layout_secret, port_key), .secret_permutation = AT(layout_secret, permutation),
		.permutation_stride = sizeof(((struct layout_secret *)0)->permutation[0]),
		.permutation_place = 0, .permutation_block = LAYOUT_BLOCKS * sizeof(uint16_t),
		.row_stride = sizeof(struct counters_row), .row_verdict = AT(counters_row, verdict),
		.row_counter = AT(counters_row, counter), .row_icmp = AT(counters_row, icmp),
		.row_icmp_cells = COUNTERS_ICMP_TYPES * COUNTERS_ICMP_CODES,
		.line_stride = sizeof(struct layout_worker), .line_progress = AT(layout_worker, progress),
		.line_busy = AT(layout_worker, busy), .line_draining = AT(layout_worker, draining),
		.line_ready = AT(layout_worker, ready),
		.shard_total = AT(shard_head, total), .shard_pool = l->pool, .shard_expires = l->expires,
		.shard_session_free = l->session_free, .shard_sessions = l->sessions, .shard_records = l->records,
		.pool_stride = (uint32_t)l->pool_stride, .pool_word = AT(shard_pool, word),
		.record_stride = sizeof(struct record), .record_state = AT(record, state), .record_ip6 = AT(record, ip6),
		.record_ip4 = AT(record, ip4), .record_port6 = AT(record, port6), .record_port4 = AT(record, port4),
		.record_proto = AT(record, proto), .record_tcp = AT(record, tcp), .record_flags = AT(record, flags),
		.record_via = AT(record, via), .record_remote4 = AT(record, remote4),
		.record_remote_port = AT(record, remote_port), .record_created = AT(record, created),
		.session_stride = sizeof(struct session), .session_key = AT(session, key),
		.session_remote4 = AT(session, remote4), .session_remote_port = AT(session, remote_port),
		.session_tcp = AT(session, tcp), .session_via = AT(session, via), .session_expires = AT(session, expires),
	};
}

static void
init_header(struct layout_header *h, const struct layout *l, const struct config_tenant *config, uint64_t epoch)
{
	h->version = LAYOUT_VERSION;
	h->header_size = sizeof(*h);
	init_shape(&h->shape, l);
	h->geometry = l->g;
	h->size = l->size;
	h->epoch = epoch;
	h->prefixes_used = config->prefix.n;
	for (uint32_t i = 0; i < config->prefix.n; i++)
		h->prefix[i] = config->prefix.item[i];
	for (unsigned v = 0; v < NAT64_N_VERDICTS; v++)
		h->verdict_name[v] = layout_name(counters_verdict_info[v].name);
	for (unsigned c = 0; c < N_COUNTERS; c++)
		h->counter_name[c] = layout_name(counters_info[c].name);
	init_addresses(h, config);
}

/* The deal of an address that the old region has too. Returns false when it has not. */
static bool
inherit_permutation(struct layout_secret *secret, uint32_t a, uint32_t ip4, const struct foreign *old)
{
	for (uint32_t i = 0; old && i < old->addresses_used; i++) {
		if (foreign_address(old, i).ip4 != ip4)
			continue;
		for (unsigned b = 0; b < LAYOUT_BLOCKS; b++) {
			secret->permutation[a].place[b] = foreign_place(old, i, b);
			secret->permutation[a].block[b] = foreign_block(old, i, b);
		}
		return true;
	}
	return false;
}

/* How many blocks of each shard may have to be looked at. */
static void
count_blocks(struct layout_address *address, const uint16_t place[LAYOUT_BLOCKS], const struct layout *l)
{
	for (unsigned block = address->port_min / 64u; block <= address->port_max / 64u; block++)
		if (place[block] % l->blocks_per_shard >= address->blocks)
			address->blocks = place[block] % l->blocks_per_shard + 1;
}

static void
init_secret(struct layout_secret *secret, struct layout_header *h, const struct layout *l,
	    const struct foreign *old, const uint8_t seed[LAYOUT_SEED_SIZE])
{
	memcpy(secret->shard_key, old ? foreign_key(old, FOREIGN_SHARD_KEY) : seed, 16);
	memcpy(secret->index_key, old ? foreign_key(old, FOREIGN_INDEX_KEY) : seed + 16, 16);
	memcpy(secret->port_key, old ? foreign_key(old, FOREIGN_PORT_KEY) : seed + 32, 16);
	for (uint32_t a = 0; a < h->addresses_used; a++) {
		if (!inherit_permutation(secret, a, h->address[a].ip4, old))
			init_permutation(secret, a, &h->address[a], l, seed + 48);
		count_blocks(&h->address[a], secret->permutation[a].place, l);
	}
}

void
layout_deal(void *base, const struct layout *l, uint32_t absent)
{
	struct layout_owners *owners = layout_at(base, l->owners);
	uint8_t present[CONFIG_MAX_WORKERS];
	unsigned n = 0;

	for (unsigned w = 0; w < l->g.workers && w < CONFIG_MAX_WORKERS; w++)
		if (!(absent >> w & 1))
			present[n++] = (uint8_t)w;
	for (unsigned s = 0; s < l->g.shards && n > 0; s++)
		atomic_store_8(&owners->worker[s], present[s * n / l->g.shards]);
}

static void
init(void *base, const struct layout *l, const struct config_tenant *config, uint64_t epoch, const struct foreign *old,
     const uint8_t seed[LAYOUT_SEED_SIZE])
{
	struct layout_header *h = base;
	struct layout_owners *owners = layout_at(base, l->owners);

	init_header(h, l, config, epoch);
	init_secret(layout_at(base, l->secret), h, l, old, seed);
	memset(owners->worker, LAYOUT_NO_OWNER, sizeof(owners->worker));
	layout_deal(base, l, 0);
	init_pool(base, l, config, old == NULL);
	atomic_store_64(&h->magic, LAYOUT_MAGIC);
}

void
layout_init(void *base, const struct layout *l, const struct config_tenant *config, uint64_t epoch,
	    const uint8_t seed[LAYOUT_SEED_SIZE])
{
	init(base, l, config, epoch, NULL, seed);
}

void
layout_init_heir(void *base, const struct layout *l, const struct config_tenant *config, const struct foreign *old,
		 const uint8_t seed[LAYOUT_SEED_SIZE])
{
	init(base, l, config, foreign_epoch(old), old, seed);
}

const char *
layout_check(struct layout *l, const struct layout_header *h, size_t size)
{
	struct layout_geometry g;
	struct layout_shape shape;

	if (size < sizeof(*h))
		return "region smaller than its header";
	if (atomic_load_64(&h->magic) != LAYOUT_MAGIC)
		return "region has no valid magic";
	if (h->version != LAYOUT_VERSION || h->header_size != sizeof(*h))
		return "region has another layout version";
	g = h->geometry;
	if (!layout_plan(l, &g))
		return "region geometry out of bounds";
	if (l->size != size)
		return "region size does not fit its geometry";
	init_shape(&shape, l);
	if (memcmp(&shape, &h->shape, sizeof(shape)) != 0)
		return "region describes itself as another one";
	if (h->addresses_used > l->g.addresses || h->prefixes_used > LAYOUT_PREFIXES)
		return "region has more addresses than room";
	return NULL;
}
