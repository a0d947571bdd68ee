/*
 * gro.h - the packets that a batch sends, and which of them leave as one
 *
 * Adjacent packets of a flow need not go through the kernel's stack one by one: the device takes several as one packet, as
 * generic receive offload makes it on the other end. A batch is collected, then written; nothing waits for the next one.
 */
#ifndef WORKER_GRO_H
#define WORKER_GRO_H

#include "shm/status.h"
#include "worker/xlat/nat64.h"

#define GRO_FLOWS 256			/* buckets of flows that more can be added to: twice as many as a batch may have */

/* A packet to be sent, and its place in a group: packets of a flow, in order, that leave as one. */
struct gro_packet {
	struct nat64_packet p;
	uint8_t number;			/* the caller's */
	bool verified;			/* its transport checksum is right, or left to the device */
	bool open;			/* first of a group: more may be added to it */
	uint8_t proto;			/* enum nat64_proto of one that may be in a group; otherwise NAT64_N_PROTOS */
	uint8_t count;			/* first of a group: how many are in it; of others 0 */
	uint8_t next, last;		/* the next one of its group, and of the first the last one */
	uint16_t l4, header;		/* offset of the transport header; bytes of all headers */
	uint16_t segment;		/* bytes behind them */
	uint32_t total;			/* first of a group: bytes behind the headers of all */
};

struct gro {
	enum status_offload offload;
	const int *queue;		/* [NAT64_N_SIDES] */
	unsigned n;
	struct gro_packet packet[LAYOUT_BATCH];
	uint8_t bucket[GRO_FLOWS];	/* 1 + the first packet of the group that the flow's next one may be added to */
};

/* Collect for devices that can do this much: what goes to a side is written to queue[side], which stays the caller's. */
void gro_open(struct gro *g, enum status_offload offload, const int *queue);

/*
 * Add a packet that is to be sent, at most LAYOUT_BATCH of them; it stays where it is. verified: the device said that its
 * checksum was right, or it is partial. It is added to the group of those before it if it goes on where they end and has the
 * same headers: for UDP the same size too, which the last one may fall short of.
 */
void gro_add(struct gro *g, const struct nat64_packet *p, uint8_t number, bool verified);

/*
 * Write the group that begins with packet i, or packet i as it is if it begins none. Returns false when the device refused it.
 * Its packets are i, packet[i].next and so on, packet[i].count of them; 0: it is in a group that was written.
 */
bool gro_write(struct nat64 *n, struct gro *g, unsigned i);

/* Forget all of them. */
void gro_clear(struct gro *g);

#endif
