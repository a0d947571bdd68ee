/*
 * frame.h - what a test frame of flow number n looks like
 *
 * A flow is a UDP four-tuple. Its source is one of FRAME_SUBSCRIBERS addresses 2001:db8:100:N::9, each a subscriber of its
 * own; ports are pseudo-random in the ranges of RFC 4814 section 4.5 (source 1024 to 65535, destination 1 to 49151), and no
 * two flows have the same source address and port, so each flow is a binding.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#define FRAME_SUBSCRIBERS 256
#define FRAME_PORTS 64512
#define FRAME_FLOWS (FRAME_SUBSCRIBERS * FRAME_PORTS)
#define FRAME_ETHERNET 14
#define FRAME_SMALLEST 84		/* bytes of an Ethernet frame with its check sequence, as RFC 8219 section 5.1 counts */
#define FRAME_LARGEST 1518

/* What is in the payload, and so survives translation. */
struct frame_tag {
	uint32_t magic, flow;
	uint64_t sent;			/* CLOCK_REALTIME, ns */
};
#define FRAME_MAGIC UINT32_C(0x62656e63)

/* Where frames go: the same for all of a run. */
struct frame_path {
	uint8_t gateway[6];		/* Ethernet address of the next hop */
	uint8_t destination[16];	/* IPv6 */
	uint32_t size;			/* of the frame, as above: FRAME_SMALLEST to FRAME_LARGEST */
};

/* Draw the ports. Should: be called once, before anything below. */
void frame_init(void);

/* numbers[0 .. n) = first, first + 1, ... in pseudo-random order. */
void frame_shuffle(uint32_t *numbers, uint32_t first, uint32_t n);

/* The frame of a flow, without its check sequence, into b[0 .. path->size - 4). Returns its length. */
uint32_t frame_make(uint8_t *b, const struct frame_path *path, uint32_t flow, uint64_t now);

/*
 * Read the tag of a captured frame of either family with len bytes. Returns false when it is not one of ours. *payload is
 * the number of payload bytes that the whole frame of wire_len bytes carries.
 */
bool frame_read(struct frame_tag *tag, uint32_t *payload, const uint8_t *b, uint32_t len, uint32_t wire_len);

/* Turn a captured frame round, so that it answers: ends swapped, the checksum stays right. */
void frame_answer(uint8_t *b, const uint8_t gateway[6]);

/* Payload bytes in a frame of this size. */
static inline uint32_t
frame_payload(uint32_t size)
{
	return size - 4 - FRAME_ETHERNET - 40 - 8;
}

#endif
