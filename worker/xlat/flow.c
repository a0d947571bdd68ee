/*
 * flow.c - bindings and sessions (RFC 6146 section 3.5)
 *
 * A packet from the IPv6 side is looked up by the keyed hash of (X', x); one from the IPv4 side has its binding at the
 * place that its port names. From there on both go the same way: session, TCP state, timer.
 * Endpoint-independent mapping. Whoever knows a pool port may send to it and gets a session of his own (RFC 4787 REQ-8,
 * RFC 6888 REQ-7); or, with filtering = address-dependent, only who has a session with it already, on whatever port. A
 * static binding is an invitation, so it is open to everybody all the same.
 * What is refused refreshes nothing (RFC 7857 section 7). Whether a subscriber may have more is asked for what is new only, so
 * a packet of a session knows nothing of quotas (quota.h).
 * Must never: touch a shard that another worker owns; create state for a packet that is dropped afterwards.
 */
#include "shm/hash.h"
#include "shm/pool.h"
#include "shm/rfc6052.h"
#include "shm/session.h"
#include "shm/subscriber.h"
#include "worker/xlat/flow.h"
#include "worker/xlat/policy.h"
#include "worker/xlat/quota.h"
#include "worker/xlat/syn.h"
#include "worker/xlat/tcpstate.h"

static enum nat64_verdict
owned(const struct nat64 *n, struct flow *f)
{
	f->owner = atomic_load_8(&n->owners->worker[f->shard]);
	return f->owner == n->worker ? NAT64_translated : NAT64_handed_over;
}

static enum nat64_verdict
locate6(const struct nat64 *n, struct flow *f)
{
	struct record_key key = { f->own.ip6, f->own.port, f->proto };

	bool hinted = f->hint && f->hint->hash && f->hint->port == key.port6 && f->hint->proto == key.proto &&
		      addr_ip6_equal(&f->hint->ip6, &key.ip6);

	f->shard = hinted ? f->hint->shard : policy_shard(n, &f->own.ip6);
	if (owned(n, f) != NAT64_translated)
		return NAT64_handed_over;
	f->slot = record_find(&n->shard[f->shard], &key, hinted ? f->hint->hash : record_hash(n->secret->index_key, &key));
	return NAT64_translated;
}

static enum nat64_verdict
locate4(const struct nat64 *n, struct flow *f)
{
	int number = policy_static(n, f->own.ip4, f->proto, f->own.port);
	struct pool_place place;

	if (number >= 0) {
		place.shard = policy_shard(n, &n->config->static_.item[number].ip6);
		place.slot = n->layout.pool_slots + (uint32_t)number;
	} else {
		uint32_t address = pool_address(n->header, f->own.ip4);

		if (address == POOL_NONE)
			return NAT64_not_in_pool;
		place = pool_place(&n->layout, n->secret, address, f->proto, f->own.port);
	}
	f->shard = place.shard;
	if (owned(n, f) != NAT64_translated)
		return NAT64_handed_over;
	f->slot = record_live(&n->shard[f->shard], place.slot) ? (int64_t)place.slot : FLOW_NO_SLOT;
	return NAT64_translated;
}

enum nat64_verdict
flow_locate(const struct nat64 *n, struct flow *f)
{
	return f->from == NAT64_FROM_IP6 ? locate6(n, f) : locate4(n, f);
}

static uint32_t
lifetime(const struct nat64 *n, uint8_t proto, uint8_t timer)
{
	const struct config_tenant *c = n->config;

	if (proto == NAT64_UDP)
		return c->udp_timeout;
	if (proto == NAT64_ICMP)
		return c->icmp_timeout;
	if (timer == TCPSTATE_OPENING)
		return c->tcp_opening_timeout;
	return timer == TCPSTATE_CLOSING ? c->tcp_closing_timeout : c->tcp_established_timeout;
}

/* An IPv6 host opens a session from a pool port. If a SYN of the other end waits there, both have opened (V4 INIT, V6 SYN). */
static void
meet(struct nat64 *n, const struct flow *f, uint32_t ip4, uint16_t port4, struct record_first *first, uint32_t now)
{
	struct tcpstate_move move = tcpstate_next(TCP_v4_init, f->from, PKT_SYN);

	if (first->tcp != TCP_v6_init || !syn_met_owner(n, f, ip4, port4))
		return;
	first->tcp = move.state;
	first->expires = now + lifetime(n, f->proto, move.timer);
}

uint32_t
flow_usual_address(const struct nat64 *n, const struct ip6 *host)
{
	struct ip6 subscriber = addr_mask6(host, n->config->subscriber_prefix);
	uint64_t word[2];

	memcpy(word, subscriber.b, 16);
	return (uint32_t)((hash_words(n->secret->port_key, word, 2) >> 32) * n->header->addresses_used >> 32);
}

#define ADDRESS_TRIES 16	/* pool addresses that any packet may ask for a port */
#define ADDRESS_MORE 256	/* as many as this, while the second's budget lasts */
#define ADDRESS_BUDGET (1 << 18)	/* a few percent of a worker's time: a full pool does not make every packet dear */

/*
 * May a packet that has asked so many addresses ask another one? Who has more than his fair share of what is short may not: he
 * would use up what there is for the others.
 */
static bool
ask_on(struct nat64 *n, uint32_t tries, bool modest, uint32_t now)
{
	if (tries < ADDRESS_TRIES)
		return true;
	if (n->config->fair_share && !modest)
		return false;
	if (n->asked.second != now) {
		n->asked.second = now;
		n->asked.count = 0;
	}
	return tries < ADDRESS_MORE && n->asked.count++ < ADDRESS_BUDGET;
}

/* A port of the subscriber's usual pool address (RFC 6888 REQ-2), or of the next one that has any; or why there is none. */
static enum nat64_verdict
pick(struct nat64 *n, const struct flow *f, bool modest, uint32_t *slot, uint32_t now)
{
	struct shard *s = &n->shard[f->shard];
	uint32_t count = n->header->addresses_used, address = flow_usual_address(n, &f->own.ip6), tries = 0;
	enum nat64_verdict why = NAT64_ports_exhausted;

	for (uint32_t i = 0; i < count; i++, address = (address + 1) % count) {
		const struct shard_pool *pool = shard_pool(s, address, f->proto);

		if (n->header->address[address].leaving)
			continue;
		if (!ask_on(n, tries++, modest, now))
			break;
		if (pool->free == 0)
			continue;
		if (n->config->fair_share && !modest && quota_scarce(s, pool, f->proto)) {
			why = NAT64_bindings_share;
			continue;
		}
		if (f->proto == NAT64_ICMP)		/* any free identifier (RFC 6146 section 3.5.3) */
			*slot = pool_pick_owner(s, address, f->proto, n->secret->port_key);
		else
			*slot = pool_pick_like_owner(s, address, f->proto, n->secret, f->own.port);
		if (*slot != POOL_NONE)
			return NAT64_translated;
	}
	return why;
}

/* A quota or a fair share says no, and the subscriber's count of that grows. */
static enum nat64_verdict
refuse(struct shard *s, uint32_t subscriber, enum nat64_verdict why)
{
	subscriber_refuse_owner(s, subscriber);
	return why;
}

/* A new binding. */
static enum nat64_verdict
create(struct nat64 *n, struct flow *f, struct record_first *first, uint32_t now)
{
	struct shard *s = &n->shard[f->shard];
	struct record_key key = { f->own.ip6, f->own.port, f->proto };
	uint32_t subscriber = subscriber_find(s, n->secret->index_key, &f->own.ip6), slot, ip4;
	enum nat64_verdict v = quota_binding(n, s, subscriber, now);
	uint16_t port;

	if (v != NAT64_translated)
		return refuse(s, subscriber, v);
	if (!session_room(s))
		return NAT64_sessions_full;
	v = pick(n, f, quota_modest(s, subscriber, f->proto), &slot, now);
	if (v == NAT64_bindings_share)
		return refuse(s, subscriber, v);
	if (v != NAT64_translated)
		return v;
	ip4 = n->header->address[slot / n->layout.ports_per_shard / NAT64_N_PROTOS].ip4;
	port = pool_port(&n->layout, n->secret, f->shard, slot);
	meet(n, f, ip4, port, first, now);
	if (record_create_owner(s, n->secret->index_key, slot, &key, ip4, port, first, now))
		return NAT64_index_full;
	subscriber_make_owner(s, s->records[slot].subscriber, now);
	f->slot = slot;
	return NAT64_translated;
}

/* A packet of a session moves its TCP state and sets its timer, or just its timer. */
static void
refresh(const struct nat64 *n, const struct flow *f, const struct session_place *at, const struct pkt *p, uint32_t now)
{
	struct tcpstate_move move = { .timer = TCPSTATE_KEEP };
	uint32_t expires;
	bool set = f->from == NAT64_FROM_IP6 || n->config->inbound_refresh;

	if (f->proto == NAT64_TCP) {
		move = tcpstate_next(*at->tcp % TCP_N_STATES, f->from, p->tcp_flags);
		if (*at->tcp != move.state)
			atomic_store_8(at->tcp, move.state);
		set = move.timer != TCPSTATE_KEEP;
	}
	expires = now + lifetime(n, f->proto, move.timer);
	if (set && *at->expires != expires)
		atomic_store_32(at->expires, expires);
}

/*
 * The prefix under which a host sees a remote end that it has not sent to: that of the binding's inline session, or of the
 * last it had; the first prefix where there was none.
 */
static uint8_t
usual_via(const struct shard *s, const struct flow *f)
{
	return f->slot == FLOW_NO_SLOT ? 0 : s->records[f->slot].via;
}

/* From the IPv4 side: the IPv6 host will see the source under prefix `via`; may it? Sets f->via then. */
static bool
may_come(const struct nat64 *n, struct flow *f, uint8_t via)
{
	if (f->from == NAT64_FROM_IP6)
		return true;
	f->via = via;
	return policy_source4(n, f->remote4, via) == NAT64_translated;
}

/* Is it the remote address that decides who may send to the binding? */
static bool
filters(const struct nat64 *n, const struct flow *f)
{
	return n->config->filtering == CONFIG_FILTERING_ADDRESS &&
	       !(n->shard[f->shard].records[f->slot].flags & RECORD_STATIC);
}

/* From the IPv4 side, and without a session: may it make one (RFC 6146 sections 3.5.1 and 3.5.3, RFC 5382 REQ-3)? */
static bool
lets_in(const struct nat64 *n, const struct flow *f)
{
	return f->from == NAT64_FROM_IP6 || !filters(n, f) ||
	       session_known(&n->shard[f->shard], n->secret->index_key, (uint32_t)f->slot, f->remote4);
}

/* A session lets in the other ports of its address. For ICMP there are none. */
static void
vouch(const struct nat64 *n, const struct flow *f, struct shard *s, uint32_t number, uint32_t now)
{
	if (f->proto != NAT64_ICMP && filters(n, f))
		session_vouch_owner(s, n->secret->index_key, (uint32_t)f->slot, number, now);
}

/* A packet without a session: make one, and a binding where there is none, if this packet may. */
static enum nat64_verdict
begin(struct nat64 *n, struct flow *f, const struct pkt *p, uint32_t now)
{
	struct tcpstate_move move = tcpstate_next(TCP_none, f->from, p->tcp_flags);
	struct record_first first = {
		.remote4 = f->remote4, .remote_port = f->remote_port, .via = f->via,
		.tcp = f->proto == NAT64_TCP ? move.state : TCP_none,
		.expires = now + lifetime(n, f->proto, move.timer),
	};
	struct shard *s = &n->shard[f->shard];
	uint32_t number, subscriber;
	enum nat64_verdict v;

	if (f->proto == NAT64_TCP && move.state == TCP_none)	/* no SYN: a binding lets it pass, but it makes nothing */
		return f->slot == FLOW_NO_SLOT ? NAT64_no_session : NAT64_translated;
	if (f->slot == FLOW_NO_SLOT)
		return create(n, f, &first, now);
	subscriber = s->records[f->slot].subscriber;
	v = quota_session(n, s, subscriber, f->from);
	if (v != NAT64_translated)
		return refuse(s, subscriber, v);
	meet(n, f, s->records[f->slot].ip4, s->records[f->slot].port4, &first, now);
	number = session_add_owner(s, n->secret->index_key, (uint32_t)f->slot, &first);
	if (number == SESSION_NONE)
		return NAT64_sessions_full;
	vouch(n, f, s, number, now);
	return NAT64_translated;
}

enum nat64_verdict
flow_bind(struct nat64 *n, struct flow *f, const struct pkt *p, uint32_t now)
{
	struct shard *s = &n->shard[f->shard];
	uint32_t number = SESSION_NONE;
	struct session_place at;

	if (f->slot == FLOW_NO_SLOT && f->from == NAT64_FROM_IP4)
		return NAT64_no_binding;
	if (f->slot != FLOW_NO_SLOT)
		number = session_find(s, n->secret->index_key, (uint32_t)f->slot, f->remote4, f->remote_port);
	if (number == SESSION_NONE && !may_come(n, f, usual_via(s, f)))
		return NAT64_source_illegal;
	if (number == SESSION_NONE)
		return lets_in(n, f) ? begin(n, f, p, now) : NAT64_filtered;
	at = session_place(s, (uint32_t)f->slot, number);
	if (!may_come(n, f, *at.via))
		return NAT64_source_illegal;
	refresh(n, f, &at, p, now);
	if (f->from == NAT64_FROM_IP4)
		return NAT64_translated;
	if (*at.via != f->via)
		atomic_store_8(at.via, f->via);
	vouch(n, f, s, number, now);
	return NAT64_translated;
}

enum nat64_verdict
flow_follow(const struct nat64 *n, struct flow *f)
{
	const struct shard *s = &n->shard[f->shard];
	uint32_t number;

	if (f->slot == FLOW_NO_SLOT)
		return NAT64_no_session;
	number = session_find(s, n->secret->index_key, (uint32_t)f->slot, f->remote4, f->remote_port);
	if (number == SESSION_NONE && f->proto != NAT64_TCP)
		return NAT64_no_session;
	if (!may_come(n, f, number == SESSION_NONE ? usual_via(s, f) : *session_place(s, (uint32_t)f->slot, number).via))
		return NAT64_source_illegal;
	return number != SESSION_NONE || lets_in(n, f) ? NAT64_translated : NAT64_filtered;
}

bool
flow_known(const struct nat64 *n, struct flow *f)
{
	const struct shard *s = &n->shard[f->shard];
	uint32_t number;

	if (f->slot == FLOW_NO_SLOT)
		return false;
	number = session_find(s, n->secret->index_key, (uint32_t)f->slot, f->remote4, f->remote_port);
	if (number == SESSION_NONE)
		return false;
	if (f->from == NAT64_FROM_IP4)
		f->via = *session_place(s, (uint32_t)f->slot, number).via;
	return true;
}

void
flow_ends(const struct nat64 *n, const struct flow *f, struct pkt_end *subscriber, struct pkt_end *remote)
{
	const struct record *r = &n->shard[f->shard].records[f->slot];

	*subscriber = (struct pkt_end) { .ip6 = r->ip6, .ip4 = r->ip4 };
	subscriber->port = f->from == NAT64_FROM_IP6 ? r->port4 : r->port6;
	*remote = (struct pkt_end) { .ip4 = f->remote4, .port = f->remote_port };
	if (f->from == NAT64_FROM_IP4)
		rfc6052_embed(&remote->ip6, &n->config->prefix.item[f->via % n->config->prefix.n], f->remote4);
	if (f->proto == NAT64_ICMP)
		remote->port = subscriber->port;
}
