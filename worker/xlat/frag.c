/*
 * frag.c - fragments are translated one by one; what one does not know of its packet, its kin do
 *
 * Only the first fragment has the ports. All fragments of a packet meet at one worker: from IPv6 the one that owns
 * the source's shard, where they are at home; from IPv4, where the shard follows from a port that is not known yet,
 * the one that a keyed hash of what they share names. Who meets the first goes on with its ports (struct layout_kin),
 * to another worker if need be. Who comes before it is kept, and called when it comes. Nothing is ever put together.
 *
 * Two kinds cannot go on before all have come: of ICMP, because the sum of ICMPv6 has the length of the whole in it,
 * and of UDP from IPv4 without a checksum, because IPv6 wants the sum of every byte. They are gathered, all of them
 * kept, then called, the first one first.
 *
 * After a death a fragment is met again. So one that was seen goes on like any other, and one that must wait is kept
 * before it is noted. Fragments that contradict each other poison their packet, whoever sent them (RFC 5722).
 * Must never: let a fragment out of order cost one in order its place; keep longer than fragment-timeout; believe a
 * port that was read from other bytes than the first fragment's (CVE-2019-5597).
 */
#include "shm/hash.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/frag.h"
#include "worker/xlat/policy.h"

/* Whose fragment it is: the packet's name, the bucket that its source chose, and the source. */
struct name {
	uint64_t tag;
	struct kin_bucket *bucket;
	uint8_t source;
};

static unsigned
home(const struct nat64 *n, const struct pkt *p)
{
	uint64_t word[2];
	uint32_t half[2];

	if (p->from == NAT64_FROM_IP6)
		return policy_shard(n, &p->src.ip6);
	memcpy(half, p->data + 12, sizeof(half));		/* as supervisor/steer.c has it */
	word[0] = (uint64_t)half[0] << 32 | half[1];
	word[1] = 0;
	memcpy(&word[1], p->data + 4, 2);
	return hash_spread(n->secret->shard_key, word, n->subscriber_mask, n->layout.g.shards);
}

static struct name
name_of(const struct nat64 *n, const struct pkt *p)
{
	uint64_t word[5] = { 0 }, source;
	struct name name;

	if (p->from == NAT64_FROM_IP6) {
		memcpy(word, p->src.ip6.b, 16);
		memcpy(word + 2, p->dst.ip6.b, 16);
		source = hash_words(n->secret->port_key, (uint64_t[]) { word[0] & n->subscriber_mask[0],
				    word[1] & n->subscriber_mask[1] }, 2);
	} else {
		word[0] = p->src.ip4;
		word[2] = p->dst.ip4;
		source = hash_words(n->secret->port_key, word, 1);
	}
	word[4] = (uint64_t)p->id << 16 | (unsigned)p->proto << 8 | p->from;
	name.tag = hash_words(n->secret->port_key, word, 5) | 1;	/* 0 is nobody's */
	name.bucket = &n->kin[source & (n->layout.kin_buckets - 1)];
	name.source = (uint8_t)(source >> 56);
	return name;
}

static bool
lacks_checksum(const struct pkt *p)
{
	const uint8_t *check = p->data + p->l4 + 6;

	return p->from == NAT64_FROM_IP4 && p->proto == NAT64_UDP && p->at == 0 && check[0] == 0 && check[1] == 0;
}

static bool
keep(struct nat64 *n, const struct pkt *p, const struct name *name, uint32_t until)
{
	const struct kept what = {
		.until = until, .len = p->len, .about = name->tag, .note = p->at / 8, .source = name->source,
		.kin.fate = NAT64_fragment_timeout,
	};

	return kept_put_owner(&n->kept, &what, p->data);
}

/*
 * A UDP datagram that is summed up over its kept fragments, as far as its header says, which may be less than there is. They
 * lie in memory that siblings can write.
 */
struct datagram {
	const struct kin *k;
	uint64_t sum, seen[KIN_RANGES / 64];
	uint32_t pieces, length;	/* length: as UDP says */
	uint8_t *check;			/* where it has its checksum */
};

/* A kept IPv4 fragment: its payload and where that belongs. Returns KIN_RANGES when it is none of these, or which. */
static uint32_t
piece_of(const struct datagram *d, uint8_t *ip, uint32_t len, uint8_t **payload, uint32_t *at, uint32_t *size)
{
	uint32_t header = (ip[0] & 15u) * 4;

	if (len < header || len < PKT_IP4_HEADER)
		return KIN_RANGES;
	*payload = ip + header;
	*size = len - header;
	*at = ((uint32_t)ip[6] << 8 | ip[7]) << 3 & 0xffff;
	return kin_range(d->k, *at, *size);
}

/* Look whether this one has the UDP header. */
static void
see_header(struct datagram *d, uint8_t *ip, uint32_t len)
{
	uint32_t at, size;
	uint8_t *payload;

	if (piece_of(d, ip, len, &payload, &at, &size) == KIN_RANGES || at > 0 || size < 8)
		return;
	d->check = payload + 6;
	d->length = (uint32_t)payload[4] << 8 | payload[5];
	memset(d->check, 0, 2);		/* who died may have left the sum in it */
}

/* Add the bytes that UDP counts, unless they were seen. */
static void
add_piece(struct datagram *d, uint8_t *ip, uint32_t len)
{
	uint32_t at, size, number;
	uint8_t *payload;

	number = piece_of(d, ip, len, &payload, &at, &size);
	if (number == KIN_RANGES || d->seen[number / 64] >> number % 64 & 1)
		return;
	d->seen[number / 64] |= UINT64_C(1) << number % 64;
	d->pieces++;
	if (at < d->length)
		d->sum = csum_fold(csum_add(d->sum, payload, size < d->length - at ? size : d->length - at));
}

/* The checksum for a UDP datagram that came without one, now that all of it is kept. Returns false when it is no datagram. */
static bool
sum_datagram(const struct nat64 *n, struct kin *k, const struct pkt *p, uint64_t tag)
{
	struct datagram d = { .k = k };
	uint16_t check;
	uint32_t len;
	uint8_t *ip;

	for (int i = kept_about(&n->kept, tag, 0); i >= 0; i = kept_about(&n->kept, tag, (uint32_t)i + 1)) {
		ip = kept_packet(&n->kept, (uint32_t)i, &len);
		see_header(&d, ip, len);
	}
	for (int i = kept_about(&n->kept, tag, 0); i >= 0; i = kept_about(&n->kept, tag, (uint32_t)i + 1)) {
		ip = kept_packet(&n->kept, (uint32_t)i, &len);
		add_piece(&d, ip, len);
	}
	if (!d.check || d.pieces != k->ranges || d.length > k->whole)
		return false;
	d.sum += csum_word(d.length) + csum_word(PKT_PROTO_UDP) + csum_add(0, p->data + 12, 8);
	check = (uint16_t)~csum_fold(d.sum);
	k->check = check ? check : 0xffff;
	memcpy(d.check, &k->check, 2);
	return true;
}

/* The first fragment is here: what it says holds for all. */
static void
see_first(struct kin *k, const struct pkt *p)
{
	k->src_port = p->src.port;
	k->dst_port = p->dst.port;
	k->gather |= lacks_checksum(p);
	atomic_store_8(&k->first, 1);
}

/* Is this a first fragment that cannot be a copy of the one that was seen? */
static bool
another_first(const struct kin *k, const struct pkt *p)
{
	return p->src.port != k->src_port || p->dst.port != k->dst_port || (lacks_checksum(p) && !k->gather);
}

/* Let those go that wait: with what they lacked, or with an end. */
static void
call(struct nat64 *n, struct kin *k, uint64_t tag, const struct layout_kin *kin)
{
	if (k->kept)
		kept_call_owner(&n->kept, tag, kin);
	k->kept = 0;
}

/* Contradictions, and more than anybody sends. Those that wait go with it. */
static enum nat64_verdict
poison(struct nat64 *n, struct kin *k, uint64_t tag, enum nat64_verdict why)
{
	atomic_store_8(&k->state, KIN_OVERLAP);
	call(n, k, tag, &(struct layout_kin) { .fate = (uint8_t)why });
	return why;
}

/* All has come that must. */
static void
open_up(struct nat64 *n, struct kin *k, const struct pkt *p, uint64_t tag)
{
	const struct layout_kin known = {
		.src_port = k->src_port, .dst_port = k->dst_port, .whole = k->gather ? k->whole : 0, .known = 1,
	};

	if (k->state == KIN_WAITING && k->gather && p->proto == NAT64_UDP && !sum_datagram(n, k, p, tag)) {
		poison(n, k, tag, NAT64_bad_length);
		return;
	}
	if (k->state == KIN_WAITING)
		atomic_store_8(&k->state, KIN_OPEN);
	call(n, k, tag, &known);
}

/* What the packet's first fragment has said, for one that may go on. */
static enum nat64_verdict
tell(const struct kin *k, struct pkt *p)
{
	if (k->gather)
		p->whole = k->whole;
	if (lacks_checksum(p))
		memcpy(p->data + p->l4 + 6, &k->check, 2);
	p->src.port = k->src_port;
	p->dst.port = k->dst_port;
	return NAT64_translated;
}

/*
 * Those whose fragment this is. When a packet is complete its identification may come again in another one (RFC 4963), which
 * begins with a first fragment, or with what was none of the old one's.
 */
static struct kin *
find_or_make(struct nat64 *n, const struct pkt *p, const struct name *name, uint32_t now)
{
	uint32_t until = now + n->config->fragment_timeout + 1;	/* this second has begun (RFC 6146 section 4) */
	struct kin *k = kin_find(name->bucket, name->tag, now);
	uint64_t lost = 0;

	if (k && (k->state != KIN_DONE || (p->at > 0 && kin_news(k, p->at, p->len - p->l4, p->more) == KIN_AGAIN)))
		return k;
	if (k)
		kin_renew_owner(k, until);
	else
		k = kin_make_owner(name->bucket, name->tag, p->at == 0, now, until, &lost);
	if (lost)
		kept_call_owner(&n->kept, lost, &(struct layout_kin) { .fate = NAT64_fragments_full });
	return k;
}

static enum nat64_verdict
meet(struct nat64 *n, struct pkt *p, const struct name *name, uint32_t now)
{
	uint32_t size = p->len - p->l4;
	struct kin *k = find_or_make(n, p, name, now);
	enum kin_news news;
	bool waits;

	if (!k)
		return NAT64_fragments_full;
	k->gather |= p->proto == NAT64_ICMP;	/* every time, for who made it may have died before */
	if (k->state == KIN_OVERLAP)
		return NAT64_fragment_overlap;
	news = kin_news(k, p->at, size, p->more);
	if (p->at == 0 && k->first && another_first(k, p))
		news = KIN_CONTRADICTS;
	if (news == KIN_CONTRADICTS || news == KIN_TOO_MANY)
		return poison(n, k, name->tag, news == KIN_TOO_MANY ? NAT64_bad_fragment : NAT64_fragment_overlap);
	if (p->at == 0 && !k->first)
		see_first(k, p);
	waits = k->state == KIN_WAITING && (k->gather || !k->first);
	if (waits && !keep(n, p, name, k->until))
		return NAT64_fragments_full;
	k->kept |= waits;
	if (news == KIN_NEW)
		kin_note_owner(k, p->at, size, p->more);
	if (k->kept ? k->first && (!k->gather || kin_complete(k)) : k->state == KIN_WAITING && !waits)
		open_up(n, k, p, name->tag);
	if (k->state == KIN_OPEN && kin_complete(k))
		atomic_store_8(&k->state, KIN_DONE);
	return waits ? NAT64_kept : tell(k, p);
}

enum nat64_verdict
frag_meet(struct nat64 *n, struct pkt *p, const struct layout_kin *brought, uint32_t now, uint8_t *owner)
{
	struct name name;

	if (brought->known && lacks_checksum(p))
		return NAT64_udp_zero_checksum;		/* a copy of the one that was given the sum */
	if (brought->known) {
		p->src.port = brought->src_port;
		p->dst.port = brought->dst_port;
		p->whole = brought->whole;
		return NAT64_translated;
	}
	*owner = atomic_load_8(&n->owners->worker[home(n, p)]);
	if (*owner != n->worker)
		return NAT64_handed_over;
	if (lacks_checksum(p) && n->config->udp_zero_checksum == CONFIG_ZERO_CSUM_DROP)
		return NAT64_udp_zero_checksum;
	name = name_of(n, p);
	return meet(n, p, &name, now);
}
