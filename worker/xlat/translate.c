/*
 * translate.c - the table of contents: one packet, step by step, as RFC 6146 section 3 has it
 *
 *   parse      bytes to struct pkt                                 3.4  determining the incoming tuple
 *   classify   who are the two ends, may they talk                 3.4, RFC 6052, policy
 *   meet       a fragment: the ports its kin know                  3.4
 *   locate     whose shard, which binding                          3.5
 *   check      hop limit, MTU: before any state is made
 *   bind       binding, session, timer                             3.5
 *   emit       the other family's packet                           3.6, 3.7
 *   hairpin    was that for our own pool? once more                3.8
 *
 * Every refusal is a named verdict. What came out as IPv4 for a pool address is a packet as if read from the IPv4 side,
 * so hairpinning has no code of its own: it is a second pass. An error that the second pass sends back is a third.
 * Must never: end without a verdict; go round for ever.
 */
#include "shm/pool.h"
#include "worker/xlat/emit.h"
#include "worker/xlat/flow.h"
#include "worker/xlat/frag.h"
#include "worker/xlat/offload.h"
#include "worker/xlat/parse.h"
#include "worker/xlat/policy.h"
#include "worker/xlat/reply.h"
#include "worker/xlat/syn.h"

#define MAX_PASSES 3

/* All that is known of the packet in hand. */
struct work {
	struct pkt p, inner;		/* inner: of an ICMP error */
	struct flow f;
	uint32_t outer4;		/* from ip6: the IPv4 address that the destination stands for */
	uint32_t mtu;			/* with too_big */
	const uint8_t *saved;		/* from here on, nothing of the packet may be written */
};

static enum nat64_verdict
classify6(const struct nat64 *n, struct work *w)
{
	const struct pkt_end *host = w->p.icmp_error ? &w->inner.dst : &w->p.src;
	const struct pkt_end *remote = w->p.icmp_error ? &w->inner.src : &w->p.dst;
	enum nat64_verdict v = policy_source6(n, &w->p.src.ip6);

	if (v != NAT64_translated)
		return v;
	if (!policy_embedded(n, &w->p.dst.ip6, &w->outer4, &w->f.via))
		return NAT64_not_in_prefix;
	if (!policy_embedded(n, &remote->ip6, &w->f.remote4, &w->f.via) || w->f.remote4 != w->outer4)
		return NAT64_icmp_inner;	/* an error goes to the sender of the packet inside */
	if (!policy_served(n, &host->ip6))
		return NAT64_source_denied;
	if (pool_address(n->header, w->outer4) != POOL_NONE)
		v = n->config->hairpin ? NAT64_translated : NAT64_hairpin_off;
	else
		v = policy_destination4(n, w->outer4, w->f.via);
	w->f.own = *host;
	w->f.remote_port = remote->port;
	return v;
}

static enum nat64_verdict
classify4(const struct nat64 *n, struct work *w)
{
	const struct pkt_end *own = w->p.icmp_error ? &w->inner.src : &w->p.dst;
	const struct pkt_end *remote = w->p.icmp_error ? &w->inner.dst : &w->p.src;

	if (pool_address(n->header, w->p.dst.ip4) == POOL_NONE)
		return NAT64_not_in_pool;
	if (own->ip4 != w->p.dst.ip4)
		return NAT64_icmp_inner;
	if (!w->p.icmp_error && addr_illegal_source4(remote->ip4))
		return NAT64_source_illegal;
	w->f.own = *own;
	w->f.remote4 = remote->ip4;
	w->f.remote_port = remote->port;
	return NAT64_translated;
}

static enum nat64_verdict
classify(const struct nat64 *n, struct work *w)
{
	enum nat64_verdict v = NAT64_translated;

	if (w->p.icmp_error)
		v = parse_inner(&w->inner, &w->p);
	if (v != NAT64_translated)
		return v;
	v = w->p.from == NAT64_FROM_IP6 ? classify6(n, w) : classify4(n, w);
	w->f.from = w->p.from;
	w->f.proto = w->p.icmp_error ? w->inner.proto : w->p.proto;
	if (w->f.proto == NAT64_ICMP)
		w->f.remote_port = 0;
	return v;
}

/* A fragment learns its ports, and takes them along wherever it goes. */
static enum nat64_verdict
meet(struct nat64 *n, struct work *w, struct nat64_packet *out, uint32_t now)
{
	enum nat64_verdict v = frag_meet(n, &w->p, &out->meta.kin, now, &w->f.owner);
	bool ip6 = w->p.from == NAT64_FROM_IP6;

	if (v != NAT64_translated)
		return v;
	w->f.own.port = ip6 ? w->p.src.port : w->p.dst.port;
	if (w->p.proto != NAT64_ICMP)
		w->f.remote_port = ip6 ? w->p.dst.port : w->p.src.port;
	out->meta.kin = (struct layout_kin) {
		.src_port = w->p.src.port, .dst_port = w->p.dst.port, .whole = (uint16_t)w->p.whole, .known = 1,
	};
	return v;
}

/* RFC 6146 section 3.6, RFC 7915 sections 4.2 and 5.2: an error about a packet of a session, to its sender. */
static enum nat64_verdict
translate_error(struct nat64 *n, struct work *w, struct nat64_packet *out)
{
	struct emit_ends ends;
	struct pkt_end subscriber, remote;

	if (!flow_known(n, &w->f))
		return NAT64_no_binding;
	flow_ends(n, &w->f, &subscriber, &remote);
	if (w->p.from == NAT64_FROM_IP6) {
		/* An IPv6 router on the way has no IPv4 address: router4 stands for it (RFC 6791 section 3). */
		bool from_host = addr_ip6_equal(&w->p.src.ip6, &w->f.own.ip6);

		ends = (struct emit_ends) { .inner_src = remote, .inner_dst = subscriber };
		ends.src.ip4 = from_host ? subscriber.ip4 : n->config->router4;
		ends.dst.ip4 = w->outer4;
	} else {
		struct flow router = w->f;
		struct pkt_end unused;

		router.remote4 = w->p.src.ip4;
		flow_ends(n, &router, &unused, &ends.src);
		ends.dst = ends.inner_src = subscriber;
		ends.inner_dst = remote;
	}
	ends.saved = w->saved;
	return emit_error(n, &w->p, &w->inner, &ends, out);
}

static enum nat64_verdict
translate_query(struct nat64 *n, struct work *w, struct nat64_packet *out, uint32_t now)
{
	enum nat64_verdict v = w->p.at ? flow_follow(n, &w->f) : flow_bind(n, &w->f, &w->p, now);
	struct pkt_end subscriber, remote;

	if (v == NAT64_no_binding || v == NAT64_filtered)
		return syn_keep_owner(n, &w->f, &w->p, v, now);
	if (v != NAT64_translated)
		return v;
	flow_ends(n, &w->f, &subscriber, &remote);
	if (w->p.from == NAT64_FROM_IP6)
		emit_packet(n, &w->p, &subscriber, &remote, out);
	else
		emit_packet(n, &w->p, &remote, &subscriber, out);
	return v;
}

/* Is this the verdict of a packet that goes nowhere? Any number, for it may come from hostile memory. */
static bool
ends(uint8_t fate)
{
	return fate < NAT64_N_VERDICTS && (counters_verdict_info[fate].action == NAT64_DROP ||
					   counters_verdict_info[fate].action == NAT64_REPLY);
}

static enum nat64_verdict
decide(struct nat64 *n, struct work *w, struct nat64_packet *out, uint32_t now)
{
	enum nat64_verdict parsed = parse_packet(&w->p, out->data, out->len, &out->meta.offload), v;
	uint8_t fate = out->meta.kin.fate;

	out->meta.kin.fate = NAT64_translated;	/* it is this pass's */
	if (parsed != NAT64_translated && counters_verdict_info[parsed].action != NAT64_REPLY)
		return parsed;
	if (ends(fate))
		return fate;			/* it waited, and in vain */
	v = classify(n, w);
	if (v != NAT64_translated)
		return v;
	if (parsed != NAT64_translated)
		return parsed;			/* a reply goes only to somebody who may talk to us */
	if (w->p.fragment)
		v = meet(n, w, out, now);
	if (v == NAT64_translated)
		v = flow_locate(n, &w->f);
	if (v != NAT64_translated)
		return v;
	v = emit_check(n, &w->p, &w->mtu);
	if (v != NAT64_translated)
		return v;
	if (w->p.cut && !w->p.segment)
		offload_settle(&w->p);		/* no piece of it has a checksum of its own */
	return w->p.icmp_error ? translate_error(n, w, out) : translate_query(n, w, out, now);
}

/* One pass over the packet in out. Sets out to what is to be sent. */
static enum nat64_verdict
pass(struct nat64 *n, struct nat64_packet *out, uint32_t now, unsigned turn, const uint8_t *saved)
{
	struct work w = { .f = { .slot = FLOW_NO_SLOT, .hint = out->hint }, .saved = saved };
	enum nat64_verdict v;

	out->cut = 0;
	v = decide(n, &w, out, now);
	if (turn == 0)
		out->packets = offload_packets(&w.p);
	if (turn == 0 && w.p.proto == NAT64_ICMP && w.p.has_check && v != NAT64_handed_over && v != NAT64_kept)
		counters_icmp_owner(n->row, w.p.from, w.p.icmp_type, w.p.icmp_code);

	switch (counters_verdict_info[v].action) {
	case NAT64_TRANSLATE:
		out->to = w.p.from == NAT64_FROM_IP6 ? NAT64_FROM_IP4 : NAT64_FROM_IP6;
		break;
	case NAT64_HAND_OVER:
		out->to_worker = w.f.owner;
		break;
	case NAT64_REPLY:
		offload_settle(&w.p);
		out->to = w.p.from;
		reply_error(n, &w.p, v, w.mtu, now, out);
		break;
	default:
		out->len = 0;
	}
	return v;
}

/* Is what came out of a pass an IPv4 packet to our own pool? */
static bool
for_pool(const struct nat64 *n, const struct nat64_packet *out)
{
	const uint8_t *ip = out->data;

	if (out->len < PKT_IP4_HEADER || ip[0] >> 4 != 4)
		return false;
	return pool_address(n->header, (uint32_t)ip[16] << 24 | (uint32_t)ip[17] << 16 | (uint32_t)ip[18] << 8 |
			    ip[19]) != POOL_NONE;
}

enum nat64_verdict
nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now)
{
	const uint8_t *saved = packet->data + LAYOUT_SAVED;
	enum nat64_verdict verdict = pass(n, packet, now, 0, saved);

	for (unsigned turn = 1; turn < MAX_PASSES && verdict != NAT64_handed_over && for_pool(n, packet); turn++) {
		enum nat64_verdict v = pass(n, packet, now, turn, saved);

		/* An error on its way back keeps the verdict that caused it. */
		if (counters_verdict_info[verdict].action != NAT64_REPLY || v == NAT64_handed_over)
			verdict = v;
	}
	return verdict;
}
