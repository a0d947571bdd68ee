/*
 * tunio.c - one packet per system call, at a descriptor that the heritage names
 *
 * The queue is non-blocking: an empty one ends the batch. A device that is down refuses writes; the packet is counted
 * as write_failed and the worker goes on, for the device may come up again.
 * A device with offloads has a struct virtio_net_hdr before each packet. It is read to, and written from, the bytes before
 * the packet, so that neither takes a second buffer.
 * Must never: log (a worker has no descriptor to log to), retry in a loop.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>
#include "worker/tunio.h"

_Static_assert(sizeof(struct virtio_net_hdr) == TUNIO_HEADER && sizeof(struct layout_offload) == TUNIO_HEADER,
	       "struct layout_offload is struct virtio_net_hdr");
_Static_assert(offsetof(struct virtio_net_hdr, hdr_len) == offsetof(struct layout_offload, header) &&
	       offsetof(struct virtio_net_hdr, gso_size) == offsetof(struct layout_offload, segment) &&
	       offsetof(struct virtio_net_hdr, csum_start) == offsetof(struct layout_offload, start) &&
	       offsetof(struct virtio_net_hdr, csum_offset) == offsetof(struct layout_offload, check),
	       "struct layout_offload is struct virtio_net_hdr");
_Static_assert(VIRTIO_NET_HDR_F_NEEDS_CSUM == LAYOUT_PARTIAL && VIRTIO_NET_HDR_F_DATA_VALID == LAYOUT_VALID &&
	       VIRTIO_NET_HDR_GSO_TCPV4 == LAYOUT_TCP4 && VIRTIO_NET_HDR_GSO_TCPV6 == LAYOUT_TCP6 &&
	       VIRTIO_NET_HDR_GSO_ECN == LAYOUT_ECN, "and so are its values");
_Static_assert(TUNIO_HEADER <= LAYOUT_HEADROOM, "there is room before a packet");

uint32_t
tunio_read(int queue, uint8_t *data, uint32_t size, struct layout_offload *offload)
{
	uint32_t before = offload ? TUNIO_HEADER : 0;
	ssize_t got = read(queue, data - before, size + before);

	if (got <= (ssize_t)before)
		return 0;
	if (offload)
		*offload = tunio_said(data);
	return (uint32_t)got - before;
}

bool
tunio_write(int queue, uint8_t *data, uint32_t len, const struct layout_offload *offload)
{
	size_t before = offload ? TUNIO_HEADER : 0;

	if (offload)
		memcpy(data - before, offload, sizeof(*offload));
	return write(queue, data - before, before + len) == (ssize_t)(before + len);
}

bool
tunio_write_parts(int queue, struct iovec *part, int n, const struct layout_offload *offload)
{
	struct layout_offload header = *offload;

	part[0] = (struct iovec) { &header, sizeof(header) };
	return writev(queue, part, n) > 0;
}
