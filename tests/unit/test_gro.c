// links: worker/gro.o worker/tunio.o
/*
 * test_gro.c - what a batch sends is, once the device has divided it, what was put in, flow by flow and in order
 *
 * The device is the other end of a socket pair, and divides as the kernel does. Batches are random: few flows of both families,
 * in order or with gaps, equal sizes or not, all kinds of flags, checksums right, wrong or left to do.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include "supervisor/birth/heritage.h"
#include "tests/unit/unit.h"
#include "tests/world.h"
#include "worker/gro.h"
#include "worker/tunio.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/pkt.h"

#define SIZE 1600
#define FLOWS 5

static struct world w;
static struct gro gro;
static uint8_t room[LAYOUT_BATCH][LAYOUT_HEADROOM + SIZE];
static uint32_t length[LAYOUT_BATCH];
static int device;
static uint64_t state_of_chance;

static uint32_t
chance(uint32_t n)
{
	state_of_chance = state_of_chance * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(state_of_chance >> 33) % n;
}

static uint32_t
get16(const uint8_t *b)
{
	return (uint32_t)b[0] << 8 | b[1];
}

static void
put16(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static void
put32(uint8_t *b, uint32_t v)
{
	put16(b, v >> 16);
	put16(b + 2, v);
}

static uint32_t
l4_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 6 ? 40 : 20;
}

static bool
is_udp(const uint8_t *ip)
{
	return (ip[0] >> 4 == 6 ? ip[6] : ip[9]) == PKT_PROTO_UDP;
}

static uint64_t
pseudo(const uint8_t *ip, uint32_t len)
{
	uint64_t sum = ip[0] >> 4 == 6 ? csum_add(0, ip + 8, 32) : csum_add(0, ip + 12, 8);

	return sum + csum_word(len) + csum_word(is_udp(ip) ? PKT_PROTO_UDP : PKT_PROTO_TCP);
}

static void
sum_up(uint8_t *ip, uint32_t len)
{
	uint8_t *l4 = ip + l4_of(ip), *check = l4 + (is_udp(ip) ? 6 : 16);

	if (ip[0] >> 4 == 4) {
		put16(ip + 10, 0);
		csum_store(ip + 10, csum_add(0, ip, 20));
	}
	put16(check, 0);
	csum_store(check, csum_add(pseudo(ip, len - l4_of(ip)), l4, len - l4_of(ip)));
	if (is_udp(ip) && get16(check) == 0)
		put16(check, 0xffff);
}

static const int queues[NAT64_N_SIDES] = { HERITAGE_QUEUE, HERITAGE_QUEUE };

static int
open_device(void **state)
{
	int queue[2], room_for_all = 212992;	/* what a socket has anyway is doubled when it is asked for */

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, queue), 0);
	assert_int_equal(setsockopt(queue[0], SOL_SOCKET, SO_SNDBUF, &room_for_all, sizeof(room_for_all)), 0);
	device = fcntl(queue[1], F_DUPFD, 100);
	close(queue[1]);
	if (queue[0] != HERITAGE_QUEUE) {
		assert_int_equal(dup2(queue[0], HERITAGE_QUEUE), HERITAGE_QUEUE);
		close(queue[0]);
	}
	w.config = world_config();
	world_open(&w);
	return 0;
}

static int
close_device(void **state)
{
	(void)state;
	close(device);
	close(HERITAGE_QUEUE);
	world_close(&w);
	return 0;
}

/* A packet of a flow; of TCP from byte `seq` on. */
static uint32_t
make(uint8_t *ip, uint32_t flow, uint32_t seq, uint32_t payload, uint8_t flags, uint32_t options)
{
	bool six = flow & 1, udp = flow & 2;
	uint32_t header = udp ? 8 : 20 + options, len;
	uint8_t *l4;

	memset(ip, 0, SIZE);
	if (six) {
		ip[0] = 0x60;
		put16(ip + 4, header + payload);
		ip[6] = udp ? PKT_PROTO_UDP : PKT_PROTO_TCP;
		ip[7] = 63;
		memcpy(ip + 8, world_ip6("64:ff9b::9.9.9.9").b, 16);
		memcpy(ip + 24, world_ip6("2001:db8::1").b, 16);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, 20 + header + payload);
		put16(ip + 4, 1 + chance(60000));
		ip[8] = 63;
		ip[9] = udp ? PKT_PROTO_UDP : PKT_PROTO_TCP;
		put32(ip + 12, world_ip4("192.0.2.1"));
		put32(ip + 16, world_ip4("9.9.9.9"));
	}
	len = l4_of(ip) + header + payload;
	l4 = ip + l4_of(ip);
	put16(l4, 1000 + flow);
	put16(l4 + 2, 53);
	if (udp) {
		put16(l4 + 4, 8 + payload);
	} else {
		put32(l4 + 4, seq);
		put32(l4 + 8, 77);
		l4[12] = (uint8_t)(header / 4 << 4);
		l4[13] = flags;
		put16(l4 + 14, 500);
		memset(l4 + 20, 1, options);
	}
	for (uint32_t i = 0; i < payload; i++)
		l4[header + i] = (uint8_t)(seq + i);
	sum_up(ip, len);
	return len;
}

/* What must be the same of a packet that went in and one that came out of the device: all but an IPv4 identification. */
static void
assert_same(const uint8_t *in, uint32_t len, const uint8_t *out, uint32_t out_len)
{
	uint8_t copy[SIZE];

	assert_int_equal(len, out_len);
	memcpy(copy, out, len);
	if (in[0] >> 4 == 4) {
		assert_int_equal(csum_fold(csum_add(0, copy, 20)), 0xffff);
		memcpy(copy + 4, in + 4, 2);
		memcpy(copy + 10, in + 10, 2);
	}
	assert_memory_equal(in, copy, len);
}

/* The next packet of each flow that has not been seen; which flow a packet is of its port says. */
static unsigned at[FLOWS], seen;

static void
arrives(const uint8_t *ip, uint32_t len)
{
	uint32_t flow = get16(ip + l4_of(ip)) - 1000;

	assert_true(flow < FLOWS);
	while (get16(room[at[flow]] + LAYOUT_HEADROOM + l4_of(room[at[flow]] + LAYOUT_HEADROOM)) != 1000 + flow)
		at[flow]++;
	assert_true(at[flow] < gro.n);
	assert_same(room[at[flow]] + LAYOUT_HEADROOM, length[at[flow]], ip, len);
	at[flow]++;
	seen++;
}

/* Divide it as the kernel does: net/ipv4/tcp_offload.c and udp_offload.c say what changes from one to the next. */
static void
divide(const uint8_t *ip, uint32_t len, const struct layout_offload *o)
{
	uint32_t payload = len - o->header, l4 = l4_of(ip), size, n = 0;
	uint8_t one[SIZE];

	assert_true(o->type && payload > o->segment && o->start == l4);
	assert_int_equal(o->header, l4 + (is_udp(ip) ? 8 : (ip[l4 + 12] >> 4) * 4));
	for (uint32_t from = 0; from < payload; from += o->segment, n++) {
		size = payload - from < o->segment ? payload - from : o->segment;
		memcpy(one, ip, o->header);
		memcpy(one + o->header, ip + o->header + from, size);
		if (ip[0] >> 4 == 6)
			put16(one + 4, o->header - 40 + size);
		else
			put16(one + 2, o->header + size);
		if (is_udp(ip)) {
			put16(one + l4 + 4, 8 + size);
		} else {
			put32(one + l4 + 4, (get16(ip + l4 + 4) << 16 | get16(ip + l4 + 6)) + from);
			if (from + size < payload)
				one[l4 + 13] &= (uint8_t)~0x09;
		}
		sum_up(one, o->header + size);
		arrives(one, o->header + size);
	}
}

static unsigned
deliver(void)
{
	static uint8_t got[TUNIO_HEADER + 65600];
	unsigned writes = 0;
	ssize_t n;

	while ((n = recv(device, got, sizeof(got), MSG_DONTWAIT)) > 0) {
		uint8_t *ip = got + TUNIO_HEADER;
		uint32_t len = (uint32_t)n - TUNIO_HEADER;
		struct layout_offload o = tunio_said(ip);

		writes++;
		if (o.flags & LAYOUT_PARTIAL) {
			uint16_t sum = csum_fold(pseudo(ip, len - l4_of(ip)));

			assert_memory_equal(ip + o.start + o.check, &sum, 2);
			if (ip[0] >> 4 == 4)
				assert_int_equal(csum_fold(csum_add(0, ip, 20)), 0xffff);
		}
		if (o.type) {
			divide(ip, len, &o);
		} else {
			if (o.flags & LAYOUT_PARTIAL)
				sum_up(ip, len);
			arrives(ip, len);
		}
	}
	return writes;
}

/* Collect, write, deliver. Returns how often something was written. */
static unsigned
send_all(unsigned n, const bool *known)
{
	static uint8_t copy[LAYOUT_BATCH][SIZE];

	for (unsigned i = 0; i < n; i++) {
		struct nat64_packet p = { .data = room[i] + LAYOUT_HEADROOM, .len = length[i] };

		memcpy(copy[i], p.data, SIZE);
		gro_add(&gro, &p, (uint8_t)i, known[i]);
	}
	memset(at, 0, sizeof(at));
	seen = 0;
	for (unsigned i = 0; i < n; i++)
		if (gro.packet[i].count)
			assert_true(gro_write(&w.worker[0], &gro, i));
	for (unsigned i = 0; i < n; i++)
		memcpy(room[i] + LAYOUT_HEADROOM, copy[i], SIZE);
	n = deliver();
	assert_int_equal(seen, gro.n);
	gro_clear(&gro);
	return n;
}

static void
random_batches(void **state)
{
	bool known[LAYOUT_BATCH];
	unsigned packets = 0, writes = 0;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		uint32_t seq[FLOWS] = { 0 }, size[FLOWS], n = 1 + chance(LAYOUT_BATCH), options = chance(2) * 12;

		gro_open(&gro, chance(4) ? STATUS_offload_tso_uso : STATUS_offload_tso, queues);
		for (unsigned f = 0; f < FLOWS; f++) {
			size[f] = 1 + chance(1400);
			seq[f] = chance(2) ? 0 : UINT32_MAX - chance(9000);
		}
		for (unsigned i = 0; i < n; i++) {
			uint32_t f = chance(FLOWS), payload = chance(10) ? size[f] : chance(1460);
			uint8_t flags = chance(12) ? PKT_ACK : (uint8_t)(PKT_ACK | chance(256)), *ip = room[i] + LAYOUT_HEADROOM;

			length[i] = make(ip, f, seq[f], payload, flags, options);
			known[i] = chance(3) == 0;
			if (chance(15) == 0) {			/* something of its header is other */
				ip[ip[0] >> 4 == 6 ? 7 : 8] = 5;
				sum_up(ip, length[i]);
			} else if (chance(20) == 0) {		/* damaged on its way */
				ip[l4_of(ip) + 7] ^= 1;
				known[i] = false;
			}
			seq[f] += chance(12) ? payload : payload + 1;
		}
		packets += n;
		writes += send_all(n, known);
	}
	print_message("%u packets in %u writes\n", packets, writes);
	assert_true(writes < packets);
}

/* A batch of equal datagrams of one flow, of small segments of another: two writes. */
static void
two_flows(void **state)
{
	bool known[LAYOUT_BATCH] = { false };

	(void)state;
	gro_open(&gro, STATUS_offload_tso_uso, queues);
	for (unsigned i = 0; i < LAYOUT_BATCH; i++)
		length[i] = make(room[i] + LAYOUT_HEADROOM, i % 2 ? 2 : 1, i / 2 * 100, 100, PKT_ACK, 12);
	assert_int_equal(send_all(LAYOUT_BATCH, known), 2);
	gro_open(&gro, STATUS_offload_tso, queues);
	assert_int_equal(send_all(LAYOUT_BATCH, known), 1 + LAYOUT_BATCH / 2);
}

/* How many groups a batch makes of so many flows that take turns and differ in one thing only. */
static unsigned
groups_of(unsigned flows, unsigned thing, bool six, uint32_t base)
{
	unsigned groups = 0;

	gro_open(&gro, STATUS_offload_tso_uso, queues);
	for (unsigned i = 0; i < LAYOUT_BATCH; i++) {
		struct nat64_packet p = { .data = room[i] + LAYOUT_HEADROOM };
		uint32_t other = base + i % flows;

		p.len = make(p.data, six ? 3 : 2, i, 26, 0, 0);
		if (thing < 2)
			put16(p.data + l4_of(p.data) + thing * 2, other & 0xffff);
		else
			put32(p.data + l4_of(p.data) - (thing == 2 ? 4 : six ? 20 : 8), other);
		gro_add(&gro, &p, (uint8_t)i, true);
	}
	for (unsigned i = 0; i < LAYOUT_BATCH; i++)
		groups += gro.packet[i].count > 0;
	gro_clear(&gro);
	return groups;
}

/* Sixteen flows and 64 find a bucket each, whatever they differ in: a port, the destination's or the source's address. */
static void
many_flows(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		uint32_t base = chance(UINT32_C(1) << 31);

		assert_int_equal(groups_of(16, round % 4, round & 4, base), 16);
		assert_in_range(groups_of(64, round % 4, round & 4, base), 64, 66);
	}
}

/* One whose checksum is wrong must not get a right one. */
static void
damaged(void **state)
{
	bool known[3] = { false };

	(void)state;
	for (unsigned wrong = 0; wrong < 3; wrong++) {
		gro_open(&gro, STATUS_offload_tso_uso, queues);
		for (unsigned i = 0; i < 3; i++) {
			length[i] = make(room[i] + LAYOUT_HEADROOM, 2, 0, 50, 0, 0);
			if (i == wrong)
				room[i][LAYOUT_HEADROOM + 40] ^= 4;
		}
		assert_int_equal(send_all(3, known), wrong == 1 ? 3 : 2);
	}
}

/* A device that is bare gets each packet by itself and nothing before it. */
static void
bare(void **state)
{
	uint8_t got[SIZE];

	(void)state;
	gro_open(&gro, STATUS_offload_off, queues);
	for (unsigned i = 0; i < 2; i++) {
		struct nat64_packet p = { .data = room[i] + LAYOUT_HEADROOM };

		p.len = length[i] = make(p.data, 2, 0, 50, 0, 0);
		gro_add(&gro, &p, (uint8_t)i, true);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(gro.packet[i].count, 1);
		assert_true(gro_write(&w.worker[0], &gro, i));
		assert_int_equal(recv(device, got, sizeof(got), 0), length[i]);
		assert_memory_equal(got, room[i] + LAYOUT_HEADROOM, length[i]);
	}
	gro_clear(&gro);
}

/* So many that their length would not fit into a header. */
static void
large(void **state)
{
	const unsigned most = 65000 / 1460;
	bool known[LAYOUT_BATCH];

	(void)state;
	gro_open(&gro, STATUS_offload_tso_uso, queues);
	for (unsigned i = 0; i < LAYOUT_BATCH; i++) {
		length[i] = make(room[i] + LAYOUT_HEADROOM, 2, i, 1460, 0, 0);
		known[i] = true;
	}
	assert_int_equal(send_all(LAYOUT_BATCH, known), (LAYOUT_BATCH + most - 1) / most);
}

/* The device refuses: down, or gone. */
static void
refused(void **state)
{
	(void)state;
	gro_open(&gro, STATUS_offload_tso_uso, queues);
	shutdown(device, SHUT_RDWR);
	for (unsigned i = 0; i < 3; i++) {
		struct nat64_packet p = { .data = room[i] + LAYOUT_HEADROOM };

		p.len = make(p.data, i == 2, i * 50, 50, PKT_ACK, 0);
		gro_add(&gro, &p, (uint8_t)i, true);
	}
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(gro.packet[0].count, 2);
	assert_false(gro_write(&w.worker[0], &gro, 0));
	assert_false(gro_write(&w.worker[0], &gro, 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_batches), cmocka_unit_test(two_flows), cmocka_unit_test(many_flows),
		cmocka_unit_test(damaged), cmocka_unit_test(bare), cmocka_unit_test(large), cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, open_device, close_device);
}
