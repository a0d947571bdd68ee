/*
 * import.c - bindings of an old region, brought into the shards of the new one
 *
 * Shard n of the new region takes what shard n of the old one has; both deal hosts and port blocks alike (layout_init_heir).
 * A binding comes over when its pool address and port are still the tenant's to give and no static binding has taken them,
 * a session when its prefix is still there. Everything is made by the functions that make it for a packet, so indexes, maps
 * and counts are built anew, and whatever was wrong with the old ones is gone.
 *
 * Who dies in the middle leaves a shard that is not `complete`. Its successor does it all again and skips what is there.
 * Must never: believe an old record (its owner may have been hostile); write to the old region; take a shard for complete
 * before every total is right.
 */
#include "shm/foreign.h"
#include "shm/pool.h"
#include "shm/tcpname.h"
#include "worker/xlat/import.h"
#include "worker/xlat/policy.h"

#define GONE UINT32_MAX
#define NO_PREFIX 0xff

struct import {
	struct nat64 *n;
	const struct foreign *old;
	struct shard *s;
	uint8_t via[LAYOUT_PREFIXES];	/* old number of a prefix -> new one */
	bool lasting;
	uint32_t now;
	uint64_t seen;			/* bindings and rests of pool ports that were not over yet */
};

static void
match_prefixes(struct import *in)
{
	const struct config_tenant *c = in->n->config;
	struct net6 net;

	for (uint32_t i = 0; i < LAYOUT_PREFIXES; i++) {
		in->via[i] = NO_PREFIX;
		for (uint8_t p = 0; p < c->prefix.n && foreign_prefix(in->old, i, &net); p++)
			if (c->prefix.item[p].len == net.len && addr_ip6_equal(&c->prefix.item[p].addr, &net.addr))
				in->via[i] = p;
	}
}

/* The slot that pool port `port` of ip4 has in the new shard, or GONE. */
static uint32_t
pool_slot(const struct import *in, uint32_t ip4, enum nat64_proto proto, uint16_t port)
{
	const struct nat64 *n = in->n;
	uint32_t address = pool_address(n->header, ip4);
	struct pool_place place;

	if (address == POOL_NONE || port < n->header->address[address].port_min ||
	    port > n->header->address[address].port_max || policy_static(n, ip4, proto, port) >= 0)
		return GONE;
	place = pool_place(&n->layout, n->secret, address, proto, port);
	return place.shard == in->s->number ? place.slot : GONE;
}

/* Which port is old slot `slot` of the pool? It follows from the place, not from what the record says. */
static uint32_t
port_of(const struct import *in, uint32_t slot, uint32_t *ip4, enum nat64_proto *proto)
{
	const struct layout_shape *h = &in->old->shape;
	uint32_t ports = h->blocks_per_shard * LAYOUT_BLOCK_PORTS, area = slot / ports, local = slot % ports;
	uint32_t place = in->s->number * h->blocks_per_shard + local / LAYOUT_BLOCK_PORTS;

	*ip4 = foreign_address(in->old, area / NAT64_N_PROTOS).ip4;
	*proto = area % NAT64_N_PROTOS;
	return foreign_block(in->old, area / NAT64_N_PROTOS, place) * LAYOUT_BLOCK_PORTS + local % LAYOUT_BLOCK_PORTS;
}

/* The slot in the new shard of the old live binding r in slot, or GONE. A static one's record is made if need be. */
static uint32_t
binding_slot(struct import *in, uint32_t slot, const struct record *r)
{
	struct record_key key = { r->ip6, r->port6, r->proto };
	const struct nat64 *n = in->n;
	enum nat64_proto proto;
	uint32_t ip4, port;
	int number;

	if (r->proto >= NAT64_N_PROTOS || policy_shard(n, &r->ip6) != in->s->number ||
	    (in->lasting && !policy_served(n, &r->ip6)))
		return GONE;
	if (slot < in->old->shape.pool_slots) {
		port = port_of(in, slot, &ip4, &proto);
		if (r->ip4 != ip4 || r->port4 != port || r->proto != proto)
			return GONE;
		return pool_slot(in, ip4, proto, (uint16_t)port);
	}
	number = policy_static(n, r->ip4, r->proto, r->port4);
	if (number < 0 || n->config->static_.item[number].port6 != r->port6 ||
	    !addr_ip6_equal(&n->config->static_.item[number].ip6, &r->ip6))
		return GONE;
	slot = n->layout.pool_slots + (uint32_t)number;
	return record_create_static_owner(in->s, n->secret->index_key, slot, &key, r->ip4, r->port4, r->created) == 0 ?
	       slot : GONE;
}

/* May a session come over? Puts it into the terms of the new region. */
static bool
session_stays(const struct import *in, uint8_t proto, struct record_first *first)
{
	if (first->expires <= in->now || first->via >= LAYOUT_PREFIXES || in->via[first->via] == NO_PREFIX)
		return false;
	first->via = in->via[first->via];
	first->tcp %= TCP_N_STATES;
	return !in->lasting || (proto == NAT64_TCP && first->tcp == TCP_established);
}

/* Bring over one session of the old live binding r in slot, and the binding with the first of them. */
static void
bring_session(struct import *in, uint32_t slot, const struct record *r, struct record_first first)
{
	const uint8_t *key = in->n->secret->index_key;
	struct record_key k = { r->ip6, r->port6, r->proto };
	uint64_t hash;
	uint32_t to;

	if (!session_stays(in, r->proto, &first))
		return;
	to = binding_slot(in, slot, r);
	if (to == GONE)
		return;
	hash = record_hash(key, &k);
	if (record_find(in->s, &k, hash) == to) {
		if (session_find(in->s, key, to, first.remote4, first.remote_port) == SESSION_NONE)
			session_add_owner(in->s, key, to, &first);
	} else if (record_find(in->s, &k, hash) < 0 && (in->s->records[to].state & 0xff) == RECORD_FREE &&
		   session_room(in->s)) {
		record_create_owner(in->s, key, to, &k, r->ip4, r->port4, &first, r->created);
	}
}

static void
bring_record(struct import *in, uint32_t slot, uint32_t expires)
{
	struct record r;
	enum nat64_proto proto;
	uint32_t ip4, port, to;

	foreign_record(in->old, in->s->number, slot, &r);
	if (slot < in->old->shape.pool_slots && expires > in->now &&
	    ((r.state & 0xff) == RECORD_LIVE || (r.state & 0xff) == RECORD_HELD))
		in->seen++;
	if ((r.state & 0xff) == RECORD_LIVE && (r.flags & RECORD_INLINE)) {
		bring_session(in, slot, &r, (struct record_first) { r.remote4, expires, r.remote_port, r.tcp, r.via });
	} else if ((r.state & 0xff) == RECORD_HELD && slot < in->old->shape.pool_slots && expires > in->now) {
		port = port_of(in, slot, &ip4, &proto);
		to = pool_slot(in, ip4, proto, (uint16_t)port);
		if (to != GONE && (in->s->records[to].state & 0xff) == RECORD_FREE)
			record_hold_owner(in->s, to, expires);
	}
}

static void
bring_pool(struct import *in)
{
	uint32_t words = in->old->shape.blocks_per_shard;

	for (uint32_t i = 0; i < in->old->addresses_used * NAT64_N_PROTOS * words; i++) {
		uint64_t used = foreign_ports_used(in->old, in->s->number, i / words, i % words);

		for (; used; used &= used - 1) {
			uint32_t slot = i * 64 + (unsigned)__builtin_ctzll(used);
			uint32_t expires = foreign_expires(in->old, in->s->number, slot);

			if (expires)
				bring_record(in, slot, expires);
		}
	}
	for (uint32_t slot = in->old->shape.pool_slots; slot < in->old->shape.slots; slot++) {
		uint32_t expires = foreign_expires(in->old, in->s->number, slot);

		if (expires)
			bring_record(in, slot, expires);
	}
}

static void
bring_sessions(struct import *in)
{
	for (uint32_t word = 0; word < (in->old->shape.sessions + 63) / 64; word++) {
		uint64_t used = foreign_sessions_used(in->old, in->s->number, word);

		for (; used; used &= used - 1) {
			struct session e;
			struct record r;
			uint32_t slot;

			foreign_session(in->old, in->s->number, word * 64 + (unsigned)__builtin_ctzll(used), &e);
			slot = session_slot(&e);
			if (e.key == 0 || slot >= in->old->shape.slots)
				continue;
			foreign_record(in->old, in->s->number, slot, &r);
			if ((r.state & 0xff) == RECORD_LIVE && record_generation(&r) == (uint32_t)e.key)
				bring_session(in, slot, &r, (struct record_first) { e.remote4, e.expires, e.remote_port,
										    e.tcp, e.via });
		}
	}
}

/*
 * Go on counting where the old shard stopped, whatever was left behind. Both totals at once: alive is their difference, and who
 * dies between them would leave his successor a wrong one to go on from.
 */
static void
bring_totals(struct import *in, enum shard_total created)
{
	for (unsigned p = 0; p < NAT64_N_PROTOS; p++) {
		uint64_t alive = shard_alive(in->s, created, p), old = foreign_total(in->old, in->s->number, created, p);
		struct shard_intent after = {
			.effects = SHARD_BINDING_TOTAL | SHARD_SESSION_TOTAL,
			.binding_total = created * NAT64_N_PROTOS + p, .session_total = (created + 1) * NAT64_N_PROTOS + p,
			.binding_value = old < alive ? alive : old,
		};

		after.session_total_value = after.binding_value - alive;
		shard_commit_owner(in->s, &after);
	}
}

static void
import_shard(struct import *in)
{
	uint64_t kept = 0;

	shard_recover_owner(in->s);
	in->seen = 0;
	bring_pool(in);
	bring_sessions(in);
	bring_totals(in, SHARD_BINDINGS_CREATED);
	bring_totals(in, SHARD_SESSIONS_CREATED);
	for (unsigned area = 0; area < in->n->header->addresses_used * NAT64_N_PROTOS; area++) {
		const struct shard_pool *pool = shard_pool(in->s, area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);

		kept += pool->total - pool->free;
	}
	in->s->head->cut = in->seen > kept ? in->seen - kept : 0;
	atomic_store_32(&in->s->head->complete, 1);
}

static bool
owns_shards(const struct nat64 *n, unsigned worker)
{
	for (unsigned s = 0; s < n->layout.g.shards; s++)
		if (atomic_load_8(&n->owners->worker[s]) == worker)
			return true;
	return false;
}

/*
 * The counts of the workers before: each takes those of its own slot; those of slots that own nothing now, or are no more,
 * go to the first that does own something.
 */
static void
import_counters(struct nat64 *n, const struct foreign *old, uint64_t cut)
{
	struct counters_row row = { .counter = { 0 } };
	unsigned first = 0;

	while (first < n->layout.g.workers && !owns_shards(n, first))
		first++;
	for (unsigned w = 0; w < old->shape.workers; w++)
		if (owns_shards(n, w) ? w == n->worker : n->worker == first)
			foreign_counters(old, w, &row);
	row.counter[COUNTER_bindings_cut] += cut;
	*n->row = row;
}

void
nat64_import(struct nat64 *n, const struct foreign *old, bool lasting, uint32_t now)
{
	struct import in = { .n = n, .old = old, .lasting = lasting, .now = now };
	uint64_t cut = 0;

	match_prefixes(&in);
	for (unsigned s = 0; s < n->layout.g.shards && n->layout.g.shards == old->shape.shards; s++) {
		in.s = &n->shard[s];
		if (atomic_load_8(&n->owners->worker[s]) != n->worker)
			continue;
		if (!atomic_load_32(&in.s->head->complete))
			import_shard(&in);
		cut += in.s->head->cut;
	}
	import_counters(n, old, cut);
}
