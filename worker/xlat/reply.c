/*
 * reply.c - the gateway's own ICMP errors
 *
 * The offending packet stays where it is and becomes the error's payload; the new headers go into the headroom before
 * it. How many errors one receiver gets per second is bounded by a small table of counters, addressed by a keyed hash:
 * who shares a counter with whom cannot be chosen, and nothing is ever allocated.
 * How many there are in all is bounded too (RFC 4443 section 2.4 f). A bound that all share tells each how many the others
 * got: send until it is reached, and count. So its height is another one every second, by up to a quarter, and only the
 * secret key says which. Each worker has its share of it.
 * Must never: answer an ICMP error, a later fragment, a multicast, or a source that is not one host.
 */
#include "shm/hash.h"
#include "worker/xlat/emit.h"
#include "worker/xlat/reply.h"

#define ERROR6_MAX 1280			/* RFC 4443 section 2.4 c */
#define ERROR4_MAX 576			/* RFC 1812 section 4.3.2.3 */
#define CONTROL 0xc0			/* precedence internetwork control (RFC 1812 section 4.3.2.5) */

struct message {
	uint8_t type, code;
};

static struct message
message_for(enum nat64_side from, enum nat64_verdict why)
{
	bool ip6 = from == NAT64_FROM_IP6;

	switch (why) {
	case NAT64_hop_limit:
		return ip6 ? (struct message) { 3, 0 } : (struct message) { 11, 0 };
	case NAT64_too_big:
		return ip6 ? (struct message) { 2, 0 } : (struct message) { 3, 4 };
	case NAT64_ports_exhausted:		/* RFC 6146 section 3.5.1.1; RFC 6888 REQ-11: host unreachable */
	case NAT64_sessions_full:
	case NAT64_index_full:
	case NAT64_bindings_quota:
	case NAT64_bindings_rate:
	case NAT64_bindings_share:
	case NAT64_sessions_quota:
	case NAT64_sessions_share:
		return ip6 ? (struct message) { 1, 3 } : (struct message) { 3, 1 };
	case NAT64_protocol_unsupported:	/* RFC 6146 section 3.4 */
		return ip6 ? (struct message) { 1, 4 } : (struct message) { 3, 2 };
	case NAT64_routing_header:
		return (struct message) { 4, 0 };
	case NAT64_source_route:
		return (struct message) { 3, 5 };
	case NAT64_syn_unanswered:		/* RFC 6146 section 3.5.2.2 */
		return (struct message) { 3, 3 };
	default:				/* RFC 7915 sections 4.4 and 5.4 */
		return ip6 ? (struct message) { 1, 1 } : (struct message) { 3, 13 };
	}
}

static bool
may_answer(const struct pkt *p)
{
	if (p->icmp_error || p->at > 0)		/* of fragments only the first is answered (RFC 1122 section 3.2.2) */
		return false;
	if (p->from == NAT64_FROM_IP6)
		return !addr_illegal_source6(&p->src.ip6) && p->dst.ip6.b[0] != 0xff;
	return !addr_illegal_source4(p->src.ip4) && p->dst.ip4 >> 28 != 14 && p->dst.ip4 != UINT32_MAX;
}

/* Does policy let this side have errors (RFC 5508 REQ-9, RFC 7915 section 4.4)? */
static bool
side_gets(const struct nat64 *n, enum nat64_side side)
{
	uint32_t only = side == NAT64_FROM_IP6 ? CONFIG_ICMP_ERRORS_IP6 : CONFIG_ICMP_ERRORS_IP4;

	return n->config->icmp_errors == CONFIG_ICMP_ERRORS_BOTH || n->config->icmp_errors == only;
}

/* One more in this bucket, which may hold so many per second? */
static bool
fill(struct nat64 *n, unsigned bucket, uint32_t most, uint32_t now)
{
	if (n->icmp_bucket[bucket].second != now) {
		n->icmp_bucket[bucket].second = now;
		n->icmp_bucket[bucket].count = 0;
	}
	if (n->icmp_bucket[bucket].count >= most)
		return false;
	n->icmp_bucket[bucket].count++;
	return true;
}

/* This worker's share of icmp-rate-total in this second, which is one at least. */
static uint32_t
share(const struct nat64 *n, uint32_t now)
{
	uint64_t word[2] = { now, UINT64_C(1) << 32 | n->worker };
	uint32_t most = n->config->icmp_rate_total / n->layout.g.workers;

	most -= (uint32_t)(hash_words(n->secret->port_key, word, 2) % (most / 4 + 1));
	return most ? most : 1;
}

static bool
within_rate(struct nat64 *n, const struct pkt *p, uint32_t now)
{
	uint64_t word[2] = { p->src.ip4, 0 };
	unsigned bucket;

	if (p->from == NAT64_FROM_IP6) {
		struct ip6 subscriber = addr_mask6(&p->src.ip6, n->config->subscriber_prefix);

		memcpy(word, subscriber.b, 16);
	}
	bucket = hash_words(n->secret->port_key, word, 2) % NAT64_ICMP_BUCKETS;
	return fill(n, bucket, n->config->icmp_rate, now) && fill(n, NAT64_ICMP_BUCKETS, share(n, now), now);
}

void
reply_error(struct nat64 *n, const struct pkt *p, enum nat64_verdict why, uint32_t mtu, uint32_t now,
	    struct nat64_packet *out)
{
	bool ip6 = p->from == NAT64_FROM_IP6;
	uint32_t room = (ip6 ? ERROR6_MAX - PKT_IP6_HEADER : ERROR4_MAX - PKT_IP4_HEADER) - PKT_ICMP_HEADER;
	uint32_t word = why == NAT64_too_big ? mtu : why == NAT64_routing_header ? p->pointer : 0;
	uint8_t *icmp = p->data - PKT_ICMP_HEADER, *ip;
	struct message m = message_for(p->from, why);
	struct pkt_end router = { .ip6 = n->config->router6, .ip4 = n->config->router4 };
	struct emit_header h = {
		.src = &router, .dst = &p->src, .payload = PKT_ICMP_HEADER + (p->len < room ? p->len : room),
		.tos = ip6 ? 0 : CONTROL, .ttl = 64, .proto = ip6 ? PKT_PROTO_ICMP6 : PKT_PROTO_ICMP,
	};

	out->len = 0;
	if (!may_answer(p) || !side_gets(n, p->from))
		return;
	if (!within_rate(n, p, now)) {
		counters_add_owner(&n->row->counter[COUNTER_icmp_limited], 1);
		return;
	}
	if (!ip6)
		h.id = emit_id(n, router.ip4, p->src.ip4, h.proto, 1);
	icmp[0] = m.type;
	icmp[1] = m.code;
	for (unsigned i = 0; i < 4; i++)
		icmp[4 + i] = (uint8_t)(word >> (24 - 8 * i));
	ip = emit_header(icmp, p->from, &h);
	emit_icmp_checksum(ip, p->from, icmp, h.payload);
	out->data = ip;
	out->len = (uint32_t)(icmp - ip) + h.payload;
	out->meta.offload = (struct layout_offload) { 0 };
}
