/*
 * bench_scale.c - one tenant's table with millions of bindings and twice as many sessions
 *
 *     bench_scale [MILLIONS [huge]]
 *
 * MILLIONS of bindings (10), each with two sessions, in a pool of 64, 128, ... addresses, whose ports are dealt to the 64
 * shards evenly, and so are the hosts; thus all of the pool can be used. With `huge` the region is in huge pages. Packets are made before the clock
 * starts; what is timed is their copy and translation. Time is that of the processor, without what others took of it.
 */
#include <sys/mman.h>
#include "shm/record.h"
#include "shm/session.h"
#include "tests/bench/measure.h"
#include "tests/bench/packet.h"
#include "worker/xlat/policy.h"

#define SUBSCRIBERS (64 * 1024)
#define SLICES 41
#define BATCH 4096			/* packets of a slice, each of another random flow */
#define FRESH 20			/* bindings that a slice creates, and gives back */
#define REMOTE 0x08080801u		/* 8.8.8.1 */

static struct world w;
static const char *kind = "";		/* of pages, for the name of a figure */
static struct ip6 subscriber[LAYOUT_MAX_SHARDS][SUBSCRIBERS / 16];
static uint32_t subscribers[LAYOUT_MAX_SHARDS], shards, addresses, exhausted;
static struct pool_side {
	uint32_t ip4;
	uint16_t port, pad;
} *outside;				/* of each flow */
static uint8_t packet[BATCH][PACKET_IP6], buffer[LAYOUT_HEADROOM + PACKET_IP6 + 64];
static uint64_t state = UINT64_C(0x2545f4914f6cdd1d);

static uint32_t
draw(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 32) * below >> 32);
}

/* Flow number n: the shards in turn, in each its subscribers in turn. */
static struct record_key
key_of(uint32_t n)
{
	uint32_t shard = n % shards, at = n / shards;

	return (struct record_key) { subscriber[shard][at % subscribers[shard]], (uint16_t)(1024 + at / subscribers[shard]),
				     NAT64_UDP };
}

static void
find_subscribers(void)
{
	shards = w.layout.g.shards;
	for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
		struct ip6 host = world_ip6("2001:db8::1");
		unsigned s;

		memcpy(host.b + 4, &i, 4);
		s = policy_shard(&w.worker[0], &host);
		if (subscribers[s] < SUBSCRIBERS / 16)
			subscriber[s][subscribers[s]++] = host;
	}
}

/* Translate a packet of len bytes from `from`; the copy is part of it, as a read would be. */
static enum nat64_verdict
translate(const uint8_t *from, uint32_t len, struct nat64_packet *p)
{
	*p = (struct nat64_packet) { .data = buffer + LAYOUT_HEADROOM, .len = len };
	memcpy(p->data, from, len);
	return nat64_translate(&w.worker[0], p, w.now);
}

static void
must(enum nat64_verdict v, const char *where)
{
	if (v == NAT64_translated)
		return;
	fprintf(stderr, "bench_scale: %s: %s\n", where, counters_verdict_info[v].name);
	exit(1);
}

static void
make6(uint8_t *b, uint32_t flow, uint16_t remote_port)
{
	struct record_key k = key_of(flow);

	packet_from_ip6(b, &k.ip6, k.port6, REMOTE, remote_port);
}

/* The bindings from number `from` up to `to`. Where the 16 addresses that are asked have no port left there is none. */
static void
fill(uint32_t from, uint32_t to)
{
	struct nat64_packet p;

	for (uint32_t i = from; i < to; i++) {
		enum nat64_verdict v;

		make6(packet[0], i, 53);
		v = translate(packet[0], PACKET_IP6, &p);
		if (v == NAT64_ports_exhausted) {
			exhausted++;
			continue;
		}
		must(v, "filling");
		outside[i] = (struct pool_side) {
			(uint32_t)p.data[12] << 24 | (uint32_t)p.data[13] << 16 | (uint32_t)p.data[14] << 8 | p.data[15],
			(uint16_t)(p.data[20] << 8 | p.data[21]), 0,
		};
	}
}

/* Nanoseconds per packet of a slice of what is in packet[]. */
static double
timed(uint32_t len)
{
	const uint8_t *from[NAT64_AHEAD];
	double begun = measure_seconds(CLOCK_PROCESS_CPUTIME_ID);

	for (unsigned i = 0; i < BATCH; i += NAT64_AHEAD) {
		for (unsigned k = 0; k < NAT64_AHEAD; k++)
			from[k] = packet[i + k];
		if (packet_batch(&w, from, len, NAT64_AHEAD) < NAT64_AHEAD)
			must(NAT64_no_binding, "established");
	}
	return (measure_seconds(CLOCK_PROCESS_CPUTIME_ID) - begun) * 1e9 / BATCH;
}

/* The answer to flow number n: a packet of PACKET_IP4 bytes from its remote end, with a right header checksum. */
static void
make4(uint8_t *b, uint32_t n, uint16_t remote_port)
{
	const uint8_t header[20] = { 0x45, 0, 0, PACKET_IP4, 0, 0, 0x40, 0, 64, 17, [12] = 8, 8, 8, 1 };
	uint32_t sum = 0;

	memset(b, 0, PACKET_IP4);
	memcpy(b, header, 20);
	for (unsigned i = 0; i < 4; i++)
		b[16 + i] = (uint8_t)(outside[n].ip4 >> (24 - 8 * i));
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	b[10] = (uint8_t)~(sum >> 8);
	b[11] = (uint8_t)~sum;
	b[21] = (uint8_t)remote_port;
	b[22] = (uint8_t)(outside[n].port >> 8);
	b[23] = (uint8_t)outside[n].port;
	b[25] = PACKET_IP4 - 20;
	b[26] = 1;
}

/* How long memory itself takes: reads of random lines of the records, each of which says where the next one is. */
static void
memory_itself(void)
{
	uint8_t *records = (uint8_t *)w.region + w.layout.shards + w.layout.records;
	double took[SLICES];
	uint64_t at = 1;

	for (unsigned s = 0; s < SLICES; s++) {
		double begun = measure_seconds(CLOCK_PROCESS_CPUTIME_ID);

		for (unsigned i = 0; i < BATCH; i++) {
			uint64_t area = at / shards % addresses * NAT64_N_PROTOS + NAT64_UDP;
			uint64_t line = area * w.layout.ports_per_shard + (at >> 32) % w.layout.ports_per_shard;
			const volatile uint64_t *word = (void *)(records + at % shards * w.layout.shard_size + line * 64);

			at = (at + *word) * UINT64_C(0x9e3779b97f4a7c15) + i;
			at ^= at >> 29;
		}
		took[s] = (measure_seconds(CLOCK_PROCESS_CPUTIME_ID) - begun) * 1e9 / BATCH;
	}
	measure_report(*kind ? "one random read of a record, huge pages" : "one random read of a record", took, SLICES, "ns");
}

/* A random one of the first `flows` flows that has a binding. */
static uint32_t
draw_flow(uint32_t flows)
{
	uint32_t n = draw(flows);

	while (outside[n].ip4 == 0)
		n = draw(flows);
	return n;
}

static void
established(uint32_t flows, uint32_t millions)
{
	double six[SLICES], four[SLICES];
	char what[100];

	for (unsigned s = 0; s < SLICES; s++) {
		for (unsigned i = 0; i < BATCH; i++)
			make6(packet[i], draw_flow(flows), (uint16_t)(53 + draw(2)));
		six[s] = timed(PACKET_IP6);
		for (unsigned i = 0; i < BATCH; i++)
			make4(packet[i], draw_flow(flows), (uint16_t)(53 + draw(2)));
		four[s] = timed(PACKET_IP4);
	}
	snprintf(what, sizeof(what), "established UDP, IPv6 to IPv4, random of %u M bindings%s", millions, kind);
	measure_report(what, six, SLICES, "ns");
	snprintf(what, sizeof(what), "established UDP, IPv4 to IPv6, random of %u M bindings%s", millions, kind);
	measure_report(what, four, SLICES, "ns");
}

/* End the binding of flow n at once, so that the pool is as full as before. */
static void
give_back(uint32_t n)
{
	struct record_key k = key_of(n);
	struct shard *s = &w.worker[0].shard[n % shards];
	int64_t slot = record_find(s, &k, record_hash(w.worker[0].secret->index_key, &k));

	if (slot < 0)
		return;
	session_remove_owner(s, w.worker[0].secret->index_key, (uint32_t)slot, SESSION_INLINE);
	record_remove_owner(s, (uint32_t)slot, w.worker[0].secret->index_key, w.now, w.now);
}

/* Create bindings beyond the first `flows`, while so much of the pool is used. */
static void
creation(uint32_t flows, const char *used)
{
	const uint8_t *from[FRESH];
	double took[SLICES];
	uint32_t refused = 0;
	char what[100];

	for (unsigned i = 0; i < FRESH; i++)
		from[i] = packet[i];
	for (unsigned s = 0; s < SLICES; s++) {
		double begun;
		unsigned made;

		w.now++;		/* so that each has the budget of a second to look for a port */
		for (unsigned i = 0; i < FRESH; i++)
			make6(packet[i], flows + s * FRESH + i, 53);
		begun = measure_seconds(CLOCK_PROCESS_CPUTIME_ID);
		made = packet_batch(&w, from, PACKET_IP6, FRESH);
		took[s] = (measure_seconds(CLOCK_PROCESS_CPUTIME_ID) - begun) * 1e9 / FRESH;
		refused += FRESH - made;
		for (unsigned i = 0; i < FRESH; i++)
			give_back(flows + s * FRESH + i);
	}
	snprintf(what, sizeof(what), "create a binding at %s of the pool used%s", used, kind);
	measure_report(what, took, SLICES, "ns");
	if (refused)
		printf("%u of %u were refused for want of a port\n", refused, SLICES * FRESH);
}

/* Let all of it expire: what the clock hand takes for a binding, its sessions with it. */
static void
tear_down(uint32_t bindings)
{
	double begun = measure_seconds(CLOCK_PROCESS_CPUTIME_ID), took;

	w.now += w.config.udp_timeout + 1;
	while (nat64_expire(&w.worker[0], w.now, 1u << 20, NULL))
		;
	took = (measure_seconds(CLOCK_PROCESS_CPUTIME_ID) - begun) * 1e9 / bindings;
	measure_report(*kind ? "end an expired binding and its sessions, huge pages" : "end an expired binding and its sessions", &took, 1,
		       "ns");
}

/* Bytes of memory of this process that are in use. */
static double
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f || fscanf(f, "%*u %lu", &pages) != 1)
		measure_fail("/proc/self/statm");
	fclose(f);
	return (double)pages * LAYOUT_PAGE;
}

static void
make_world(uint32_t millions, bool huge)
{
	double each;

	w.config = world_config();
	w.config.pool.item[0].last += addresses - 1;
	w.config.max_sessions = millions * 2500000;
	w.config.mtu = 1500;
	w.config.fair_share = 0;	/* the pool is to be filled, by whoever comes first */
	world_open(&w);
	kind = huge ? ", huge pages" : "";
	if (huge && madvise(w.region, w.layout.size, MADV_HUGEPAGE) != 0)
		measure_fail("huge pages");
	find_subscribers();
	each = (double)(w.layout.subscriber_index - w.layout.session_index + w.layout.records - w.layout.sessions) /
	       w.layout.g.shard_sessions;
	printf("table: %u shards, %u M bindings, twice as many sessions, region %zu MiB virtual%s\n", shards, millions,
	       w.layout.size >> 20, kind);
	measure_report("memory for each session beyond the first", &each, 1, "bytes");
}

int
main(int argc, char **argv)
{
	uint32_t millions = argc > 1 ? (uint32_t)atoi(argv[1]) : 10, n = millions * 1000000, ports;
	double before, created, added;
	struct nat64_packet p;

	addresses = (n / 64512 / 64 + 1) * 64;
	ports = addresses * 64512;
	make_world(millions, argc > 2);
	outside = malloc(ports * sizeof(*outside));
	if (!outside)
		measure_fail("flows");
	memset(outside, 0, ports * sizeof(*outside));	/* so that it is in use before anything is counted */
	before = resident();
	fill(0, ports / 2);
	creation(ports / 2, "50 %");
	fill(ports / 2, n);
	created = resident();
	printf("memory in use: %.1f bytes a binding; %u of %u M were refused\n", (created - before) / n, exhausted, millions);
	for (uint32_t i = 0; i < n; i++) {
		if (outside[i].ip4 == 0)
			continue;
		make6(packet[0], i, 54);
		must(translate(packet[0], PACKET_IP6, &p), "second session");
	}
	added = resident();
	printf("memory in use: %.1f bytes a session more; %.0f MiB in all\n", (added - created) / n, added / (1 << 20));
	memory_itself();
	established(n, millions);
	fill(n, ports - ports / 100);
	creation(ports - ports / 100, "99 %");
	fill(ports - ports / 100, ports - ports / 10000);
	creation(ports - ports / 10000, "99.99 %");
	printf("%u bindings were refused, for of the addresses that were asked none had a port left\n", exhausted);
	tear_down(ports - ports / 10000 - exhausted);
	world_close(&w);
	return 0;
}
