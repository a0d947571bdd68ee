/*
 * inflight.c - nothing in hand is lost with the hand
 *
 * The kernel gives a packet away when it is read; whoever dies then must leave it behind. So packets are read into
 * shared memory. An empty buffer begins with a zero byte, which no IP packet does: a death right after the read
 * leaves the packet and its own header tells its length. Translation overwrites the beginning, so that is saved
 * first, and restored by who comes after. What a packet brought along is stored before it; what the device says of one stands
 * before it in the buffer until it is held. A packet may go out twice
 * when death comes between its write and inflight_done; IP allows that, and loss is worse.
 * Must never: believe a length found in shared memory.
 */
#include "worker/inflight.h"
#include "worker/tunio.h"

void
inflight_open(struct inflight *f, void *region, const struct layout *l, unsigned w, bool said)
{
	*f = (struct inflight) {
		.slot = (struct layout_inflight *)layout_at(region, l->inflight) + (size_t)w * LAYOUT_BUFFERS,
		.buffers = (uint8_t *)layout_at(region, l->buffers) + (size_t)w * LAYOUT_BUFFERS * l->buffer_stride,
		.stride = l->buffer_stride,
		.buffer_size = l->buffer_size,
		.said = said,
		.current = &((struct layout_worker *)layout_at(region, l->workers) + w)->current,
	};
}

static uint32_t
saved_bytes(uint32_t len)
{
	return len < LAYOUT_SAVED ? len : LAYOUT_SAVED;
}

void
inflight_hold(struct inflight *f, unsigned i, uint32_t len)
{
	memcpy(f->slot[i].saved, inflight_buffer(f, i), saved_bytes(len));
	atomic_store_32(&f->slot[i].len, len);		/* pairs with the load in inflight_left */
	atomic_store_32(f->current, i + 1);
}

struct layout_meta *
inflight_meta(const struct inflight *f, unsigned i)
{
	return &f->slot[i].meta;
}

void
inflight_decided(struct inflight *f)
{
	atomic_store_32(f->current, 0);
}

void
inflight_done(struct inflight *f, unsigned i)
{
	atomic_store_8(inflight_buffer(f, i), 0);
	atomic_store_32(&f->slot[i].len, 0);		/* after the byte: a buffer with len 0 is either empty or untouched */
	f->slot[i].meta = (struct layout_meta) { 0 };	/* a death before that: inflight_left finds it empty, and does it */
	atomic_store_32(f->current, 0);
}

/* The length that an untouched packet's own header gives, or 0. */
static uint32_t
header_length(const uint8_t *ip, uint32_t size)
{
	uint32_t len = 0;

	if (ip[0] >> 4 == 4)
		len = (uint32_t)ip[2] << 8 | ip[3];
	else if (ip[0] >> 4 == 6)
		len = 40 + ((uint32_t)ip[4] << 8 | ip[5]);
	return len <= size ? len : size;
}

uint32_t
inflight_left(struct inflight *f, unsigned i)
{
	uint8_t *data = inflight_buffer(f, i);
	uint32_t len = atomic_load_32(&f->slot[i].len);

	if (len == 0) {
		len = header_length(data, f->buffer_size);
		if (f->said && i < LAYOUT_BATCH)
			f->slot[i].meta.offload = tunio_said(data);
	} else if (len <= f->buffer_size) {
		memcpy(data, f->slot[i].saved, saved_bytes(len));
	} else {
		len = 0;
	}
	if (len == 0)
		inflight_done(f, i);
	return len;
}
