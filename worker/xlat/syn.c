/*
 * syn.c - two hosts that open to each other at the same time
 *
 * When the IPv4 host is first, its SYN meets a port without a binding, or a binding that does not let it in. To drop it
 * would cost the connection a retransmission; to answer with an error would end it (RFC 5382 REQ-4: not for 6 seconds). So
 * it is kept. If the IPv6 host's SYN to that very end comes out of that very port, the kept one has done its duty: it is
 * discarded, and the session begins as ESTABLISHED, which V4 INIT and a V6 SYN make. If nobody comes it is answered with
 * port unreachable.
 *
 * Nearly all of them are scans, so they get a quarter of the packets kept at most, one source an eighth of that, and whose
 * share is full is not looked at for the rest of the second: a flood costs no more than that. What does not get in is
 * dropped as if nothing was ever kept.
 *
 * The state V4 INIT of such a SYN is the kept packet: there is no session that it could leave behind. The packet is
 * discarded before the session is made; who dies in between has cost the sender a retransmission.
 * Must never: answer a SYN before its time; keep anything but a SYN, whose answer could be a scanner's tool.
 */
#include "shm/hash.h"
#include "worker/xlat/offload.h"
#include "worker/xlat/syn.h"

/* What a kept SYN waits for: pool address and port, the remote end. */
static uint64_t
meeting(const struct nat64 *n, const struct flow *f, uint32_t ip4, uint16_t port4)
{
	uint64_t word[2] = { (uint64_t)ip4 << 32 | f->remote4, (uint64_t)port4 << 16 | f->remote_port };

	return hash_words(n->secret->index_key, word, 2);
}

static uint8_t
source(const struct nat64 *n, uint32_t remote4)
{
	uint64_t word[2] = { remote4, 0 };

	return (uint8_t)hash_words(n->secret->index_key, word, 2);
}

/* Is there room for one more of this source? */
static bool
room(struct nat64 *n, uint8_t from, uint32_t now)
{
	uint32_t most = n->kept.n / 4, all, own;

	if (n->syns_full[from] == now || n->syns_full[256] == now)
		return false;
	all = kept_count(&n->kept, NAT64_syn_unanswered, from, &own);
	if (all >= most)
		n->syns_full[256] = now;
	if (own >= (most + 7) / 8)
		n->syns_full[from] = now;
	return all < most && own < (most + 7) / 8;
}

enum nat64_verdict
syn_keep_owner(struct nat64 *n, const struct flow *f, struct pkt *p, enum nat64_verdict refused, uint32_t now)
{
	struct kept line = {
		.until = now + n->config->tcp_incoming_syn_timeout, .len = p->len, .kin.fate = NAT64_syn_unanswered,
	};

	if (p->proto != NAT64_TCP || p->fragment || (p->tcp_flags & (PKT_SYN | PKT_ACK | PKT_RST | PKT_FIN)) != PKT_SYN ||
	    p->segment || n->config->tcp_incoming_syn == CONFIG_INCOMING_SYN_DROP)
		return refused;
	line.source = source(n, f->remote4);
	line.about = meeting(n, f, f->own.ip4, f->own.port);
	if (kept_about(&n->kept, line.about, 0) != KEPT_NONE || !room(n, line.source, now))
		return refused;
	offload_settle(p);
	if (!kept_put_owner(&n->kept, &line, p->data))
		return refused;
	return NAT64_kept;
}

bool
syn_met_owner(struct nat64 *n, const struct flow *f, uint32_t ip4, uint16_t port4)
{
	uint64_t about = meeting(n, f, ip4, port4);

	if (kept_about(&n->kept, about, 0) == KEPT_NONE)
		return false;
	kept_call_owner(&n->kept, about, &(struct layout_kin) { .fate = NAT64_syn_discarded });
	return true;
}
