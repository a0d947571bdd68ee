/*
 * steer.h - the kernel puts a packet into the queue of the worker that owns its shard
 */
#ifndef SUPERVISOR_STEER_H
#define SUPERVISOR_STEER_H

#include "shm/layout.h"

/* Plain data, descriptors only, so it lives on over an exec as it is. */
struct steer {
	int program, table, blocks;	/* all -1: nothing is steered */
	uint32_t addresses;		/* pool addresses there is room for; a power of two */
};

/*
 * Make the program and its memory, with room for so many pool addresses, 1 to CONFIG_MAX_POOL. It steers everything
 * to queue 0 until steer_fill. Should: hold CAP_BPF. Returns 0, or -errno with what was tried, and what the kernel
 * said, in why; then nothing is open.
 */
int steer_open(struct steer *s, uint32_t addresses, char *why, size_t size);

/*
 * Steer as this tenant's workers see it: config for subscribers and static bindings, the rest from its region.
 * Replaces whatever was there; a packet that comes meanwhile may go to any queue. Takes no rights. Returns 0, or
 * -errno and nothing has changed: -ENOSPC when the pool has more addresses than there is room for.
 */
int steer_fill(const struct steer *s, const struct config_tenant *config, const struct layout *l,
	       const struct layout_header *h, const struct layout_secret *secret, const uint8_t owners[LAYOUT_MAX_SHARDS]);

/*
 * Close what is open. With device_steer() a device deals its packets so for as long as it lives: those of worker w go to
 * the queue that was attached as number w. A device goes on steering with what it was given.
 */
void steer_close(struct steer *s);

#endif
