/*
 * tunio.h - packets from and to this worker's TUN queues
 */
#ifndef WORKER_TUNIO_H
#define WORKER_TUNIO_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include "shm/layout.h"

#define TUNIO_HEADER 10			/* bytes of a virtio_net_hdr, which a device with offloads has before each packet */

/*
 * Read one packet from this queue into data, which has room for size bytes and, with offload, for TUNIO_HEADER bytes
 * before them: there goes first what the device says of it, and then to *offload. NULL: the device says nothing. Returns
 * the packet's length, or 0 when none is waiting.
 */
uint32_t tunio_read(int queue, uint8_t *data, uint32_t size, struct layout_offload *offload);

/*
 * What the device said of a packet of which only that is known that it was read to data: its header is still there, for nothing
 * was done to the packet yet.
 */
static inline struct layout_offload
tunio_said(const uint8_t *data)
{
	struct layout_offload said;

	memcpy(&said, data - TUNIO_HEADER, sizeof(said));
	return said;
}

/*
 * Write one packet to this queue, and tell the device *offload of it by way of the TUNIO_HEADER bytes before data, which
 * may be overwritten. NULL: the device wants nothing. Returns false when the device refused it.
 */
bool tunio_write(int queue, uint8_t *data, uint32_t len, const struct layout_offload *offload);

/* The same for a packet whose pieces lie apart. part[0] is for the header: the caller leaves it empty. */
bool tunio_write_parts(int queue, struct iovec *part, int n, const struct layout_offload *offload);

#endif
