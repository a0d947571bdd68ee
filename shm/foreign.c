/*
 * foreign.c - a region that another build may have laid out
 *
 * The old region says where everything is and how far apart. All of that is checked once, against the size that the kernel
 * confirms, so that afterwards no number computed from it can leave the region: every table is an offset, a stride and a
 * count, and its last byte is looked at here. What the tables hold may be anything, and is the reader's to judge.
 * Must never: read a field at an offset that foreign_check did not bound; compare versions.
 */
#include <string.h>
#include "shm/foreign.h"

#define KEY_BYTES 16

static uint64_t
read_bytes(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);	/* written on this host, or on one like it: the lowest byte first */
	return value;
}

/* Does a table of count entries of stride bytes, of which `used` are read, lie in size bytes from offset? */
static bool
fits(uint64_t offset, uint64_t count, uint64_t stride, uint64_t used, uint64_t size)
{
	return offset <= size && used <= size && stride <= size && count <= size &&
	       (count == 0 || (stride >= used && count * stride <= size - offset));
}

static bool
inside(uint32_t offset, uint32_t bytes, uint32_t stride)
{
	return offset <= stride && bytes <= stride - offset;
}

static bool
check_header(const struct layout_shape *h, uint64_t size)
{
	return fits(h->header_addresses, h->addresses, h->address_stride, 8, h->secret) &&
	       inside(h->address_ip4, 12, h->address_stride) &&
	       fits(h->header_prefixes, LAYOUT_PREFIXES, h->prefix_stride, 16, h->secret) &&
	       inside(h->prefix_len, 1, h->prefix_stride) &&
	       fits(h->header_addresses_used, 1, 4, 4, h->secret) && fits(h->header_epoch, 1, 8, 8, h->secret) &&
	       fits(h->header_prefixes_used, 1, 4, 4, h->secret) &&
	       fits(h->header_verdict_names, h->verdict_names, 4, 4, h->secret) &&
	       fits(h->header_counter_names, h->counter_names, 4, 4, h->secret) &&
	       fits(h->secret + h->secret_shard_key, 1, KEY_BYTES, KEY_BYTES, size) &&
	       fits(h->secret + h->secret_index_key, 1, KEY_BYTES, KEY_BYTES, size) &&
	       fits(h->secret + h->secret_port_key, 1, KEY_BYTES, KEY_BYTES, size) &&
	       fits(h->secret + h->secret_permutation, h->addresses, h->permutation_stride, 2ULL * LAYOUT_BLOCKS, size) &&
	       inside(h->permutation_place, 2 * LAYOUT_BLOCKS, h->permutation_stride) &&
	       inside(h->permutation_block, 2 * LAYOUT_BLOCKS, h->permutation_stride);
}

static bool
check_workers(const struct layout_shape *h, uint64_t size)
{
	return fits(h->counters, h->workers, h->row_stride, 8, size) &&
	       h->row_icmp_cells <= COUNTERS_ICMP_TYPES * COUNTERS_ICMP_CODES &&
	       fits(h->row_verdict, 2ULL * h->verdict_names, 8, 8, h->row_stride) &&
	       fits(h->row_counter, h->counter_names, 8, 8, h->row_stride) &&
	       fits(h->row_icmp, 2ULL * h->row_icmp_cells, 8, 8, h->row_stride) &&
	       fits(h->lines, h->workers, h->line_stride, 8, size) && inside(h->line_progress, 8, h->line_stride) &&
	       inside(h->line_busy, 8, h->line_stride) && inside(h->line_draining, 4, h->line_stride) &&
	       inside(h->line_ready, 4, h->line_stride);
}

static bool
check_shard(const struct layout_shape *h)
{
	uint64_t size = h->shard_size;

	return fits(h->shard_total, (uint64_t)SHARD_N_TOTALS * NAT64_N_PROTOS, 8, 8, size) &&
	       fits(h->shard_pool, (uint64_t)h->addresses * NAT64_N_PROTOS, h->pool_stride, 8, size) &&
	       fits(h->pool_word, h->blocks_per_shard, 8, 8, h->pool_stride) &&
	       fits(h->shard_expires, h->slots, 4, 4, size) &&
	       fits(h->shard_session_free, (h->sessions + 63ULL) / 64, 8, 8, size) &&
	       fits(h->shard_sessions, h->sessions, h->session_stride, 8, size) &&
	       fits(h->shard_records, h->slots, h->record_stride, 8, size) &&
	       (uint64_t)h->addresses * NAT64_N_PROTOS * h->blocks_per_shard * LAYOUT_BLOCK_PORTS == h->pool_slots &&
	       h->pool_slots <= h->slots;
}

static bool
check_entries(const struct layout_shape *h)
{
	uint32_t r = h->record_stride, s = h->session_stride;

	return inside(h->record_state, 8, r) && inside(h->record_ip6, 16, r) && inside(h->record_ip4, 4, r) &&
	       inside(h->record_port6, 2, r) && inside(h->record_port4, 2, r) && inside(h->record_proto, 1, r) &&
	       inside(h->record_tcp, 1, r) && inside(h->record_flags, 1, r) && inside(h->record_via, 1, r) &&
	       inside(h->record_remote4, 4, r) && inside(h->record_remote_port, 2, r) &&
	       inside(h->record_created, 4, r) && inside(h->session_key, 8, s) && inside(h->session_remote4, 4, s) &&
	       inside(h->session_remote_port, 2, s) && inside(h->session_tcp, 1, s) &&
	       inside(h->session_via, 1, s) && inside(h->session_expires, 4, s);
}

const char *
foreign_check(struct foreign *f, const void *base, uint64_t size)
{
	const struct layout_header *header = base;
	struct layout_shape *h = &f->shape;
	uint32_t known;

	if (size < LAYOUT_PAGE || atomic_load_64(&header->magic) != LAYOUT_MAGIC)
		return "it is no region";
	known = header->shape.size;
	if (known < offsetof(struct layout_shape, session_expires) || known > LAYOUT_PAGE / 2)
		return "it does not say how it is laid out";
	memset(h, 0, sizeof(*h));
	memcpy(h, &header->shape, known < sizeof(*h) ? known : sizeof(*h));
	f->base = base;
	if (h->dialect != LAYOUT_DIALECT)
		return "its states have another meaning";
	if (h->shards < 1 || h->shards > LAYOUT_MAX_SHARDS || (h->shards & (h->shards - 1)) || h->workers < 1 ||
	    h->workers > CONFIG_MAX_WORKERS || h->addresses > CONFIG_MAX_POOL ||
	    h->blocks_per_shard != LAYOUT_BLOCKS / h->shards || h->sessions > INT32_MAX || h->slots > INT32_MAX)
		return "its sizes are out of bounds";
	if (h->secret > size || size > INT64_MAX || !check_header(h, size) || !check_workers(h, size) ||
	    !fits(h->first_shard, h->shards, h->shard_size, 8, size) || !check_shard(h) || !check_entries(h))
		return "its parts do not fit into it";
	f->addresses_used = (uint32_t)read_bytes(f->base + h->header_addresses_used, 4);
	return f->addresses_used <= h->addresses ? NULL : "it has more addresses than room";
}

struct layout_address
foreign_address(const struct foreign *f, uint32_t a)
{
	struct layout_address address = { 0 };

	memcpy(&address, f->base + f->shape.header_addresses + (uint64_t)a * f->shape.address_stride +
			 f->shape.address_ip4, 12);
	return address;
}

bool
foreign_prefix(const struct foreign *f, uint32_t i, struct net6 *prefix)
{
	const uint8_t *at = f->base + f->shape.header_prefixes + (uint64_t)i * f->shape.prefix_stride;

	if (i >= LAYOUT_PREFIXES || i >= read_bytes(f->base + f->shape.header_prefixes_used, 4))
		return false;
	memset(prefix, 0, sizeof(*prefix));
	memcpy(prefix->addr.b, at, 16);
	prefix->len = at[f->shape.prefix_len];
	return true;
}

uint64_t
foreign_epoch(const struct foreign *f)
{
	return read_bytes(f->base + f->shape.header_epoch, 8);
}

const uint8_t *
foreign_key(const struct foreign *f, enum foreign_key key)
{
	const uint32_t at[] = { f->shape.secret_shard_key, f->shape.secret_index_key, f->shape.secret_port_key };

	return f->base + f->shape.secret + at[key];
}

static const uint8_t *
permutation(const struct foreign *f, uint32_t a)
{
	return f->base + f->shape.secret + f->shape.secret_permutation + (uint64_t)a * f->shape.permutation_stride;
}

uint16_t
foreign_place(const struct foreign *f, uint32_t a, uint32_t block)
{
	return (uint16_t)read_bytes(permutation(f, a) + f->shape.permutation_place + 2UL * (block % LAYOUT_BLOCKS), 2) %
	       LAYOUT_BLOCKS;
}

uint16_t
foreign_block(const struct foreign *f, uint32_t a, uint32_t place)
{
	return (uint16_t)read_bytes(permutation(f, a) + f->shape.permutation_block + 2UL * (place % LAYOUT_BLOCKS), 2) %
	       LAYOUT_BLOCKS;
}

static const uint8_t *
shard_at(const struct foreign *f, unsigned shard, uint64_t table)
{
	return f->base + f->shape.first_shard + shard * f->shape.shard_size + table;
}

uint32_t
foreign_expires(const struct foreign *f, unsigned shard, uint32_t slot)
{
	return (uint32_t)read_bytes(shard_at(f, shard, f->shape.shard_expires) + 4ULL * slot, 4);
}

uint64_t
foreign_ports_used(const struct foreign *f, unsigned shard, uint32_t area, uint32_t word)
{
	return ~read_bytes(shard_at(f, shard, f->shape.shard_pool) + (uint64_t)area * f->shape.pool_stride +
			   f->shape.pool_word + 8ULL * word, 8);
}

void
foreign_record(const struct foreign *f, unsigned shard, uint32_t slot, struct record *r)
{
	const struct layout_shape *h = &f->shape;
	const uint8_t *at = shard_at(f, shard, h->shard_records) + (uint64_t)slot * h->record_stride;

	*r = (struct record) {
		.state = read_bytes(at + h->record_state, 8),
		.ip4 = (uint32_t)read_bytes(at + h->record_ip4, 4),
		.port6 = (uint16_t)read_bytes(at + h->record_port6, 2),
		.port4 = (uint16_t)read_bytes(at + h->record_port4, 2),
		.proto = at[h->record_proto],
		.tcp = at[h->record_tcp],
		.flags = at[h->record_flags],
		.via = at[h->record_via],
		.remote4 = (uint32_t)read_bytes(at + h->record_remote4, 4),
		.remote_port = (uint16_t)read_bytes(at + h->record_remote_port, 2),
		.created = (uint32_t)read_bytes(at + h->record_created, 4),
	};
	memcpy(r->ip6.b, at + h->record_ip6, 16);
}

uint64_t
foreign_sessions_used(const struct foreign *f, unsigned shard, uint32_t word)
{
	uint32_t left = f->shape.sessions - word * 64;
	uint64_t used = ~read_bytes(shard_at(f, shard, f->shape.shard_session_free) + 8ULL * word, 8);

	return left < 64 ? used & ((UINT64_C(1) << left) - 1) : used;
}

void
foreign_session(const struct foreign *f, unsigned shard, uint32_t number, struct session *e)
{
	const struct layout_shape *h = &f->shape;
	const uint8_t *at = shard_at(f, shard, h->shard_sessions) + (uint64_t)number * h->session_stride;

	*e = (struct session) {
		.key = read_bytes(at + h->session_key, 8),
		.remote4 = (uint32_t)read_bytes(at + h->session_remote4, 4),
		.remote_port = (uint16_t)read_bytes(at + h->session_remote_port, 2),
		.tcp = at[h->session_tcp],
		.via = at[h->session_via],
		.expires = (uint32_t)read_bytes(at + h->session_expires, 4),
	};
}

uint64_t
foreign_total(const struct foreign *f, unsigned shard, enum shard_total total, enum nat64_proto proto)
{
	return read_bytes(shard_at(f, shard, f->shape.shard_total) + 8UL * (total * NAT64_N_PROTOS + proto), 8);
}

/* The number among n names of the one that old name i is, or n. */
static uint32_t
name_of(const struct foreign *f, uint64_t names, uint32_t i, const struct counters_info *info, uint32_t n)
{
	uint32_t want = (uint32_t)read_bytes(f->base + names + 4ULL * i, 4), at = 0;

	while (at < n && layout_name(info[at].name) != want)
		at++;
	return at;
}

void
foreign_counters(const struct foreign *f, unsigned w, struct counters_row *row)
{
	const struct layout_shape *h = &f->shape;
	const uint8_t *old = f->base + h->counters + (uint64_t)w * h->row_stride;

	for (uint32_t i = 0; i < h->verdict_names; i++) {
		uint32_t v = name_of(f, h->header_verdict_names, i, counters_verdict_info, NAT64_N_VERDICTS);

		for (uint32_t side = 0; side < NAT64_N_SIDES && v < NAT64_N_VERDICTS; side++)
			row->verdict[side][v] += read_bytes(old + h->row_verdict + 8ULL * (side * h->verdict_names + i), 8);
	}
	for (uint32_t i = 0; i < h->counter_names; i++) {
		uint32_t c = name_of(f, h->header_counter_names, i, counters_info, N_COUNTERS);

		if (c < N_COUNTERS)
			row->counter[c] += read_bytes(old + h->row_counter + 8ULL * i, 8);
	}
	for (uint32_t i = 0; i < NAT64_N_SIDES * h->row_icmp_cells; i++)
		row->icmp[i / h->row_icmp_cells][i % h->row_icmp_cells / COUNTERS_ICMP_CODES]
			 [i % COUNTERS_ICMP_CODES] += read_bytes(old + h->row_icmp + 8ULL * i, 8);
}
