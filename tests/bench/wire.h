/*
 * wire.h - frames out of and into a network device, many with a system call or none (AF_PACKET)
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdint.h>
#include "tests/bench/frame.h"

#define WIRE_BATCH 64
#define WIRE_SNAP 160			/* bytes that are captured of each frame */

struct wire {
	int fd;
	uint8_t *ring;			/* of a receiver, mapped */
	uint32_t block;			/* the one to look at next */
};

struct wire_counts {
	uint64_t packets, bytes;	/* a packet may be several that were merged on the way; bytes as on Ethernet */
};

/* Sender at `device` of the calling thread's namespace. Exits when there is none. */
struct wire wire_sender(const char *device);

/* Receiver of all that arrives at `device`. */
struct wire wire_receiver(const char *device);

/* Send n frames, at most WIRE_BATCH, frame i being len[i] bytes at data[i]. Returns how many the device took. */
uint32_t wire_send(const struct wire *w, uint8_t (*data)[FRAME_LARGEST], const uint32_t *len, uint32_t n);

/*
 * Wait up to 10 ms for frames and call got for each, with the bytes that were captured, the length on the wire and when it
 * came (CLOCK_REALTIME, ns). Returns how many there were.
 */
uint32_t wire_take(struct wire *w, void (*got)(uint8_t *b, uint32_t len, uint32_t wire_len, uint64_t when));

/* How many frames a receiver had no room for since the last call. */
uint32_t wire_missed(const struct wire *w);

/* What `device` of the calling thread's namespace has received so far. */
struct wire_counts wire_received(const char *device);

#endif
