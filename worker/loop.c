/*
 * loop.c - read a batch, translate, write, count
 *
 * One turn: see whether the supervisor said anything, look at the clock, read up to LAYOUT_BATCH packets, look ahead, translate
 * each, write them, those of a flow as one (gro.h), take what other workers handed over and what has waited long enough, move
 * the clock hand a little.
 * When a turn found nothing to do the worker sleeps in ppoll until a packet, the bell, or the next second. Per packet
 * there is one read and one write, no other system call, no clock call, no lock, no allocation. A turn ends with a
 * small step of the audit, which goes over all shards for ever (scrub.h). A packet is in hand from the read to its
 * verdict; a successor finds it there (inflight.h).
 *
 * A tenant whose sides live in different network namespaces has two devices, one for each family. Then the first half of
 * the buffers is for what is read on the IPv6 side and the second for the IPv4 side: so of a packet that a dead worker
 * has just read it is known, too, where it came from, and a device cannot speak for the other one. What is sent goes to
 * the device of its family. Must never: leave a packet without its verdict counted (law 1); believe another worker's
 * memory.
 */
#include <poll.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/birth/birth.h"
#include "worker/gro.h"
#include "worker/handoff.h"
#include "worker/inflight.h"
#include "worker/loop.h"
#include "worker/scrub.h"
#include "worker/tunio.h"
#include "worker/xlat/import.h"

#define EXPIRE_BUSY 64			/* words of 64 ports or sessions per turn with packets, and without */
#define EXPIRE_IDLE 4096
#define FROM_WORKERS LAYOUT_BATCH	/* buffers: for a packet that was handed over, and for one that was kept */
#define FROM_KEPT (LAYOUT_BATCH + 1)
#define BATCH_FIRST 8			/* packets; doubled until it is LAYOUT_BATCH */
#define FROM_SIDE4 (LAYOUT_BATCH / 2)	/* with two devices, the first buffer of the IPv4 side */
_Static_assert(FROM_SIDE4 % NAT64_AHEAD == 0, "who looks ahead begins with each side");
#define BATCH_BYTES (256 * 1024)	/* a batch ends with so many, that it does not leave the processor's cache */

/* Where a packet came from. */
enum source { QUEUE, HANDOVER, REPLAY, RELEASE };

/* What is to be counted of a packet in hand. */
struct fate {
	enum nat64_side from;
	enum nat64_verdict verdict;
	enum source source;
	uint32_t len, packets;		/* bytes, and for how many packets it stood */
};

struct loop {
	struct nat64 nat64;
	struct handoff handoff;
	struct inflight inflight;
	struct scrub scrub;
	const struct image *image;
	enum image_order order;
	unsigned worker;
	struct layout_worker *line;
	uint32_t buffer_size, generation, now, leaving_at;
	unsigned batch;			/* so many packets are read at once, at most */
	bool apart;			/* there are two devices: each has packets of one family */
	int queue[NAT64_N_SIDES];	/* where a family comes from and goes to; the same one when there is one device */
	bool gone;			/* the device was deleted, or one of them: there is nothing to read, ever */
	bool offload;			/* the device says something of each packet, and wants to be told */
	struct gro gro;			/* what the batch in hand sends */
	struct fate fate[LAYOUT_BUFFERS];
	struct nat64_hint hint[LAYOUT_BATCH];	/* of the batch in hand */
	uint8_t piece[LAYOUT_HEADROOM + 65536];	/* of a packet that is cut */
};

static uint32_t
clock_now(const struct loop *l)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return layout_second(l->nat64.header, (uint64_t)t.tv_sec);
}

/* Count a packet, and the packets that it stood for. */
static void
count(const struct loop *l, const struct fate *f)
{
	static const struct {
		enum counters_id packets, segments;
	} in[] = {
		[QUEUE] = { COUNTER_queue_packets, COUNTER_queue_segments },
		[HANDOVER] = { COUNTER_handover_packets, COUNTER_handover_segments },
		[REPLAY] = { COUNTER_replayed_packets, COUNTER_replayed_segments },
		[RELEASE] = { COUNTER_released_packets, COUNTER_released_segments },
	};
	static const enum counters_id out[NAT64_N_ACTIONS] = {
		[NAT64_TRANSLATE] = COUNTER_translate_segments, [NAT64_DROP] = COUNTER_drop_segments,
		[NAT64_REPLY] = COUNTER_reply_segments, [NAT64_HAND_OVER] = COUNTER_hand_over_segments,
		[NAT64_KEEP] = COUNTER_keep_segments,
	};
	struct counters_row *row = l->nat64.row;

	if (f->source == QUEUE)
		counters_add_owner(&row->counter[f->from == NAT64_FROM_IP6 ? COUNTER_queue_bytes_ip6 :
						 COUNTER_queue_bytes_ip4], f->len);
	counters_add_owner(&row->counter[in[f->source].packets], 1);
	counters_add_owner(&row->counter[in[f->source].segments], f->packets);
	counters_add_owner(&row->verdict[f->from][f->verdict], 1);
	counters_add_owner(&row->counter[out[counters_verdict_info[f->verdict].action]], f->packets);
}

static unsigned from_workers(struct loop *l);
static void send_batch(struct loop *l);

/* Sleep a moment. */
static void
pause_briefly(void)
{
	struct pollfd fds[2] = { { .fd = HERITAGE_QUEUE }, { .fd = HERITAGE_BELL } };
	struct timespec moment = { .tv_nsec = 100000 };

	ppoll(fds, 2, &moment, NULL);
}

/* On which side was a packet read into buffer i, of no matter which family? With one device its family says so. */
static enum nat64_side
side_of(const struct loop *l, unsigned i)
{
	enum nat64_side family = inflight_buffer(&l->inflight, i)[0] >> 4 == 6 ? NAT64_FROM_IP6 : NAT64_FROM_IP4;

	if (!l->apart || i >= LAYOUT_BATCH)
		return family;		/* from another worker, or kept: it was looked at before */
	return i < FROM_SIDE4 ? NAT64_FROM_IP6 : NAT64_FROM_IP4;
}

/* Has a packet from this side the version of the other one? */
static bool
is_astray(enum nat64_side side, uint8_t version)
{
	return version == (side == NAT64_FROM_IP6 ? 4 : 6);
}

/*
 * Give a packet to its owner. When the owner's ring is full, wait for it: our queue keeps what comes meanwhile. While we
 * wait we empty our own rings, so two workers that wait for each other both go on. A packet that itself came through a
 * ring is not waited for: it lies in the buffer that the next one from a ring is taken into.
 */
static bool
hand_over(struct loop *l, const struct nat64_packet *p, unsigned buffer)
{
	unsigned tries = 0;

	while (!handoff_give(&l->handoff, p->to_worker, p->data, p->len, &p->meta)) {
		if (buffer == FROM_WORKERS || !handoff_patience(&l->handoff, p->to_worker, &tries))
			return false;
		send_batch(l);
		handoff_ring(&l->handoff);
		if (from_workers(l) == 0)
			pause_briefly();
		atomic_store_64(&l->line->progress, l->line->progress + 1);
	}
	return true;
}

static bool
draining(const struct loop *l)
{
	return l->order == IMAGE_DRAIN || l->order == IMAGE_EMPTY;
}

/*
 * While workers drain, the supervisor wants to know when no packet is between two of them any more: when each has turned
 * its loop twice without one in hand.
 */
static void
mark_busy(const struct loop *l)
{
	if (draining(l))
		atomic_store_64(&l->line->busy, l->line->progress);
}

/* Write the pieces of a packet that is cut. */
static bool
write_pieces(struct loop *l, const struct nat64_packet *p)
{
	static const struct layout_offload none;
	uint8_t *piece = l->piece + LAYOUT_HEADROOM;
	uint32_t at = 0, len;
	bool fine = true;

	while (fine && (len = nat64_piece(p, &at, piece)) > 0) {
		fine = tunio_write(l->queue[p->to], piece, len, l->offload ? &none : NULL);
		counters_add_owner(&l->nat64.row->counter[COUNTER_written_packets], fine);
	}
	return fine;
}

/* The packet in buffer i has met its fate. */
static void
finish(struct loop *l, unsigned i, bool written)
{
	struct fate *f = &l->fate[i];

	if (!written && f->verdict == NAT64_translated)
		f->verdict = NAT64_write_failed;
	count(l, f);
	inflight_done(&l->inflight, i);
}

/* Send what is collected of the batch in hand. */
static void
send_batch(struct loop *l)
{
	struct gro *g = &l->gro;

	if (g->n == 0)
		return;
	for (unsigned i = 0; i < g->n; i++) {
		const struct gro_packet *q = &g->packet[i];
		unsigned count = q->count;
		bool written;

		if (count == 0)
			continue;
		written = q->p.cut ? write_pieces(l, &q->p) : gro_write(&l->nat64, g, i);
		if (!q->p.cut)
			counters_add_owner(&l->nat64.row->counter[COUNTER_written_packets], written);
		for (; count > 0; count--, q = &g->packet[q->next])
			finish(l, q->number, written);
	}
	gro_clear(g);
	mark_busy(l);
}

/* The fate of the packet of len bytes in buffer i: translate, then hand over, send with the batch, or count. */
static void
packet(struct loop *l, unsigned i, uint32_t len, enum source source)
{
	struct nat64_packet p = {
		.data = inflight_buffer(&l->inflight, i), .len = len, .meta = *inflight_meta(&l->inflight, i),
		.hint = source == QUEUE ? &l->hint[i] : NULL,
	};
	bool verified = p.meta.offload.flags & (LAYOUT_PARTIAL | LAYOUT_VALID);
	struct fate *f = &l->fate[i];

	*f = (struct fate) { .from = side_of(l, i), .source = source, .len = len };
	mark_busy(l);
	inflight_hold(&l->inflight, i, len);
	if (is_astray(f->from, p.data[0] >> 4)) {
		f->verdict = NAT64_wrong_device;
		p.len = 0;
		p.packets = 1;
	} else {
		f->verdict = nat64_translate(&l->nat64, &p, l->now);
	}
	f->packets = p.packets;
	if (f->verdict == NAT64_handed_over) {
		if (!hand_over(l, &p, i))
			f->verdict = NAT64_handover_full;
		finish(l, i, true);
	} else if (p.len > 0) {
		gro_add(&l->gro, &p, (uint8_t)i, verified);
		inflight_decided(&l->inflight);
	} else {
		finish(l, i, true);
	}
	mark_busy(l);
}

/* Have the table's memory on its way here before the first of these packets, which lie in buffers from i on, needs it. */
static void
look_ahead(struct loop *l, unsigned i, const uint32_t *len, unsigned count)
{
	const uint8_t *data[NAT64_AHEAD];

	for (unsigned k = 0; k < count; k++)
		data[k] = inflight_buffer(&l->inflight, i + k);
	nat64_look_ahead(&l->nat64, data, len, &l->hint[i], count);
}

/* A batch from this queue, into the buffers from first to end. */
static unsigned
from_queue(struct loop *l, int queue, unsigned first, unsigned end)
{
	uint32_t len[LAYOUT_BATCH], bytes = 0;
	unsigned n = first;

	for (; n < end && bytes < BATCH_BYTES; bytes += len[n++]) {
		struct layout_offload *said = l->offload ? &inflight_meta(&l->inflight, n)->offload : NULL;

		len[n] = tunio_read(queue, inflight_buffer(&l->inflight, n), l->buffer_size, said);
		if (len[n] == 0)
			break;
	}
	for (unsigned i = first; i < n; i++) {
		if ((i - first) % NAT64_AHEAD == 0)
			look_ahead(l, i, len + i, n - i < NAT64_AHEAD ? n - i : NAT64_AHEAD);
		packet(l, i, len[i], QUEUE);
	}
	send_batch(l);
	return n - first;
}

/* A batch. A worker begins with a small one, as packets wait and first touches are slow; each further one is twice as large. */
static unsigned
from_queues(struct loop *l)
{
	unsigned n, half = l->batch / 2;

	if (!l->apart)
		n = from_queue(l, HERITAGE_QUEUE, 0, l->batch);
	else
		n = from_queue(l, l->queue[NAT64_FROM_IP6], 0, half) +
		    from_queue(l, l->queue[NAT64_FROM_IP4], FROM_SIDE4, FROM_SIDE4 + half);
	if (n > 0 && l->batch < LAYOUT_BATCH)
		l->batch *= 2;
	return n;
}

static unsigned
from_workers(struct loop *l)
{
	struct layout_meta *meta = inflight_meta(&l->inflight, FROM_WORKERS);
	uint8_t *buffer = inflight_buffer(&l->inflight, FROM_WORKERS);
	unsigned n = 0;
	uint32_t len;

	for (unsigned w = 0; w < l->handoff.workers; w++)
		for (unsigned i = 0; i < LAYOUT_BATCH && (len = handoff_take(&l->handoff, w, buffer, meta)) > 0; i++, n++) {
			packet(l, FROM_WORKERS, len, HANDOVER);
			send_batch(l);
		}
	return n;
}

/*
 * Go on with kept packets that are due. Each is in hand before it is no longer kept. Who drains keeps nothing:
 * another table will know nothing of it.
 */
static unsigned
from_kept(struct loop *l)
{
	struct nat64_packet p = { .data = inflight_buffer(&l->inflight, FROM_KEPT) };
	unsigned n = 0;

	for (; n < LAYOUT_BATCH && nat64_due(&l->nat64, &p, draining(l) ? UINT32_MAX : l->now); n++) {
		*inflight_meta(&l->inflight, FROM_KEPT) = p.meta;
		inflight_hold(&l->inflight, FROM_KEPT, p.len);
		nat64_taken(&l->nat64);
		packet(l, FROM_KEPT, p.len, RELEASE);
		send_batch(l);
	}
	return n;
}

/*
 * Go on with what a dead predecessor had in hand. The packet that crashed it, if one did, has met its fate already:
 * the supervisor has kept it as evidence. The last two buffers come first, for who waits for another worker needs one
 * of them empty.
 */
static void
from_predecessor(struct loop *l)
{
	bool crashed = atomic_load_32(&l->image->order[l->worker]) & IMAGE_CRASHED;
	uint32_t poison = crashed ? atomic_load_32(&l->line->current) : 0;

	l->now = clock_now(l);
	for (unsigned n = 0; n < LAYOUT_BUFFERS; n++) {
		unsigned i = (n + LAYOUT_BATCH) % LAYOUT_BUFFERS;
		uint32_t len = inflight_left(&l->inflight, i);

		if (len > 0 && i + 1 == poison) {
			l->fate[i] = (struct fate) {
				.from = side_of(l, i), .verdict = NAT64_poison, .source = REPLAY, .len = len, .packets = 1,
			};
			finish(l, i, true);
		} else if (len > 0) {
			packet(l, i, len, REPLAY);
			send_batch(l);
		}
	}
	handoff_ring(&l->handoff);
}

static void
take_configuration(struct loop *l)
{
	uint32_t generation;
	const struct image_slot *slot = image_current(l->image, &generation);

	if (generation == l->generation)
		return;
	nat64_configure(&l->nat64, &slot->config);
	l->generation = generation;
	atomic_store_32(&l->line->generation, generation);
}

static void
take_order(struct loop *l)
{
	l->order = atomic_load_32(&l->image->order[l->worker]) & ~IMAGE_CRASHED;
	if (atomic_load_32(&l->line->draining) != draining(l))
		atomic_store_32(&l->line->draining, draining(l));
}

static void
wait_for_work(struct loop *l)
{
	struct pollfd fds[3] = {
		{ .fd = HERITAGE_QUEUE, .events = POLLIN }, { .fd = HERITAGE_BELL, .events = POLLIN },
		{ .fd = HERITAGE_QUEUE4, .events = POLLIN },		/* only looked at when there are two devices */
	};
	struct timespec patience = { .tv_sec = 1 };
	uint64_t rings;

	if (l->order == IMAGE_DRAIN || l->order == IMAGE_WAIT)
		fds[0].fd = fds[2].fd = -1;
	if (l->order != IMAGE_WORK)
		patience = (struct timespec) { .tv_nsec = 200000 };	/* somebody waits for us to be done */
	if (handoff_sleep(&l->handoff) && ppoll(fds, l->apart ? 3 : 2, &patience, NULL) > 0) {
		if (fds[1].revents && read(HERITAGE_BELL, &rings, sizeof(rings)) < 0)
			rings = 0;	/* somebody else's fault; the bell has nothing to say */
		l->gone = (fds[0].revents | fds[2].revents) & (POLLERR | POLLHUP | POLLNVAL);
	}
	handoff_awake(&l->handoff);
}

/* Move the clock hand, and send what it asks to be sent. Returns true while there is more to do in this second. */
static bool
expire(struct loop *l, unsigned budget)
{
	static const struct layout_offload none;
	uint8_t room[LAYOUT_HEADROOM + NAT64_PROBE_SIZE];
	struct nat64_packet probe = { .data = room + LAYOUT_HEADROOM };
	bool more = nat64_expire(&l->nat64, l->now, budget, &probe);

	if (probe.len > 0 && tunio_write(l->queue[NAT64_FROM_IP6], probe.data, probe.len, l->offload ? &none : NULL))
		counters_add_owner(&l->nat64.row->counter[COUNTER_written_packets], 1);
	return more;
}

static void
turn(struct loop *l)
{
	bool lap, scrubs;
	unsigned n;

	atomic_store_64(&l->line->progress, l->line->progress + 1);
	take_order(l);
	if (l->order == IMAGE_STOP)
		return;			/* not one packet more: who has drained leaves nothing between workers */
	take_configuration(l);
	l->now = clock_now(l);
	n = l->order == IMAGE_DRAIN ? 0 : from_queues(l);
	n += from_workers(l);
	n += from_kept(l);
	handoff_ring(&l->handoff);
	lap = expire(l, n ? EXPIRE_BUSY : EXPIRE_IDLE);
	if (l->now != l->leaving_at) {
		l->leaving_at = l->now;
		atomic_store_32(&l->line->leaving, nat64_leaving(&l->nat64));
	}
	scrubs = scrub_turn(&l->scrub, atomic_load_32(&l->image->audit), l->now);
	if (n)
		counters_add_owner(&l->nat64.row->counter[COUNTER_batches], 1);
	else if (!lap && !scrubs)
		wait_for_work(l);
}

/* Bring over what an old region has for our shards. Returns NULL or what is wrong. */
static const char *
inherit(struct loop *l, const struct heritage_maps *maps)
{
	if (maps->old.base && !atomic_load_32(&l->line->ready))
		nat64_import(&l->nat64, &maps->old, maps->old_lasting, clock_now(l));
	for (unsigned s = 0; s < l->nat64.layout.g.shards; s++)
		if (atomic_load_8(&l->nat64.owners->worker[s]) == l->worker &&
		    !atomic_load_32(&l->nat64.shard[s].head->complete))
			return "a shard is empty, and there is nothing to fill it from";
	nat64_adopt(&l->nat64, clock_now(l));
	atomic_store_32(&l->line->ready, 1);
	return NULL;
}

const char *
loop_run(struct heritage_maps *maps, unsigned w, uint32_t missing)
{
	static struct loop l;
	const char *wrong;

	l = (struct loop) {
		.image = maps->image,
		.worker = w,
		.line = (struct layout_worker *)layout_at(maps->region, maps->layout.workers) + w,
		.buffer_size = maps->layout.buffer_size,
		.batch = BATCH_FIRST,
		.offload = maps->offload != STATUS_offload_off,
		.apart = maps->legs == 2,
		.queue = { HERITAGE_QUEUE, maps->legs == 2 ? HERITAGE_QUEUE4 : HERITAGE_QUEUE },
	};
	if (maps->offload >= STATUS_N_OFFLOADS)
		return "no such offload";
	wrong = nat64_attach(&l.nat64, maps->region, &maps->layout, w);
	if (wrong)
		return wrong;
	handoff_open(&l.handoff, maps->region, &maps->layout, w);
	inflight_open(&l.inflight, maps->region, &maps->layout, w, l.offload);
	gro_open(&l.gro, maps->offload, l.queue);
	scrub_open(&l.scrub, &l.nat64, &l.line->audit);
	atomic_store_32(&l.line->missing, missing);
	take_order(&l);
	take_configuration(&l);
	wrong = inherit(&l, maps);
	if (wrong)
		return wrong;
	for (; l.order == IMAGE_WAIT; take_order(&l))
		wait_for_work(&l);
	from_predecessor(&l);
	while (!l.gone && l.order != IMAGE_STOP)
		turn(&l);
	return l.gone ? "the device is gone" : NULL;
}
