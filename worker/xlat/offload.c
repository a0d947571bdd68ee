/*
 * offload.c - a packet that stands for several, and a checksum that is left to do
 *
 * The kernel passes many segments of a flow as one packet of up to 64 KiB and leaves the sum over the payload to the device
 * that sends it, if there is one. Translation changes headers only, so it may do the same: sizes and kinds are carried over,
 * and a partial checksum, which is the folded sum of the pseudo-header, is patched as a whole one is. The payload is not
 * touched. The last of several has the DF of the others, which a small packet by itself would not have (RFC 7915 section 5.1).
 * Who needs a packet as it is on the wire, to quote it, keep it or cut it, settles it first.
 * Must never: believe an offset that the packet itself does not confirm.
 */
#include "worker/xlat/bytes.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/offload.h"

#define UDP_HEADER 8
#define TCP_HEADER 20
#define CHECK_TCP 16			/* where the transport header has its checksum */
#define CHECK_UDP 6

static uint16_t
check_of(const struct pkt *p)
{
	return p->proto == NAT64_TCP ? CHECK_TCP : CHECK_UDP;
}

/* The kind of packets that stand for several, as the device calls it. */
static uint8_t
type_of(const struct pkt *p, enum nat64_side family)
{
	if (p->proto == NAT64_UDP)
		return LAYOUT_UDP;
	return family == NAT64_FROM_IP6 ? LAYOUT_TCP6 : LAYOUT_TCP4;
}

enum nat64_verdict
offload_check(struct pkt *p, const struct layout_offload *o)
{
	bool partial = o->flags & LAYOUT_PARTIAL;

	p->partial = false;
	if (!partial && o->type == 0)
		return NAT64_translated;
	if (!partial || p->icmp_error || p->proto == NAT64_ICMP || p->fragment || o->start != p->l4 || o->check != check_of(p))
		return NAT64_bad_offload;
	p->partial = true;
	if (o->type == 0)
		return NAT64_translated;
	p->header = UDP_HEADER;
	if (p->proto == NAT64_TCP && p->l4 + TCP_HEADER <= p->len)
		p->header = (p->data[p->l4 + 12] >> 4) * 4u;
	if ((o->type & ~LAYOUT_ECN) != type_of(p, p->from) || (p->proto == NAT64_UDP && o->type & LAYOUT_ECN) ||
	    o->segment == 0 || (p->proto == NAT64_TCP && p->header < TCP_HEADER) || p->len - p->l4 <= p->header)
		return NAT64_bad_offload;
	p->ecn = o->type & LAYOUT_ECN;
	if (p->len - p->l4 - p->header > o->segment)
		p->segment = o->segment;	/* otherwise it is but one */
	return NAT64_translated;
}

struct layout_offload
offload_emit(const struct pkt *p, uint32_t l4)
{
	struct layout_offload o = { 0 };

	if (!p->partial)
		return o;
	o.flags = LAYOUT_PARTIAL;
	o.start = (uint16_t)l4;
	o.check = check_of(p);
	if (p->segment) {
		o.type = type_of(p, p->from == NAT64_FROM_IP6 ? NAT64_FROM_IP4 : NAT64_FROM_IP6) | p->ecn;
		o.header = (uint16_t)(l4 + p->header);
		o.segment = p->segment;
	}
	return o;
}

/* The first of several: its lengths, in the headers that have one, and the sums that know them. */
static void
shorten(struct pkt *p)
{
	uint8_t *ip = p->data, *l4 = p->data + p->l4, *check = l4 + check_of(p);
	uint32_t was = p->len - p->l4, is = p->header + p->segment;
	uint16_t sum;

	p->len = p->l4 + is;
	p->whole = is;
	if (p->from == NAT64_FROM_IP6) {
		put16(ip + 4, p->len - PKT_IP6_HEADER);
	} else {
		put16(ip + 2, p->len);
		put16(ip + 10, 0);
		csum_store(ip + 10, csum_add(0, ip, p->l4));
	}
	if (p->proto == NAT64_UDP)
		put16(l4 + 4, is);
	memcpy(&sum, check, 2);
	sum = csum_fold((uint64_t)sum + (uint16_t)~csum_fold(csum_word(was)) + csum_word(is));
	memcpy(check, &sum, 2);
	p->segment = 0;
}

void
offload_settle(struct pkt *p)
{
	uint8_t *l4 = p->data + p->l4;

	if (!p->partial)
		return;
	if (p->segment)
		shorten(p);
	csum_store(l4 + check_of(p), csum_add(0, l4, p->len - p->l4));
	if (p->proto == NAT64_UDP && get16(l4 + CHECK_UDP) == 0)
		put16(l4 + CHECK_UDP, 0xffff);		/* 0 would say that there is no checksum */
	p->partial = false;
}
