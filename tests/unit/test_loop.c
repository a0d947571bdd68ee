// links: worker/loop.o worker/gro.o worker/handoff.o worker/inflight.o worker/scrub.o worker/tunio.o
/*
 * test_loop.c - a successor that must wait loses nothing, what was kept goes on, and a worker whose device was deleted leaves
 *
 * The queue is a socket pair: what the worker writes can be read at its other end.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tests/unit/unit.h"
#include "supervisor/birth/heritage.h"
#include "tests/world.h"
#include "worker/inflight.h"
#include "worker/loop.h"
#include "worker/xlat/policy.h"
#include "shm/ring.h"
#include "shm/session.h"
#include "shm/tcpname.h"

#define LEN 56				/* IPv6, UDP, eight bytes */

static const struct layout_meta none;
static struct world w;
static struct image *image;
static struct heritage_maps maps;
static struct inflight hand;
static int kernel;			/* the other end of the queue */
static int kernel4;			/* and of that of the IPv4 side, where there are two devices */

static void
place(int fd, int number)
{
	assert_true(fd >= 0);
	assert_int_equal(dup2(fd, number), number);
}

static int
open_worker(void **state)
{
	int queue[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, queue), 0);
	kernel = fcntl(queue[1], F_DUPFD, 100);
	place(fcntl(queue[0], F_DUPFD, 100), HERITAGE_QUEUE);
	for (int fd = 100; fd < 110; fd++)
		if (fd != kernel)
			close(fd);
	for (int fd = 5; fd < HERITAGE_BELLS; fd++)
		close(fd);
	place(eventfd(0, EFD_NONBLOCK), HERITAGE_BELL);
	for (int i = 0; i < 2; i++)
		place(HERITAGE_BELL, HERITAGE_BELLS + i);

	w.config = world_config();
	w.config.workers = 2;
	w.config.max_sessions = 4096;
	world_open(&w);
	image = calloc(1, sizeof(*image));
	assert_non_null(image);
	image->generation = 1;
	image->slot[1].config = w.config;
	maps = (struct heritage_maps) { .region = w.region, .image = image, .layout = w.layout };
	inflight_open(&hand, w.region, &w.layout, 0, false);
	return 0;
}

/* The same with a device on each side. */
static int
open_apart(void **state)
{
	int queue[2];

	if (open_worker(state) != 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, queue) != 0)
		return -1;
	kernel4 = fcntl(queue[1], F_DUPFD, 100);
	if (queue[0] != HERITAGE_QUEUE4)
		place(queue[0], HERITAGE_QUEUE4);
	if (queue[1] != HERITAGE_QUEUE4)
		close(queue[1]);
	maps.legs = 2;
	return 0;
}

static int
close_worker(void **state)
{
	(void)state;
	close(kernel);
	close(HERITAGE_QUEUE);
	free(image);
	world_close(&w);
	return 0;
}

static int
close_apart(void **state)
{
	close(kernel4);
	close(HERITAGE_QUEUE4);
	return close_worker(state);
}

/* A datagram to this port from a host whose shard this worker owns. */
static void
datagram(uint8_t *packet, unsigned worker, uint16_t port)
{
	const struct layout_owners *owners = layout_at(w.region, w.layout.owners);
	struct ip6 host = world_ip6("2001:db8::1"), remote = world_ip6("64:ff9b::203.0.113.5");

	while (owners->worker[policy_shard(&w.worker[0], &host)] != worker)
		host.b[5]++;
	memset(packet, 0, LEN);
	packet[0] = 0x60;
	packet[5] = LEN - 40;
	packet[6] = 17;
	packet[7] = 64;
	memcpy(packet + 8, host.b, 16);
	memcpy(packet + 24, remote.b, 16);
	packet[40] = packet[41] = 0x20;
	packet[42] = (uint8_t)(port >> 8);
	packet[43] = (uint8_t)port;
	packet[45] = LEN - 40;
	packet[46] = 0x12;
}

/* Did the worker send a datagram to this port, as its next one? */
static void
assert_sent_to(int device, uint16_t port)
{
	uint8_t packet[100];

	assert_int_equal(recv(device, packet, sizeof(packet), MSG_DONTWAIT), LEN - 20);
	assert_int_equal(packet[0], 0x45);
	assert_int_equal(packet[22] << 8 | packet[23], port);
}

static void
assert_sent(uint16_t port)
{
	assert_sent_to(kernel, port);
}

/*
 * The dead one had two packets in hand: one for worker 1, whose ring is full, and one that had come through a ring.
 * While the successor waits for worker 1, another packet comes through that ring.
 */
static void
who_waits_loses_nothing(void **state)
{
	struct counters_row *row = layout_at(w.region, w.layout.counters);
	uint8_t packet[LEN];
	struct ring ring;

	(void)state;
	datagram(packet, 1, 1000);
	ring_open_producer(&ring, layout_at(w.region, layout_ring(&w.layout, 0, 1)), &w.layout);
	while (ring_put(&ring, packet, LEN, &none))
		;
	memcpy(inflight_buffer(&hand, 0), packet, LEN);
	inflight_hold(&hand, 0, LEN);
	datagram(packet, 0, 1001);
	memcpy(inflight_buffer(&hand, LAYOUT_BATCH), packet, LEN);
	inflight_hold(&hand, LAYOUT_BATCH, LEN);
	datagram(packet, 0, 1002);
	ring_open_producer(&ring, layout_at(w.region, layout_ring(&w.layout, 1, 0)), &w.layout);
	assert_true(ring_put(&ring, packet, LEN, &none));

	image->order[0] = IMAGE_STOP;
	assert_null(loop_run(&maps, 0, 0));
	assert_sent(1001);
	assert_sent(1002);
	assert_int_equal(row->counter[COUNTER_replayed_packets], 2);
	assert_int_equal(row->counter[COUNTER_handover_packets], 1);
	assert_int_equal(row->verdict[NAT64_FROM_IP6][NAT64_translated], 2);
	assert_int_equal(row->verdict[NAT64_FROM_IP6][NAT64_handover_full], 1);
}

/* Make a datagram one of two fragments: the first with all of the header, or the last with eight bytes more. */
static void
make_fragment(uint8_t *packet, bool first)
{
	memmove(packet + 48, packet + 40, LEN - 40);
	packet[5] = LEN + 8 - 40;
	packet[6] = 44;
	memset(packet + 40, 0, 8);
	packet[40] = 17;
	packet[43] = first ? 1 : 16;
	packet[47] = 9;
}

/* Stop the worker when so many packets came out, or after five seconds. */
static void *
stop_after(void *packets)
{
	struct pollfd fd = { .fd = kernel, .events = POLLIN };
	uint8_t packet[100];
	unsigned n = 0;

	while (n < *(unsigned *)packets && poll(&fd, 1, 5000) > 0)
		n += recv(kernel, packet, sizeof(packet), 0) > 0;
	*(unsigned *)packets = n;
	usleep(100000);
	atomic_store_32(&image->order[0], IMAGE_STOP);
	return NULL;
}

/* Forty packets wait for who has just begun: the first of them do not wait until all have been read. */
static void
begins_with_few(void **state)
{
	struct counters_row *row = layout_at(w.region, w.layout.counters);
	uint8_t packet[LEN];
	unsigned packets = 40;
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < packets; i++) {
		datagram(packet, 0, (uint16_t)(1000 + i % 10));
		assert_int_equal(send(kernel, packet, LEN, 0), LEN);
	}
	assert_int_equal(pthread_create(&thread, NULL, stop_after, &packets), 0);
	assert_null(loop_run(&maps, 0, 0));
	pthread_join(thread, NULL);
	assert_int_equal(packets, 40);
	assert_int_equal(row->counter[COUNTER_queue_packets], 40);
	assert_int_equal(row->counter[COUNTER_batches], 3);	/* 8, 16 and the rest */
}

/* A predecessor kept the last fragment; the first one comes to the successor, and both go out. */
static void
kept_goes_on(void **state)
{
	struct counters_row *row = layout_at(w.region, w.layout.counters);
	uint8_t packet[LAYOUT_HEADROOM + LEN + 8];
	struct nat64_packet p = { .data = packet + LAYOUT_HEADROOM, .len = LEN + 8 };
	unsigned packets = 2;
	pthread_t thread;

	(void)state;
	datagram(p.data, 0, 1000);
	make_fragment(p.data, false);
	assert_int_equal(nat64_translate(&w.worker[0], &p, w.now), NAT64_kept);
	w.worker[0].kept.line[0].until = UINT32_MAX;	/* the world's clock is not the loop's */
	datagram(packet, 0, 1000);
	make_fragment(packet, true);
	assert_int_equal(send(kernel, packet, LEN + 8, 0), LEN + 8);
	for (unsigned i = 0; i < w.layout.kin_buckets; i++)
		for (unsigned way = 0; way < KIN_WAYS; way++)
			w.worker[0].kin[i].way[way].until = UINT32_MAX;
	assert_int_equal(pthread_create(&thread, NULL, stop_after, &packets), 0);
	assert_null(loop_run(&maps, 0, 0));
	pthread_join(thread, NULL);
	assert_int_equal(packets, 2);
	assert_int_equal(row->counter[COUNTER_queue_packets], 1);
	assert_int_equal(row->counter[COUNTER_released_packets], 1);
	assert_int_equal(row->verdict[NAT64_FROM_IP6][NAT64_translated], 2);
}

/* Who drains lets go what it keeps, each with its verdict. */
static void
drained_keeps_nothing(void **state)
{
	struct counters_row *row = layout_at(w.region, w.layout.counters);
	uint8_t packet[LAYOUT_HEADROOM + LEN + 8];
	struct nat64_packet p = { .data = packet + LAYOUT_HEADROOM };
	unsigned packets = 0;
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		datagram(p.data, 0, 1000);
		make_fragment(p.data, false);
		p.len = LEN + 8;
		assert_int_equal(nat64_translate(&w.worker[0], &p, w.now), NAT64_kept);
		w.worker[0].kept.line[i].until = UINT32_MAX - 1;
		p.data = packet + LAYOUT_HEADROOM;
	}
	image->order[0] = IMAGE_DRAIN;
	assert_int_equal(pthread_create(&thread, NULL, stop_after, &packets), 0);
	assert_null(loop_run(&maps, 0, 0));
	pthread_join(thread, NULL);
	assert_int_equal(row->counter[COUNTER_released_packets], 100);
	assert_int_equal(row->verdict[NAT64_FROM_IP6][NAT64_fragment_timeout], 100);
	kept_open(&w.worker[0].kept, w.region, &w.layout, 0);
	assert_int_equal(kept_due(&w.worker[0].kept, UINT32_MAX - 2), KEPT_NONE);
}

static void
leave(int number)
{
	(void)number;
	image->order[0] = IMAGE_STOP;
}

/* When all ten have been asked and have been given some time to be asked again, or never will be. */
static void
leave_after_ten(int number)
{
	const struct counters_row *row = layout_at(w.region, w.layout.counters);
	static unsigned calls;

	(void)number;
	signal(SIGALRM, row->counter[COUNTER_tcp_probes] >= 10 || ++calls == 50 ? leave : leave_after_ten);
	ualarm(300000, 0);
}

static void
silent(struct session_place at)
{
	*at.tcp = TCP_established;
	*at.expires = 2;
}

/* Established sessions that were silent for their time: their hosts are asked, all of them, and every probe is a written packet. */
static void
asks_who_is_silent(void **state)
{
	struct counters_row *row = layout_at(w.region, w.layout.counters);
	struct nat64_packet packet;
	uint8_t room[LAYOUT_HEADROOM + 100], answer[100];

	(void)state;
	w.now = 1;
	for (unsigned port = 1000; port < 1010; port++) {
		packet = (struct nat64_packet) { .data = room + LAYOUT_HEADROOM, .len = 60 };
		datagram(packet.data, 0, (uint16_t)port);
		memset(packet.data + 44, 0, 16);
		packet.data[5] = 20;
		packet.data[6] = 6;
		packet.data[52] = 0x50;
		packet.data[53] = 0x02;
		assert_int_equal(nat64_translate(&w.worker[0], &packet, w.now), NAT64_translated);
	}
	for (unsigned i = 0; i < w.layout.g.shards; i++) {
		struct shard *s = &w.worker[0].shard[i];

		for (uint32_t slot = 0; slot < w.layout.slots; slot++)
			if (record_live(s, slot))
				silent(session_place(s, slot, SESSION_INLINE));
		for (uint32_t n = 0; n < w.layout.g.shard_sessions; n++)
			if (s->sessions[n].key)
				silent(session_place(s, 0, n));
	}
	signal(SIGALRM, leave_after_ten);	/* who has just begun does not look at time-outs in its first second */
	ualarm(300000, 0);
	assert_null(loop_run(&maps, 0, 0));
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(recv(kernel, answer, sizeof(answer), MSG_DONTWAIT), 60);
		assert_true(answer[0] == 0x60 && answer[6] == 6 && answer[53] == 0x10);
	}
	assert_true(recv(kernel, answer, sizeof(answer), MSG_DONTWAIT) < 0);
	assert_int_equal(row->counter[COUNTER_tcp_probes], 10);
	assert_int_equal(row->counter[COUNTER_written_packets], 10);
	signal(SIGALRM, SIG_DFL);
}

static void
assert_silent(int device)
{
	uint8_t packet[100];

	assert_true(recv(device, packet, sizeof(packet), MSG_DONTWAIT) < 0);
}

/* An answer from the IPv4 side to what assert_sent_to() would have seen. */
static void
answer_to(uint8_t *packet)
{
	uint8_t end[4];

	memcpy(end, packet + 12, 4);
	memcpy(packet + 12, packet + 16, 4);
	memcpy(packet + 16, end, 4);
	memcpy(end, packet + 20, 2);
	memcpy(packet + 20, packet + 22, 2);
	memcpy(packet + 22, end, 2);
}

/* Two devices: out by the one, back by the other; and what has come by the wrong one is dropped by name. */
static void
each_family_has_its_device(void **state)
{
	struct counters_row *row = layout_at(w.region, w.layout.counters);
	uint8_t packet[100], out[100];

	(void)state;
	datagram(packet, 0, 1000);
	assert_int_equal(send(kernel, packet, LEN, 0), LEN);
	assert_int_equal(send(kernel4, packet, LEN, 0), LEN);		/* IPv6 from the IPv4 side */
	signal(SIGALRM, leave);
	ualarm(300000, 0);
	assert_null(loop_run(&maps, 0, 0));
	assert_silent(kernel);
	assert_int_equal(recv(kernel4, out, sizeof(out), MSG_DONTWAIT), LEN - 20);
	assert_silent(kernel4);
	assert_int_equal(row->verdict[NAT64_FROM_IP6][NAT64_translated], 1);
	assert_int_equal(row->verdict[NAT64_FROM_IP4][NAT64_wrong_device], 1);

	answer_to(out);
	assert_int_equal(send(kernel, out, LEN - 20, 0), LEN - 20);	/* IPv4 from the IPv6 side */
	assert_int_equal(send(kernel4, out, LEN - 20, 0), LEN - 20);
	image->order[0] = IMAGE_WORK;
	ualarm(300000, 0);
	assert_null(loop_run(&maps, 0, 0));
	assert_int_equal(recv(kernel, out, sizeof(out), MSG_DONTWAIT), LEN);
	assert_int_equal(out[0], 0x60);
	assert_silent(kernel);
	assert_silent(kernel4);
	assert_int_equal(row->verdict[NAT64_FROM_IP4][NAT64_translated], 1);
	assert_int_equal(row->verdict[NAT64_FROM_IP6][NAT64_wrong_device], 1);
	assert_int_equal(row->counter[COUNTER_queue_packets], 4);
	assert_int_equal(row->counter[COUNTER_queue_segments], 4);
	assert_int_equal(row->counter[COUNTER_drop_segments], 2);
	signal(SIGALRM, SIG_DFL);
}

/* What a dead worker had read, or in hand: its buffer says by which device it came. What came from a worker is good. */
static void
a_successor_knows_the_device(void **state)
{
	const unsigned place[] = { 0, LAYOUT_BATCH / 2 - 1, LAYOUT_BATCH / 2, LAYOUT_BATCH - 1, LAYOUT_BATCH };
	struct counters_row *row = layout_at(w.region, w.layout.counters);
	uint8_t packet[LEN];

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		datagram(packet, 0, (uint16_t)(1000 + i));
		memcpy(inflight_buffer(&hand, place[i]), packet, LEN);
		if (i % 2)
			inflight_hold(&hand, place[i], LEN);
	}
	image->order[0] = IMAGE_STOP;
	assert_null(loop_run(&maps, 0, 0));
	assert_sent_to(kernel4, 1004);		/* the last two buffers come first */
	assert_sent_to(kernel4, 1000);
	assert_sent_to(kernel4, 1001);
	assert_silent(kernel4);
	assert_silent(kernel);
	assert_int_equal(row->verdict[NAT64_FROM_IP6][NAT64_translated], 3);
	assert_int_equal(row->verdict[NAT64_FROM_IP4][NAT64_wrong_device], 2);
}

/* An error goes back to where the packet came from, and so does what two IPv6 hosts say to each other. */
static void
replies_go_back(void **state)
{
	uint8_t packet[100], out[200];

	(void)state;
	datagram(packet, 0, 1000);
	packet[7] = 1;			/* hop limit */
	assert_int_equal(send(kernel, packet, LEN, 0), LEN);
	datagram(packet, 0, 1001);
	memcpy(packet + 36, "\xc0\0\2\1", 4);	/* of the pool: nobody there */
	assert_int_equal(send(kernel, packet, LEN, 0), LEN);
	signal(SIGALRM, leave);
	ualarm(300000, 0);
	assert_null(loop_run(&maps, 0, 0));
	assert_int_equal(recv(kernel, out, sizeof(out), MSG_DONTWAIT), 40 + 8 + LEN);
	assert_int_equal(out[40], 3);
	assert_silent(kernel);
	assert_silent(kernel4);
	signal(SIGALRM, SIG_DFL);
}

/* Either device gone is the device gone. */
static void
leaves_without_either(void **state)
{
	(void)state;
	close(kernel4);
	alarm(10);			/* or it would never leave */
	assert_non_null(loop_run(&maps, 0, 0));
	alarm(0);
}

static void
leaves_without_a_device(void **state)
{
	(void)state;
	close(kernel);
	alarm(10);			/* or it would never leave */
	assert_non_null(loop_run(&maps, 0, 0));
	alarm(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_waits_loses_nothing, open_worker, close_worker),
		cmocka_unit_test_setup_teardown(asks_who_is_silent, open_worker, close_worker),
		cmocka_unit_test_setup_teardown(begins_with_few, open_worker, close_worker),
		cmocka_unit_test_setup_teardown(kept_goes_on, open_worker, close_worker),
		cmocka_unit_test_setup_teardown(drained_keeps_nothing, open_worker, close_worker),
		cmocka_unit_test_setup_teardown(leaves_without_a_device, open_worker, close_worker),
		cmocka_unit_test_setup_teardown(each_family_has_its_device, open_apart, close_apart),
		cmocka_unit_test_setup_teardown(a_successor_knows_the_device, open_apart, close_apart),
		cmocka_unit_test_setup_teardown(replies_go_back, open_apart, close_apart),
		cmocka_unit_test_setup_teardown(leaves_without_either, open_apart, close_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
