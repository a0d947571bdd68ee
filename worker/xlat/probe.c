/*
 * probe.c - the segment that asks whether an established TCP session still lives
 *
 * It carries nothing, sequence and acknowledgement number are 0, and only ACK is set. No host takes such a segment for part
 * of its connection: one that has the connection answers with an acknowledgement of what it expects (RFC 9293 section
 * 3.10.7.4), which passes the gateway and makes the session ESTABLISHED again; one that has not answers with a reset. The
 * IPv6 host is asked and not the IPv4 one, because its answer goes on to the other end and so asks that one too.
 *
 * The new timer is stored first, then the state. Who is killed in between leaves a session that is asked about again when
 * the timer has run out; who is killed before the segment was sent leaves one that nobody was asked about, which then ends
 * as it would without probes.
 * Must never: extend a session that is not established; write a probe over one that was not sent.
 */
#include "shm/rfc6052.h"
#include "shm/session.h"
#include "shm/tcpname.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/emit.h"
#include "worker/xlat/probe.h"

#define TCP_HEADER 20
_Static_assert(NAT64_PROBE_SIZE == PKT_IP6_HEADER + TCP_HEADER, "an IPv6 header and a TCP header");

static void
write_probe(struct nat64 *n, const struct record *r, const struct pkt_end *remote)
{
	const struct pkt_end host = { .ip6 = r->ip6, .port = r->port6 };
	struct emit_header h = { .src = remote, .dst = &host, .payload = TCP_HEADER, .ttl = 64, .proto = PKT_PROTO_TCP };
	uint8_t *tcp = n->probe->data + PKT_IP6_HEADER, *ip;

	memset(tcp, 0, TCP_HEADER);
	tcp[0] = (uint8_t)(remote->port >> 8);
	tcp[1] = (uint8_t)remote->port;
	tcp[2] = (uint8_t)(host.port >> 8);
	tcp[3] = (uint8_t)host.port;
	tcp[12] = TCP_HEADER / 4 << 4;
	tcp[13] = PKT_ACK;
	ip = emit_header(tcp, NAT64_FROM_IP6, &h);
	csum_store(tcp + 16, csum_add(csum_add(csum_word(TCP_HEADER) + csum_word(PKT_PROTO_TCP), ip + 8, 32), tcp, TCP_HEADER));
	n->probe->len = NAT64_PROBE_SIZE;
	counters_add_owner(&n->row->counter[COUNTER_tcp_probes], 1);
}

bool
probe_owner(struct nat64 *n, struct shard *s, uint32_t slot, uint32_t number, uint32_t now)
{
	struct session_place at = session_place(s, slot, number);
	const struct record *r = &s->records[slot];
	struct pkt_end remote = { .ip4 = r->remote4, .port = r->remote_port };

	if (r->proto != NAT64_TCP || *at.tcp != TCP_established)
		return false;
	if (n->probe && n->probe->len > 0)
		return true;
	if (number != SESSION_INLINE)
		remote = (struct pkt_end) { .ip4 = s->sessions[number].remote4, .port = s->sessions[number].remote_port };
	atomic_store_32(at.expires, now + n->config->tcp_closing_timeout);
	atomic_store_8(at.tcp, TCP_trans);
	if (n->probe) {
		rfc6052_embed(&remote.ip6, &n->config->prefix.item[*at.via % n->config->prefix.n], remote.ip4);
		write_probe(n, r, &remote);
	}
	return true;
}
