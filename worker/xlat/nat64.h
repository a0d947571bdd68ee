/*
 * nat64.h - libnat64: a stateful NAT64 (RFC 6146) as a library
 *
 * Bring your own memory, clock and packets. The library allocates nothing, starts no thread, calls nobody back and
 * does no I/O. It works the same in malloc'ed memory and in memory shared between processes.
 *
 *     struct layout_geometry g;  layout_geometry(&g, &config);          sizes
 *     struct layout l;           layout_plan(&l, &g);
 *     void *region = zeroed memory of l.size bytes, page-aligned;       the binding table
 *     layout_init(region, &l, &config, epoch, seed);
 *     static struct nat64 n;     nat64_attach(&n, region, &l, 0);       one per worker
 *     nat64_configure(&n, &config);  nat64_adopt(&n, now);
 *     for some packets at once   nat64_look_ahead(&n, data, len, hint, count);        faster
 *     for each packet            nat64_translate(&n, &packet, now);
 *     after some of them         while (nat64_due(&n, &packet, now)) { nat64_taken(&n); nat64_translate(&n, &packet, now); }
 *     now and then               nat64_expire(&n, now, budget, &probe);
 *
 * Time is a uint32_t of seconds since the region's epoch and must not step back.
 */
#ifndef XLAT_NAT64_H
#define XLAT_NAT64_H

#include "shm/config.h"
#include "shm/counters.h"
#include "shm/kept.h"
#include "shm/kin.h"
#include "shm/layout.h"
#include "shm/shard.h"

#define NAT64_ICMP_BUCKETS 256
#define NAT64_PROBE_SIZE 60		/* bytes of the largest packet that nat64_expire makes */
#define NAT64_ID_COUNTERS 1024

/* An IPv6 network ready to compare with: address words as in memory. */
struct nat64_net6 {
	uint64_t addr[2], mask[2];
};

/* A worker's place to stand: pointers and what it derived from the configuration. Private memory; no pointer leaves. */
struct nat64 {
	struct layout layout;
	const struct layout_header *header;
	const struct layout_secret *secret;
	const struct layout_owners *owners;
	struct counters_row *row;		/* its own */
	const struct config_tenant *config;	/* must stay as it is until the next nat64_configure */
	unsigned worker;
	struct shard shard[LAYOUT_MAX_SHARDS];	/* only the owned ones may be touched */
	/* from the configuration */
	uint8_t prefix_order[8];		/* prefixes, longest first */
	struct nat64_net6 prefix[8];		/* the same order */
	struct nat64_net6 source[64];
	uint64_t subscriber_mask[2];		/* of an IPv6 address, as in memory */
	uint8_t wkp;				/* number of 64:ff9b::/96 when wkp-strict guards it, or 0xff */
	uint8_t destination[256];		/* by first octet: 0 allowed, 1 look closer */
	uint64_t static_port[1024];		/* bit per port number that any static binding uses */
	/* of its own */
	struct {
		uint32_t second, count;
	} icmp_bucket[NAT64_ICMP_BUCKETS + 1];	/* ICMP errors originated, by a keyed hash of who gets them; the last: all */
	struct kept_store kept;			/* packets that wait */
	struct kin_bucket *kin;			/* [layout.kin_buckets] */
	struct {
		uint32_t second, count;
	} asked;				/* pool addresses that packets asked for a port after many others; see flow.c */
	uint32_t taken;				/* the place that nat64_due looked at */
	uint32_t syns_full[256 + 1];		/* by source, the last: all; the last second in which no SYN could be kept */
	uint16_t ip_id[NAT64_ID_COUNTERS];	/* by a keyed hash of addresses and protocol; see emit_id */
	uint32_t lap;				/* the second in which the clock hand's lap began */
	uint32_t hand_shard, hand_word;
	bool lap_done;
	struct nat64_packet *probe;		/* room for one, during nat64_expire */
};

/* What nat64_look_ahead has found out of a packet. nat64_translate compares it with the packet before it believes it. */
struct nat64_hint {
	struct ip6 ip6;		/* the IPv6 side of a binding */
	uint16_t port;
	uint8_t proto;
	uint8_t shard;		/* where that lives */
	uint64_t hash;		/* record_hash of it; 0: nothing is known */
};

struct nat64_packet {
	uint8_t *data;		/* first byte of the IP header; LAYOUT_HEADROOM bytes before it may be overwritten */
	uint32_t len;		/* in: bytes read. Out: bytes to send from data; 0: send nothing. */
	uint32_t cut;		/* out: 0: send it as it is; otherwise in pieces of at most so many bytes, see nat64_piece */
	uint32_t packets;	/* out: for how many packets the one that came in stood; 1 but for segmentation offload */
	uint8_t to;		/* out: enum nat64_side: where to send it, its family; not set when there is nothing to send */
	uint8_t to_worker;	/* out, with NAT64_handed_over: give data[0 .. len) and meta to this worker */
	/*
	 * In: what it brought along; zero when it was read by itself, or what a device with offloads said of it. Out: what it
	 * takes along; what the device has to be told of it, which is zero unless it came with more than zero.
	 */
	struct layout_meta meta;
	const struct nat64_hint *hint;	/* in: of nat64_look_ahead, or NULL */
};

/* Stand on an initialised region as worker number `worker`. Returns NULL, or what is wrong. */
const char *nat64_attach(struct nat64 *n, void *region, const struct layout *l, unsigned worker);

/* Use this configuration from now on. Its START keys must be those the region was made for. */
void nat64_configure(struct nat64 *n, const struct config_tenant *config);

/*
 * Take over the shards that belong to this worker: finish what a dead predecessor had committed, and make the static
 * bindings that are missing. Time-outs are looked after from the next second on, for packets wait. Call once before the first
 * packet.
 */
void nat64_adopt(struct nat64 *n, uint32_t now);

/*
 * Decide the fate of one packet of either family, in place (RFC 6146 section 3.5, RFC 7915). Afterwards data and len
 * are what is to be sent: the translated packet, an ICMP error to the sender, the packet for another worker, or
 * nothing. The verdict is not counted here. With NAT64_kept it waits in the region, and nat64_due() gives it back.
 */
enum nat64_verdict nat64_translate(struct nat64 *n, struct nat64_packet *packet, uint32_t now);

/*
 * Fetch into the processor's cache what nat64_translate will look for with the next packets, NAT64_AHEAD of them at most, so
 * that they wait for memory together: data[i] has len[i] bytes. hint[i] becomes what packet i may be given as its hint. All
 * of it is optional, and changes no packet's fate.
 */
#define NAT64_AHEAD 32
void nat64_look_ahead(const struct nat64 *n, const uint8_t *const data[], const uint32_t len[], struct nat64_hint hint[],
		      unsigned count);

/*
 * The next piece of a packet that must be cut, into out, which has room for packet->cut bytes; *at is 0 for the first
 * one. Returns its length, or 0 when there is no more. The packet stays as it is (RFC 791 section 3.2, RFC 8200
 * section 4.5). One that stands for several UDP datagrams is taken apart first. Pieces need nothing of the device.
 */
uint32_t nat64_piece(const struct nat64_packet *packet, uint32_t *at, uint8_t *out);

/*
 * The next kept packet that has to go on, because it was called or its time is over: copies it to packet->data, where
 * there is room for a packet, with its length and its meta. Returns false when there is none. It is still kept until
 * nat64_taken(), so that it is always somewhere; then comes nat64_translate(), which ends it if meta.kin.fate says so. now
 * UINT32_MAX: all of them.
 */
bool nat64_due(struct nat64 *n, struct nat64_packet *packet, uint32_t now);
void nat64_taken(struct nat64 *n);

/*
 * Move the clock hand: end expired sessions and bindings, release held ports. Looks at no more than `budget` words of
 * 64 ports or sessions. Returns true while this second's lap is not done.
 *
 * An established TCP session whose time is over goes on for tcp-closing-timeout, and its IPv6 host is asked whether it is
 * still there (RFC 6146 section 3.5.2.2, ESTABLISHED). The packet that asks is put into probe, whose data is room for
 * NAT64_PROBE_SIZE bytes, for the caller to send; probe->len is 0 when there is none. Without room (NULL) nobody is asked.
 */
bool nat64_expire(struct nat64 *n, uint32_t now, unsigned budget, struct nat64_packet *probe);

/* How many bindings of this worker's shards are on pool addresses that leave (layout_address.leaving). */
uint32_t nat64_leaving(const struct nat64 *n);

#endif
