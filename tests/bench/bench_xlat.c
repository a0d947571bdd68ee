/*
 * bench_xlat.c - libnat64 alone on one core: nanoseconds per packet and per new binding
 *
 * Each figure is measured in slices; printed are the median, the least and the greatest slice. Nothing is asserted:
 * the machine may be busy. Time is that of the processor, without what others took of it. Packets are translated in
 * place, so every round copies them afresh; the copy is measured by itself and shown, not subtracted.
 */
#include "tests/bench/measure.h"
#include "tests/bench/packet.h"

#define SLICES 41
#define FLOWS 10000
#define HOT 16
#define PACKETS 200000
#define CREATED 1000

static struct world w;
static uint8_t buffer[256];

static double
seconds(void)
{
	return measure_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* Flow number `flow`: host and port vary. */
static void
make6(uint8_t *b, unsigned flow)
{
	struct ip6 host = world_ip6("2001:db8::1");

	host.b[5] = (uint8_t)(flow >> 12);
	packet_from_ip6(b, &host, (uint16_t)(0x8000 | (flow & 0xfff)), world_ip4("9.9.9.9"), 53);
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
established(uint8_t (*packet)[PACKET_IP6], uint32_t len, unsigned flows, unsigned s)
{
	const uint8_t *from[NAT64_AHEAD];
	double t = seconds();
	unsigned i = 0;

	while (i < PACKETS / SLICES) {
		for (unsigned k = 0; k < NAT64_AHEAD; k++, i++)
			from[k] = packet[(i * 7919 + s) % flows];
		if (packet_batch(&w, from, len, NAT64_AHEAD) < NAT64_AHEAD)
			expect(NAT64_no_binding, "established");
	}
	return (seconds() - t) * 1e9 / i;
}

/* Nanoseconds per packet of flows that nobody knows, from number `first` on. */
static double
created(unsigned first)
{
	static uint8_t packet[CREATED][PACKET_IP6];
	const uint8_t *from[NAT64_AHEAD];
	unsigned i = 0;
	double t;

	for (; i < CREATED; i++)
		make6(packet[i], first + i);
	t = seconds();
	for (i = 0; i < CREATED;) {
		unsigned n = 0;

		for (; n < NAT64_AHEAD && i < CREATED; n++, i++)
			from[n] = packet[i];
		if (packet_batch(&w, from, PACKET_IP6, n) < n)
			expect(NAT64_ports_exhausted, "new binding");
	}
	return (seconds() - t) * 1e9 / CREATED;
}

int
main(void)
{
	static uint8_t six[FLOWS][PACKET_IP6], four[FLOWS][PACKET_IP6];
	double copy[SLICES], hot6[SLICES], hot4[SLICES], slice6[SLICES], slice4[SLICES], create[SLICES];
	struct nat64_packet p;

	w.config = world_config();
	w.config.pool.item[0].last += 15;
	world_open(&w);
	printf("libnat64: %u shards, record %zu bytes, session %u bytes, region %zu MiB virtual\n", w.layout.g.shards,
	       (size_t)64, 24u, w.layout.size >> 20);
	for (unsigned i = 0; i < FLOWS; i++) {
		make6(six[i], i);
		expect(one(six[i], PACKET_IP6, &p), "first packet");
		memcpy(four[i], p.data, p.len);
		packet_answer4(four[i]);
		expect(one(four[i], PACKET_IP4, &p), "first answer");
	}
	for (unsigned s = 0; s < SLICES; s++) {
		double t = seconds();

		for (unsigned i = 0; i < PACKETS / SLICES; i++)
			memcpy(buffer + LAYOUT_HEADROOM, six[(i * 7919 + s) % FLOWS], PACKET_IP6);
		copy[s] = (seconds() - t) * 1e9 / (PACKETS / SLICES);
		hot6[s] = established(six, PACKET_IP6, HOT, s);
		hot4[s] = established(four, PACKET_IP4, HOT, s);
		slice6[s] = established(six, PACKET_IP6, FLOWS, s);
		slice4[s] = established(four, PACKET_IP4, FLOWS, s);
		create[s] = created(FLOWS + s * CREATED);
	}
	measure_report("copy of an 84-byte packet (part of all that follows)", copy, SLICES, "ns");
	measure_report("established UDP, IPv6 to IPv4, 16 flows", hot6, SLICES, "ns");
	measure_report("established UDP, IPv4 to IPv6, 16 flows", hot4, SLICES, "ns");
	measure_report("established UDP, IPv6 to IPv4, 10,000 flows", slice6, SLICES, "ns");
	measure_report("established UDP, IPv4 to IPv6, 10,000 flows", slice4, SLICES, "ns");
	measure_report("new binding, UDP, IPv6 to IPv4 (with its packet)", create, SLICES, "ns");
	world_close(&w);
	return 0;
}
