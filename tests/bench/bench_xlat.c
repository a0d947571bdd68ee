/*
 * bench_xlat.c - libnat64 alone on one core: nanoseconds per packet and per new binding
 *
 * Each figure is measured in slices; printed are the median, the least and the greatest slice. Nothing is asserted:
 * the machine may be busy. Packets are translated in place, so every round copies them afresh; the copy is measured by
 * itself and shown, not subtracted.
 */
#include <time.h>
#include "tests/world.h"

#define SLICES 41
#define FLOWS 10000
#define HOT 16
#define PACKETS 200000

static struct world w;
static uint8_t template6[128], buffer[256];

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report(const char *what, double *slice, unsigned n)
{
	qsort(slice, n, sizeof(*slice), by_value);
	printf("%-52s %7.1f ns   (%.1f to %.1f, %u slices)\n", what, slice[n / 2], slice[0], slice[n - 1], n);
}

/* A UDP packet of `len` bytes of flow number `flow`: host and port vary. */
static void
make6(uint8_t *b, unsigned flow, unsigned len)
{
	memset(b, 0, len);
	b[0] = 0x60;
	b[4] = (uint8_t)((len - 40) >> 8);
	b[5] = (uint8_t)(len - 40);
	b[6] = 17;
	b[7] = 64;
	memcpy(b + 8, world_ip6("2001:db8::").b, 16);
	b[13] = (uint8_t)(flow >> 12);
	b[23] = 1;
	memcpy(b + 24, world_ip6("64:ff9b::9.9.9.9").b, 16);
	b[40] = (uint8_t)(0x80 | (flow >> 8 & 15));
	b[41] = (uint8_t)flow;
	b[43] = 53;
	b[45] = (uint8_t)(len - 40);
	b[46] = 1;
}

static enum nat64_verdict
one(const uint8_t *packet, uint32_t len, struct nat64_packet *p)
{
	*p = (struct nat64_packet) { .data = buffer + LAYOUT_HEADROOM, .len = len };
	memcpy(p->data, packet, len);
	return nat64_translate(&w.worker[0], p, w.now);
}

static void
expect(enum nat64_verdict v, const char *where)
{
	if (v == NAT64_translated)
		return;
	fprintf(stderr, "bench_xlat: %s: %s\n", where, counters_verdict_info[v].name);
	exit(1);
}

/* Nanoseconds per packet of one slice, over the first `flows` flows in a scattered order. */
static double
established(uint8_t (*packet)[84], uint32_t len, unsigned flows, unsigned s)
{
	double t = seconds();
	struct nat64_packet p;

	for (unsigned i = 0; i < PACKETS / SLICES; i++)
		expect(one(packet[(i * 7919 + s) % flows], len, &p), "established");
	return (seconds() - t) * 1e9 / (PACKETS / SLICES);
}

int
main(void)
{
	static uint8_t six[FLOWS][84], four[FLOWS][84];
	double copy[SLICES], hot6[SLICES], hot4[SLICES], slice6[SLICES], slice4[SLICES], create[SLICES];
	struct nat64_packet p;
	unsigned fresh = FLOWS;

	w.config = world_config();
	w.config.pool.item[0].last += 15;
	w.config.mtu = 1500;
	world_open(&w);
	printf("libnat64: %u shards, record %zu bytes, session %u bytes, region %zu MiB virtual\n", w.layout.g.shards,
	       (size_t)64, 24u, w.layout.size >> 20);
	for (unsigned i = 0; i < FLOWS; i++) {
		make6(six[i], i, 84);
		expect(one(six[i], 84, &p), "first packet");
		memset(four[i], 0, 84);
		memcpy(four[i], p.data, p.len);
		for (unsigned b = 0; b < 4; b++) {	/* the answer: ends swapped, checksums stay right */
			uint8_t t = four[i][12 + b];

			four[i][12 + b] = four[i][16 + b];
			four[i][16 + b] = t;
		}
		for (unsigned b = 0; b < 2; b++) {
			uint8_t t = four[i][20 + b];

			four[i][20 + b] = four[i][22 + b];
			four[i][22 + b] = t;
		}
		expect(one(four[i], 64, &p), "first answer");
	}
	for (unsigned s = 0; s < SLICES; s++) {
		double t = seconds();

		for (unsigned i = 0; i < PACKETS / SLICES; i++)
			memcpy(buffer + LAYOUT_HEADROOM, six[(i * 7919 + s) % FLOWS], 84);
		copy[s] = (seconds() - t) * 1e9 / (PACKETS / SLICES);
		hot6[s] = established(six, 84, HOT, s);
		hot4[s] = established(four, 64, HOT, s);
		slice6[s] = established(six, 84, FLOWS, s);
		slice4[s] = established(four, 64, FLOWS, s);
		t = seconds();
		for (unsigned i = 0; i < 1000; i++) {
			make6(template6, fresh++, 84);
			expect(one(template6, 84, &p), "new binding");
		}
		create[s] = (seconds() - t) * 1e9 / 1000;
	}
	report("copy of an 84-byte packet (part of all that follows)", copy, SLICES);
	report("established UDP, IPv6 to IPv4, 16 flows", hot6, SLICES);
	report("established UDP, IPv4 to IPv6, 16 flows", hot4, SLICES);
	report("established UDP, IPv6 to IPv4, 10,000 flows", slice6, SLICES);
	report("established UDP, IPv4 to IPv6, 10,000 flows", slice4, SLICES);
	report("new binding, UDP, IPv6 to IPv4 (with its packet)", create, SLICES);
	world_close(&w);
	return 0;
}
