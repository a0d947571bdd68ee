/*
 * bench_lines.c - packets for lines.py, which counts the cache lines that each of them touches
 *
 *     bench_lines ip6|ip4
 *
 * A small table of 300 bindings with two sessions each, then PACKETS packets of random flows, every second one of the second
 * session. Before the first, and after each of them, `mark` is written, so that who traces all memory accesses can tell
 * the packets apart. First it prints where everything is: a line of "name first-byte last-byte" for each part.
 */
#include "tests/bench/packet.h"

#define FLOWS 300
#define PACKETS 100

static struct world w;
static uint8_t packet[PACKETS][PACKET_IP6], buffer[256];
static volatile uint8_t mark[64];

static void
part(const char *name, const void *at, size_t size)
{
	printf("%s %lx %lx\n", name, (unsigned long)(uintptr_t)at, (unsigned long)((uintptr_t)at + size - 1));
}

/* Flow number n to the remote port given; the two sessions of a binding differ by that. */
static void
make6(uint8_t *b, uint32_t n, uint16_t remote_port)
{
	struct ip6 host = world_ip6("2001:db8::1");

	host.b[6] = (uint8_t)(n >> 8);
	packet_from_ip6(b, &host, (uint16_t)(0x8000 | (n & 0xff)), world_ip4("9.9.9.9"), remote_port);
}

static uint32_t
translate(const uint8_t *from, uint32_t len)
{
	struct nat64_packet p = { .data = buffer + LAYOUT_HEADROOM, .len = len };

	memcpy(p.data, from, len);
	if (nat64_translate(&w.worker[0], &p, w.now) != NAT64_translated)
		abort();
	if (p.data != buffer + LAYOUT_HEADROOM)
		memmove(buffer + LAYOUT_HEADROOM, p.data, p.len);
	return p.len;
}

static void
make_packets(bool ip4)
{
	for (uint32_t i = 0; i < FLOWS; i++)
		for (uint16_t port = 53; port < 55; port++) {
			make6(packet[0], i, port);
			translate(packet[0], PACKET_IP6);
		}
	for (uint32_t i = 0; i < PACKETS; i++) {
		make6(packet[i], i * 7919 % FLOWS, (uint16_t)(53 + i % 2));
		if (!ip4)
			continue;
		translate(packet[i], PACKET_IP6);
		memcpy(packet[i], buffer + LAYOUT_HEADROOM, PACKET_IP4);
		packet_answer4(packet[i]);
	}
}

static void
describe(void)
{
	const struct layout *l = &w.layout;

	part("mark", (const void *)mark, sizeof(mark));
	part("packet", buffer, sizeof(buffer));
	part("worker's-own", &w.worker[0], sizeof(w.worker[0]));
	part("configuration", &w.config, sizeof(w.config));
	part("header", w.region, l->secret);
	part("secret", layout_at(w.region, l->secret), l->owners - l->secret);
	part("owners", layout_at(w.region, l->owners), l->counters - l->owners);
	part("counters", layout_at(w.region, l->counters), l->workers - l->counters);
	for (unsigned n = 0; n < l->g.shards; n++) {
		uint8_t *s = layout_at(w.region, layout_shard(l, n));

		part("shard-head", s, l->pool);
		part("pool", s + l->pool, l->expires - l->pool);
		part("expiry", s + l->expires, l->index - l->expires);
		part("index", s + l->index, l->session_index - l->index);
		part("session-index", s + l->session_index, l->session_free - l->session_index);
		part("session-free", s + l->session_free, l->sessions - l->session_free);
		part("session", s + l->sessions, l->records - l->sessions);
		part("record", s + l->records, l->shard_size - l->records);
	}
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	bool ip4 = argc > 1 && strcmp(argv[1], "ip4") == 0;

	w.config = world_config();
	w.config.max_sessions = 4096;	/* small, for all that is done before the packets is traced too */
	world_open(&w);
	make_packets(ip4);
	describe();
	mark[0] = 1;
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct nat64_packet p = { .data = buffer + LAYOUT_HEADROOM, .len = ip4 ? PACKET_IP4 : PACKET_IP6 };

		memcpy(p.data, packet[i], p.len);
		mark[0] = 2;		/* what is between this and the next is of the packet */
		nat64_translate(&w.worker[0], &p, w.now);
		mark[0] = 3;
	}
	world_close(&w);
	return 0;
}
