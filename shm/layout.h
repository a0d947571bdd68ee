/*
 * layout.h - the region: one sealed memfd per tenant, and who may touch which part of it
 *
 *   header    geometry, pool addresses               written by the supervisor, once; read by all
 *   secret    hash keys, the permutation of blocks   written by the supervisor, once; ctl does not map it
 *   owners    shard -> worker                        written by the supervisor; read by all
 *   counters  a row per worker                       written by its worker
 *   workers   a line per worker, its packets in hand written by its worker
 *   rings     one per ordered pair of workers        written by the two
 *   kept      a store per worker of packets that wait (shm/kept.h), and of what fragments have in common (shm/kin.h)
 *                                                    written by its worker
 *   shards    records, index, sessions, pool, subscribers
 *                                                    each written by the worker that owns it, mapped by no other
 *
 * Every part starts on a page of its own, so that a mapping can leave it out. No pointer is stored in the region:
 * places are numbers, and every number is checked against the geometry before use.
 *
 * A pool address has 1024 blocks of 64 ports. A secret permutation, another one for each address, deals the blocks
 * to the shards: place[block] = shard * blocks_per_shard + local. Inside its shard a port has the slot
 *     (address * NAT64_N_PROTOS + protocol) * ports_per_shard + local * 64 + port % 64
 * so a block's records are one page, and a shard's records lie together. Static bindings have the slots behind.
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <stddef.h>
#include "shm/config.h"
#include "shm/counters.h"

#define LAYOUT_MAGIC UINT64_C(0x4c425434364e4154)
#define LAYOUT_VERSION 7
#define LAYOUT_DIALECT 1		/* of layout_shape: raised when a state, a flag or a protocol changes its meaning */
#define LAYOUT_PAGE 4096
#define LAYOUT_BLOCKS 1024		/* of 64 ports, per pool address */
#define LAYOUT_BLOCK_PORTS 64
#define LAYOUT_MAX_SHARDS 64
#define LAYOUT_RING_SLOTS 128		/* packets a worker may hand to another before that one looks */
#define LAYOUT_BATCH 128		/* packets a worker reads before it writes */
/*
 * Free bytes before a packet in a buffer, for the longest header growth: an ICMPv4 error about a packet (28), which goes
 * to a pool address and so is translated, outside (20) and inside (20).
 */
#define LAYOUT_HEADROOM 128
#define LAYOUT_BUFFERS (LAYOUT_BATCH + 2)	/* of a worker: a batch, one for what is handed over, one for what was kept */
#define LAYOUT_SAVED 640		/* bytes from a packet's start within which translation may write */
#define LAYOUT_NO_OWNER 0xff
#define LAYOUT_PREFIXES 8		/* as many as config.def allows */

#define LAYOUT_GSO_MAX (65535 + 40)	/* bytes of the largest packet that stands for several: an IPv6 header and 65535 */

/* What decides every size. All of it is the supervisor's choice and fixed for the life of the region. */
struct layout_geometry {
	uint32_t addresses;		/* pool addresses there is room for */
	uint32_t shards;		/* a power of two, 1 to LAYOUT_MAX_SHARDS */
	uint32_t workers;		/* 1 to CONFIG_MAX_WORKERS */
	uint32_t shard_sessions;	/* sessions of one shard, below 2^24 */
	uint32_t packet_size;		/* the largest packet that passes the device by itself: its MTU */
	uint32_t kept;			/* packets that each worker can keep, at most KEPT_MAX */
	uint32_t offload;		/* 1: a packet in a buffer may stand for several (struct layout_offload); 0: never */
	uint32_t subscriber_prefix;	/* bits, 32 to 128; decides no size, but who counts for whom */
};

struct layout_address {
	uint32_t ip4;
	uint16_t port_min, port_max;	/* ports that may be given out */
	uint32_t leaving;		/* 1: no longer in the configuration; its bindings live on, no new one is made */
	uint32_t blocks;		/* in no shard do blocks behind these hold a port that may be given out */
};

/*
 * A region describes itself, so that a program that lays out memory otherwise can bring over what is in it (shm/foreign.h).
 * This struct stands behind the first 16 bytes of every region of every version. What is added comes at the end; `size`
 * says how much of it there is. Offsets called header_ count from the region, shard_ from a shard, the others from what
 * they are part of. Widths are those of struct record, struct session and struct layout_address for ever.
 */
struct layout_shape {
	uint32_t size, dialect;		/* of this struct; LAYOUT_DIALECT */
	uint32_t shards, addresses, workers, blocks_per_shard, pool_slots, slots, sessions;
	uint32_t header_addresses, address_stride, address_ip4;
	uint32_t header_addresses_used, header_epoch, header_prefixes, header_prefixes_used, prefix_stride, prefix_len;
	uint32_t header_verdict_names, verdict_names, header_counter_names, counter_names;	/* layout_name of each */
	uint64_t secret, counters, lines, first_shard, shard_size;
	uint32_t secret_shard_key, secret_index_key, secret_port_key;
	uint32_t secret_permutation, permutation_stride, permutation_place, permutation_block;
	uint32_t row_stride, row_verdict, row_counter, row_icmp, row_icmp_cells;
	uint32_t line_stride, line_progress, line_busy, line_draining, line_ready, pad;
	uint64_t shard_total, shard_pool, shard_expires, shard_session_free, shard_sessions, shard_records;
	uint32_t pool_stride, pool_word;
	uint32_t record_stride, record_state, record_ip6, record_ip4, record_port6, record_port4, record_proto;
	uint32_t record_tcp, record_flags, record_via, record_remote4, record_remote_port, record_created;
	uint32_t session_stride, session_key, session_remote4, session_remote_port, session_tcp, session_via;
	uint32_t session_expires;
};

struct layout_header {
	uint64_t magic;
	uint32_t version, header_size;
	struct layout_shape shape;
	struct layout_geometry geometry;
	uint32_t addresses_used;	/* address[0 .. addresses_used) is valid, ascending by ip4 */
	uint64_t size;			/* of the whole region */
	uint64_t epoch;			/* CLOCK_BOOTTIME seconds that the table's time counts from */
	uint32_t prefixes_used;
	struct net6 prefix[LAYOUT_PREFIXES];	/* what `via` of a session counts */
	uint32_t verdict_name[NAT64_N_VERDICTS], counter_name[N_COUNTERS];	/* layout_name of the cells of a row */
	struct layout_address address[CONFIG_MAX_POOL];
};

struct layout_secret {
	uint8_t shard_key[16], index_key[16], port_key[16];
	struct {
		uint16_t place[LAYOUT_BLOCKS];	/* block -> shard and local block */
		uint16_t block[LAYOUT_BLOCKS];	/* and back */
	} permutation[];			/* [geometry.addresses] */
};

struct layout_owners {
	uint8_t worker[LAYOUT_MAX_SHARDS];	/* atomic; LAYOUT_NO_OWNER: nobody's */
};

/*
 * What a packet brings along from one worker to another, or from its stay with the packets kept: what cannot be read in
 * itself. All zero for a packet as it was read.
 */
struct layout_kin {
	uint16_t src_port, dst_port;	/* of a fragment whose kin was met: as on the wire of its family */
	uint16_t whole;			/* bytes of the transport message that it is a part of; 0: not known */
	uint8_t known;			/* 1: the ports are given */
	uint8_t fate;			/* enum nat64_verdict that was decided elsewhere; NAT64_translated: none was */
};

/*
 * What a device with offloads says of a packet, and wants to be told: virtio_net_hdr (virtio 1.2, section 5.1.6), in host byte
 * order. All zero: the packet is what it seems to be.
 */
enum layout_offload_flag { LAYOUT_PARTIAL = 1, LAYOUT_VALID = 2 };
enum layout_offload_type { LAYOUT_TCP4 = 1, LAYOUT_TCP6 = 4, LAYOUT_UDP = 5, LAYOUT_ECN = 0x80 };
struct layout_offload {
	uint8_t flags;			/* PARTIAL: its checksum is only that of the pseudo-header. VALID: it was verified */
	uint8_t type;			/* 0, or it stands for several of this kind; ECN: the first of them has CWR */
	uint16_t header;		/* of several: bytes of all headers; each packet has them */
	uint16_t segment;		/* of several: bytes behind the headers of each; the last one may have fewer */
	uint16_t start, check;		/* of a partial checksum: where it starts to count, and from there where it is */
};

/* All that a packet brings along. */
struct layout_meta {
	struct layout_kin kin;
	struct layout_offload offload;
};

/*
 * A packet in hand, so that a successor can go on with it. What was read lies in the buffer; translation writes over its
 * first bytes, so they are saved first. Whoever dies leaves one of
 *     len == 0, buffer's first byte 0     nothing in hand
 *     len == 0, buffer begins a packet    read and not touched yet; its IP header says how long it is
 *     len > 0                             being translated or written: saved, then the rest of the buffer, is the packet
 */
struct layout_inflight {
	uint32_t len;			/* atomic; stored after saved */
	struct layout_meta meta;	/* stored before the packet, or before len where the packet was read from the device */
	uint32_t pad[10];
	uint8_t saved[LAYOUT_SAVED];
};

/* What a worker's last complete audit of its shards found (worker/scrub.h). */
struct layout_said {
	uint32_t answered;		/* image.audit when it began */
	uint32_t finished;		/* table second; 0: there was none yet */
	uint32_t shards, rule, shard, slot;	/* as in struct audit */
	uint64_t records, violations;
};
struct layout_audit {
	uint32_t sequence;		/* atomic; odd while the rest is rewritten */
	uint32_t pad;
	struct layout_said said;	/* copied by words */
};

/* What a worker says of itself. Others believe none of it: asleep costs at most a needless or a missing wake-up. */
struct layout_worker {
	uint32_t asleep;		/* atomic; 1: ring my bell after you put something in a ring of mine */
	uint32_t generation;		/* atomic; the configuration in use */
	uint64_t progress;		/* atomic; grows with every turn of the loop */
	uint32_t missing;		/* atomic; BIRTH_ bits: sandbox layers this kernel or build could not give */
	uint32_t current;		/* atomic; 1 + number of the buffer whose packet is being translated; 0: none */
	uint32_t draining;		/* atomic; 1: reads no packets from its queue any more (IMAGE_DRAIN) */
	uint32_t ready;			/* atomic; 1: its shards hold all they should, the old region's bindings too */
	uint64_t busy;			/* atomic; while draining: progress when it last had a packet in hand */
	uint32_t leaving;		/* atomic; bindings of its shards on addresses that leave, a second ago */
	struct layout_audit audit;
} __attribute__((aligned(128)));

/* Where everything is: offsets from the start of the region, or of a shard. Computed, never stored. */
struct layout {
	struct layout_geometry g;
	uint32_t blocks_per_shard, ports_per_shard;	/* of one address (and protocol) */
	uint32_t pool_slots, slots;	/* of a shard: without and with the static ones; below 2^24 */
	uint32_t shard_subscribers;	/* of one shard that can have a binding */
	uint32_t index_buckets, session_buckets, subscriber_buckets;
	uint32_t buffer_size;		/* the largest packet in a buffer or a ring */
	uint32_t buffer_stride;		/* bytes of one packet buffer or ring slot */
	uint32_t kept_stride;		/* bytes of the place of a kept packet, which stands for itself */
	size_t secret, owners, counters, workers, inflight, buffers, rings, kept, kept_packets, kins, shards, size;
	uint32_t kin_buckets;		/* of each worker; a power of two */
	size_t ring_size, shard_size;
	/* inside a shard */
	size_t pool, pool_stride, expires, index, session_index, session_free, session_summary;
	size_t subscriber_index, subscriber_free, subscriber_summary, subscribers;
	size_t sessions, records;
};

/*
 * The geometry for a resolved configuration: enough shards for the workers, and not so many that one subscriber,
 * who lives in one shard, could not reach about 4000 ports of a protocol, or 1024 sessions, if the tenant has them. A large
 * pool is cut up all the same: a shard has room for 2^24 ports.
 */
void layout_geometry(struct layout_geometry *g, const struct config_tenant *config);

/* The same for the heir of a region with so many shards, which cannot change: they say where bindings belong. */
void layout_geometry_heir(struct layout_geometry *g, const struct config_tenant *config, uint32_t shards);

/* Compute every offset. Returns false when the geometry is out of its bounds. */
bool layout_plan(struct layout *l, const struct layout_geometry *g);

/*
 * Fill the zeroed region of l->size bytes at base: header, secrets, owners, free ports. seed is
 * LAYOUT_SEED_SIZE random bytes; epoch is CLOCK_BOOTTIME in seconds. The magic is written last.
 */
#define LAYOUT_SEED_SIZE 64
void layout_init(void *base, const struct layout *l, const struct config_tenant *config, uint64_t epoch,
		 const uint8_t seed[LAYOUT_SEED_SIZE]);

/*
 * The same for a region that takes the place of another one: keys, time and the deal of the blocks of every address that
 * both have are those of the old one. Its shards are empty, and wait for who owns them to bring the bindings over
 * (worker/xlat/import.h). seed is LAYOUT_SEED_SIZE fresh random bytes.
 */
struct foreign;
void layout_init_heir(void *base, const struct layout *l, const struct config_tenant *config, const struct foreign *old,
		      const uint8_t seed[LAYOUT_SEED_SIZE]);

/*
 * Deal the shards anew to the workers whose bit in absent is not set, of which there is one at least: to each as many, give or
 * take one, that lie together, so that a worker closes what is not its own with two calls. Should: be called before any worker
 * has mapped the region.
 */
void layout_deal(void *base, const struct layout *l, uint32_t absent);

/* What a counter's name is known by in a header: a hash that needs no key. */
uint32_t layout_name(const char *name);

/*
 * Check the header of a region of size bytes and compute its layout. Only the header page is read, and it may be
 * hostile. Returns NULL, or what is wrong in a few words.
 */
const char *layout_check(struct layout *l, const struct layout_header *h, size_t size);

static inline const struct layout_header *
layout_header(const void *base)
{
	return base;
}

static inline void *
layout_at(void *base, size_t offset)
{
	return (uint8_t *)base + offset;
}

/* The table's second for a CLOCK_BOOTTIME of so many seconds. It starts at 1, for an expiry of 0 means none. */
static inline uint32_t
layout_second(const struct layout_header *h, uint64_t boottime)
{
	return (uint32_t)(boottime - h->epoch) + 1;
}

/* The ring that `from` fills and `to` empties. */
static inline size_t
layout_ring(const struct layout *l, unsigned from, unsigned to)
{
	return l->rings + ((size_t)from * l->g.workers + to) * l->ring_size;
}

static inline size_t
layout_shard(const struct layout *l, unsigned shard)
{
	return l->shards + shard * l->shard_size;
}

#endif
