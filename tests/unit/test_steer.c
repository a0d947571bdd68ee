// links: supervisor/steer.o supervisor/bpf.o supervisor/tun.o
/*
 * test_steer.c - the steering program against the worker's own code, packet by packet
 *
 * The kernel runs the loaded program on packets (BPF_PROG_TEST_RUN). What is right the translator says: one that is
 * no worker of the tenant hands over every packet whose shard it can find, and names the owner.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "shm/pool.h"
#include "supervisor/bpf.h"
#include "supervisor/steer.h"
#include "supervisor/tun.h"
#include "tests/unit/unit.h"
#include "tests/world.h"
#include "worker/xlat/csum.h"

#define STRANGER 200			/* a worker number that owns nothing */
#define ETHERNET 14			/* the kernel takes off a header before it runs a socket filter */

static struct world w;
static struct steer steer;
static uint8_t owner[LAYOUT_MAX_SHARDS];
static unsigned tried, known, known_of[8];	/* packets, those whose owner the worker knows, by kind */

enum { KIND_IP6, KIND_IP6_ERROR, KIND_PORTS, KIND_ECHO, KIND_IP4_ERROR, KIND_STATIC, KIND_CUT, KIND_JUNK };

static uint32_t
next(void)
{
	static uint64_t x = 5;

	x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(x >> 33) << 1 | (uint32_t)(x >> 62 & 1);
}

static uint32_t
below(uint32_t most)
{
	return (uint32_t)((uint64_t)next() * most >> 32);
}

static void
put16(uint8_t *b, unsigned v)
{
	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static void
put32(uint8_t *b, uint32_t v)
{
	put16(b, v >> 16);
	put16(b + 2, v & 0xffff);
}

static void
noise(uint8_t *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		b[i] = (uint8_t)next();
}

static int
run(const uint8_t *packet, uint32_t len)
{
	uint8_t frame[ETHERNET + 256] = { 0 };
	union bpf_attr attr = { 0 };

	put16(frame + 12, 0x88b5);		/* of neither family, whose headers the kernel would want to be whole */
	memcpy(frame + ETHERNET, packet, len);
	attr.test.prog_fd = (uint32_t)steer.program;
	attr.test.data_in = (uintptr_t)frame;
	attr.test.data_size_in = ETHERNET + len;
	assert_int_equal(syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	return (int)attr.test.retval;
}

/* The owner as the translator has it, or -1. */
static int
right(const uint8_t *packet, uint32_t len)
{
	uint8_t buffer[LAYOUT_HEADROOM + 256 + 1024];
	struct nat64_packet p = { .data = buffer + LAYOUT_HEADROOM, .len = len };

	memcpy(p.data, packet, len);
	return nat64_translate(&w.worker[0], &p, w.now) == NAT64_handed_over ? p.to_worker : -1;
}

static void
compare(const uint8_t *packet, uint32_t len, unsigned kind)
{
	int is = run(packet, len), should = right(packet, len);

	tried++;
	assert_in_range(is, 0, w.config.workers - 1);
	if (should < 0)
		return;
	known++;
	known_of[kind]++;
	if (is != should)
		fail_msg("kind %u, %u bytes, subscriber-prefix %u: queue %d, worker %d", kind, len,
			 w.config.subscriber_prefix, is, should);
}

static uint8_t
protocol(unsigned n)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP };

	return protocols[n];
}

/* A transport header at b, of 20 bytes; ICMP: an echo. */
static void
transport(uint8_t *b, uint8_t proto, bool ip6, unsigned source, unsigned destination)
{
	memset(b, 0, 20);
	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		b[0] = ip6 ? (uint8_t)(128 + below(2)) : (uint8_t)(8 * below(2));
		put16(b + 4, ip6 ? source : destination);
		return;
	}
	put16(b, source);
	put16(b + 2, destination);
	if (proto == IPPROTO_TCP)
		b[12] = 0x50;
	else
		put16(b + 4, 20);
	put16(b + (proto == IPPROTO_TCP ? 16 : 6), 0x1234);
}

/* An IPv4 header at b for so many bytes behind it. Returns its length. */
static uint32_t
ip4(uint8_t *b, uint8_t proto, uint32_t source, uint32_t destination, unsigned behind)
{
	uint32_t size = 20 + 4 * (below(3) ? 0 : below(11));

	memset(b, 0, 20);
	memset(b + 20, 1, size - 20);		/* no-operation */
	b[0] = (uint8_t)(0x40 | size / 4);
	put16(b + 2, size + behind);
	put16(b + 4, next() & 0xffff);
	b[8] = 64;
	b[9] = proto;
	put32(b + 12, source);
	put32(b + 16, destination);
	csum_store(b + 10, csum_add(0, b, size));
	return size;
}

static struct ip6
random_subscriber(void)
{
	struct ip6 a = world_ip6("2001:db8::");

	noise(a.b + 4, 12);
	return a;
}

/* An IPv6 header at b. Returns its length. */
static uint32_t
ip6(uint8_t *b, uint8_t proto, const struct ip6 *source, const struct ip6 *destination, unsigned behind)
{
	memset(b, 0, 40);
	b[0] = 0x60;
	put16(b + 4, behind);
	b[6] = proto;
	b[7] = 64;
	memcpy(b + 8, source->b, 16);
	memcpy(b + 24, destination->b, 16);
	return 40;
}

static uint32_t
pool_ip4(void)
{
	const struct layout_header *h = w.worker[0].header;

	return h->address[below(h->addresses_used)].ip4;
}

static void
from_ip6(void)
{
	struct ip6 source = random_subscriber(), destination = world_ip6("64:ff9b::203.0.113.7");
	uint8_t b[256], proto = protocol(below(3));
	uint32_t len;

	if (proto == IPPROTO_ICMP)
		proto = IPPROTO_ICMPV6;
	len = ip6(b, proto, &source, &destination, 20);
	transport(b + len, proto, true, next() & 0xffff, next() & 0xffff);
	compare(b, len + 20, KIND_IP6);
}

/* About a packet that a host of another subscriber got, as a router on the way sends it. */
static void
error_from_ip6(void)
{
	struct ip6 router = random_subscriber(), host = random_subscriber(), remote = world_ip6("64:ff9b::203.0.113.7");
	uint8_t b[256], proto = protocol(below(2)), types[] = { 1, 2, 3, 4 };
	uint32_t len = ip6(b, IPPROTO_ICMPV6, &router, &remote, 8 + 40 + 20);
	uint64_t sum;

	memset(b + len, 0, 8);
	b[len] = types[below(4)];
	ip6(b + len + 8, proto, &remote, &host, 20);
	transport(b + len + 48, proto, true, next() & 0xffff, next() & 0xffff);
	sum = csum_add(csum_add(0, b + len, 68), b + 8, 32) + csum_word(68) + csum_word(IPPROTO_ICMPV6);
	csum_store(b + len + 2, sum);
	compare(b, len + 68, KIND_IP6_ERROR);
}

static void
from_ip4(void)
{
	uint8_t b[256], proto = protocol(below(3));
	uint32_t destination = below(20) ? pool_ip4() : next();
	uint32_t len = ip4(b, proto, world_ip4("203.0.113.7"), destination, 20);

	transport(b + len, proto, false, next() & 0xffff, next() & 0xffff);
	compare(b, len + 20, proto == IPPROTO_ICMP ? KIND_ECHO : KIND_PORTS);
}

static void
error_from_ip4(void)
{
	static const uint8_t types[] = { 3, 4, 5, 11, 12 };
	uint8_t b[256], inner[96], proto = protocol(below(3));
	uint32_t own = pool_ip4(), router = world_ip4("203.0.113.1"), size, len;

	size = ip4(inner, proto, own, world_ip4("203.0.113.7"), 20);
	transport(inner + size, proto, false, next() & 0xffff, next() & 0xffff);
	size += 20 - below(2) * 12;		/* the least that comes back, RFC 792 */
	len = ip4(b, IPPROTO_ICMP, router, own, 8 + size);
	memset(b + len, 0, 8);
	b[len] = types[below(5)];
	memcpy(b + len + 8, inner, size);
	csum_store(b + len + 2, csum_add(0, b + len, 8 + size));
	compare(b, len + 8 + size, KIND_IP4_ERROR);
}

/* To a static binding, or to what looks much like one. */
static void
to_static(void)
{
	const struct config_static *s;
	uint8_t b[256], proto;
	uint32_t len;

	if (w.config.static_.n == 0)
		return;
	s = &w.config.static_.item[below(w.config.static_.n)];
	proto = protocol(below(4) ? s->proto : below(3));
	len = ip4(b, proto, world_ip4("203.0.113.7"), below(4) ? s->ip4 : pool_ip4(), 20);
	transport(b + len, proto, false, next() & 0xffff, below(4) ? s->port4 : s->port4 + 1u);
	compare(b, len + 20, KIND_STATIC);
}

/* Cut off, or changed somewhere: the queue is a worker's, whatever it is. */
static void
damaged(void)
{
	struct ip6 source = random_subscriber(), destination = world_ip6("64:ff9b::203.0.113.7");
	uint8_t b[256], proto = protocol(below(3));
	uint32_t len;

	noise(b, sizeof(b));
	if (below(2))
		len = ip4(b, proto, world_ip4("203.0.113.7"), pool_ip4(), 20);
	else
		len = ip6(b, below(2) ? IPPROTO_ICMPV6 : IPPROTO_UDP, &source, &destination, 20);
	if (below(2))
		transport(b + len, proto, false, next() & 0xffff, next() & 0xffff);
	compare(b, 1 + below(len + 20), KIND_CUT);
	b[below(len)] = (uint8_t)next();
	run(b, 1 + below(sizeof(b)));
	noise(b, 64);
	compare(b, 1 + below(64), KIND_JUNK);
}

static void
own_shards(void)
{
	struct layout_owners *owners = layout_at(w.region, w.layout.owners);

	for (unsigned s = 0; s < w.layout.g.shards; s++)
		owners->worker[s] = (uint8_t)below(w.config.workers);
	memcpy(owner, owners->worker, sizeof(owner));
}

static void
fill(void)
{
	assert_int_equal(steer_fill(&steer, &w.config, &w.layout, w.worker[0].header, w.worker[0].secret, owner), 0);
}

static void
random_statics(unsigned n)
{
	static const uint8_t ports[] = { 22, 25, 80, 110 };

	w.config.static_.n = n;
	for (unsigned i = 0; i < n; i++)
		w.config.static_.item[i] = (struct config_static) {
			.ip6 = random_subscriber(), .ip4 = w.config.pool.item[0].first + below(4), .proto = (uint8_t)below(3),
			.port4 = (uint16_t)(below(2) ? ports[below(4)] : next()), .port6 = 80,
		};
}

/* A tenant of random shape. */
static void
open_world(unsigned prefix)
{
	uint32_t first = world_ip4("198.51.100.8");

	w.config = world_config();
	w.config.workers = 1 + below(below(2) ? CONFIG_MAX_WORKERS : 4);
	w.config.subscriber_prefix = prefix;
	w.config.max_sessions = 64 << below(8);
	w.config.pool.n = 1 + below(3);
	for (unsigned i = 0; i < w.config.pool.n; i++, first += 40 + below(2) * 0x50000000)
		w.config.pool.item[i] = (struct config_pool) { first, first + 3 + below(20), 1024, 65535 };
	random_statics(below(3) ? below(40) : below(2) * CONFIG_MAX_STATICS);
	world_open(&w);
	w.worker[0].worker = STRANGER;
}

static void
packets(unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		from_ip6();
		error_from_ip6();
		from_ip4();
		error_from_ip4();
		to_static();
		damaged();
	}
}

static void
every_length(void **state)
{
	char why[256];

	(void)state;
	for (unsigned prefix = 32; prefix <= 128; prefix++) {
		open_world(prefix);
		assert_int_equal(steer_open(&steer, w.layout.g.addresses, why, sizeof(why)), 0);
		own_shards();
		fill();
		packets(20);
		own_shards();
		fill();
		packets(10);
		steer_close(&steer);
		world_close(&w);
	}
	print_message("%u packets, the worker knows the owner of %u\n", tried, known);
	assert_true(tried >= 10000 && known > tried / 2);
	for (unsigned kind = KIND_IP6; kind < KIND_CUT; kind++)
		assert_true(known_of[kind] > 500);
}

/* One program for one tenant after another: other pool, other subscribers, other keys, other workers. */
static void
replaced(void **state)
{
	char why[256];

	(void)state;
	assert_int_equal(steer_open(&steer, 100, why, sizeof(why)), 0);
	for (unsigned i = 0; i < 20; i++) {
		open_world(32 + below(97));
		own_shards();
		fill();
		packets(20);
		world_close(&w);
	}
	steer_close(&steer);
}

/* As many addresses as may be, up to the last there is. Of the region for them only the top is made. */
static void
a_large_pool(void **state)
{
	struct layout_geometry g = { CONFIG_MAX_POOL, 64, 3, 1000, 1500, 0, 0, 64 };
	struct layout_header *h = calloc(1, sizeof(*h));
	struct layout_secret *secret;
	struct config_tenant config = world_config();
	struct layout l;
	char why[256];

	(void)state;
	assert_true(layout_plan(&l, &g));
	secret = calloc(1, sizeof(*secret) + g.addresses * sizeof(secret->permutation[0]));
	h->addresses_used = g.addresses;
	for (uint32_t a = 0; a < g.addresses; a++) {
		h->address[a].ip4 = UINT32_MAX - 3 * (g.addresses - 1 - a);
		for (unsigned b = 0; b < LAYOUT_BLOCKS; b++)
			secret->permutation[a].place[b] = (uint16_t)below(LAYOUT_BLOCKS);
	}
	for (unsigned s = 0; s < LAYOUT_MAX_SHARDS; s++)
		owner[s] = (uint8_t)below(g.workers);
	assert_int_equal(steer_open(&steer, g.addresses, why, sizeof(why)), 0);
	assert_int_equal(steer_fill(&steer, &config, &l, h, secret, owner), 0);
	for (unsigned i = 0; i < 5000; i++) {
		uint32_t a = below(g.addresses);
		uint16_t port = (uint16_t)next();
		uint8_t b[128];
		uint32_t len = ip4(b, IPPROTO_UDP, next(), h->address[a].ip4, 20);

		transport(b + len, IPPROTO_UDP, false, 1, port);
		assert_int_equal(pool_address(h, h->address[a].ip4), a);
		assert_int_equal(run(b, len + 20), owner[pool_place(&l, secret, a, NAT64_UDP, port).shard]);
	}
	steer_close(&steer);
	free(secret);
	free(h);
}

static void
limits(void **state)
{
	uint8_t b[40] = { 0x45, 0, 0, 40 };
	char why[256];

	(void)state;
	assert_int_equal(steer_open(&steer, 0, why, sizeof(why)), -EINVAL);
	assert_int_equal(steer_open(&steer, CONFIG_MAX_POOL + 1, why, sizeof(why)), -EINVAL);
	assert_int_equal(steer.table, -1);
	open_world(64);
	assert_int_equal(steer_open(&steer, w.worker[0].header->addresses_used / 4, why, sizeof(why)), 0);
	assert_int_equal(run(b, 40), 0);	/* not filled yet */
	assert_int_equal(steer_fill(&steer, &w.config, &w.layout, w.worker[0].header, w.worker[0].secret, owner), -ENOSPC);
	assert_int_equal(tun_steer(-1, steer.program), -EBADF);
	steer_close(&steer);
	world_close(&w);

	/* A shard that is nobody's. */
	open_world(64);
	assert_int_equal(steer_open(&steer, w.layout.g.addresses, why, sizeof(why)), 0);
	memset(owner, LAYOUT_NO_OWNER, sizeof(owner));
	fill();
	for (unsigned i = 0; i < 100; i++) {
		struct ip6 source = random_subscriber();

		ip6(b, IPPROTO_UDP, &source, &source, 0);
		assert_int_equal(run(b, 40), 0);
	}
	steer_close(&steer);
	assert_int_equal(steer.program, -1);
	world_close(&w);
}

/* The fragments of a packet go to one queue, that of the worker where they meet, and those of many packets to all. */
static void
fragments_of(unsigned prefix)
{
	unsigned seen = 0, owners = 0;
	uint8_t b[64];
	char why[256];

	open_world(prefix);
	assert_int_equal(steer_open(&steer, w.layout.g.addresses, why, sizeof(why)), 0);
	own_shards();
	fill();
	for (unsigned i = 0; i < 2000; i++) {
		int queue;

		noise(b + 20, 44);
		ip4(b, IPPROTO_UDP, 0xcb000000 + below(1 << 24), pool_ip4(), 44);
		if (b[0] != 0x45)
			continue;
		b[6] = 0x20;		/* the first, which has ports: they decide nothing */
		queue = run(b, 64);
		put16(b + 6, 1 + below(0x1f00));
		noise(b + 20, 44);
		assert_int_equal(run(b, 64), queue);
		put16(b + 10, 0);
		csum_store(b + 10, csum_add(0, b, 20));
		assert_int_equal(right(b, 64), queue);
		seen |= 1u << queue;
	}
	for (unsigned s = 0; s < w.layout.g.shards; s++)
		owners |= 1u << owner[s];
	assert_int_equal(seen, owners);
	steer_close(&steer);
	world_close(&w);
}

static void
fragments(void **state)
{
	(void)state;
	fragments_of(56);
	fragments_of(64);
	fragments_of(96);
	fragments_of(128);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),
		cmocka_unit_test(replaced),
		cmocka_unit_test(a_large_pool),
		cmocka_unit_test(fragments),
		cmocka_unit_test(limits),
	};
	char why[256];
	int rc = steer_open(&steer, 1, why, sizeof(why));

	if (rc == -EPERM || rc == -ENOSYS) {
		printf("skipped: test_steer: %s\n", why);
		return 0;
	}
	steer_close(&steer);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
