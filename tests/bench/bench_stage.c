/*
 * bench_stage.c - what each stage of a translation takes: the steps of worker/xlat/translate.c, one at a time
 *
 * The stages of 10,000 established flows, called as translate.c calls them, each timed over a batch of packets that
 * the stage before has prepared. Every stage so finds its packet in the cache and its table not, unless it was just there;
 * in a translation the stages of one packet follow each other, so the sum here is not the time of the whole, which is
 * shown beside it. Time is that of the processor.
 */
#include "tests/bench/measure.h"
#include "tests/bench/packet.h"
#include "worker/xlat/emit.h"
#include "worker/xlat/flow.h"
#include "worker/xlat/parse.h"
#include "worker/xlat/policy.h"

#define SLICES 101
#define FLOWS 10000
#define BATCH 256
#define STRIDE 256

enum stage { STAGE_COPY, STAGE_PARSE, STAGE_POLICY, STAGE_LOCATE, STAGE_CHECK, STAGE_BIND, STAGE_EMIT, STAGE_SUM, STAGE_WHOLE,
	     STAGES };
static const char *const stage_name[STAGES] = {
	"copy of the packet", "parse", "policy: may they talk", "flow lookup: shard and binding", "check: hop limit, MTU",
	"session and timer", "emit", "the stages together", "nat64_translate as a whole",
};

static struct world w;
static uint8_t six[FLOWS][PACKET_IP6], four[FLOWS][PACKET_IP6], buffer[BATCH][STRIDE];
static struct work {
	struct pkt p;
	struct flow f;
	uint32_t outer4, mtu;
} work[BATCH];
static double took[2][STAGES][SLICES];

static void
must(enum nat64_verdict v, const char *where)
{
	if (v == NAT64_translated)
		return;
	fprintf(stderr, "bench_stage: %s: %s\n", where, counters_verdict_info[v].name);
	exit(1);
}

static void
make_flows(void)
{
	for (unsigned i = 0; i < FLOWS; i++) {
		struct nat64_packet p = { .data = buffer[0] + LAYOUT_HEADROOM, .len = PACKET_IP6 };
		struct ip6 host = world_ip6("2001:db8::1");

		host.b[5] = (uint8_t)(i >> 8);
		packet_from_ip6(six[i], &host, (uint16_t)(0x8000 | (i & 0xff)), world_ip4("9.9.9.9"), 53);
		memcpy(p.data, six[i], PACKET_IP6);
		must(nat64_translate(&w.worker[0], &p, w.now), "first packet");
		memcpy(four[i], p.data, PACKET_IP4);
		packet_answer4(four[i]);
	}
}

/* As classify() of translate.c, for a packet that is no error. */
static void
policy(struct work *k)
{
	const struct nat64 *n = &w.worker[0];

	k->f = (struct flow) { .slot = FLOW_NO_SLOT, .from = k->p.from, .proto = k->p.proto };
	if (k->p.from == NAT64_FROM_IP6) {
		must(policy_source6(n, &k->p.src.ip6), "source");
		if (!policy_embedded(n, &k->p.dst.ip6, &k->f.remote4, &k->f.via) || !policy_served(n, &k->p.src.ip6))
			must(NAT64_not_in_prefix, "prefix");
		must(policy_destination4(n, k->f.remote4, k->f.via), "destination");
		k->f.own = k->p.src;
		k->f.remote_port = k->p.dst.port;
		return;
	}
	if (addr_illegal_source4(k->p.src.ip4))
		must(NAT64_source_illegal, "source");
	k->f.own = k->p.dst;
	k->f.remote4 = k->p.src.ip4;
	k->f.remote_port = k->p.src.port;
}

static void
emit(struct work *k, unsigned i)
{
	struct nat64_packet out = { .data = buffer[i] + LAYOUT_HEADROOM, .len = PACKET_IP6 };
	struct pkt_end subscriber, remote;

	flow_ends(&w.worker[0], &k->f, &subscriber, &remote);
	if (k->p.from == NAT64_FROM_IP6)
		emit_packet(&w.worker[0], &k->p, &subscriber, &remote, &out);
	else
		emit_packet(&w.worker[0], &k->p, &remote, &subscriber, &out);
}

/* One stage of packet i of a batch. */
static void
step(enum stage stage, unsigned i, const uint8_t *packet, uint32_t len)
{
	struct nat64_packet whole = { .data = buffer[i] + LAYOUT_HEADROOM, .len = len };
	struct work *k = &work[i];

	switch (stage) {
	case STAGE_COPY:
		memcpy(buffer[i] + LAYOUT_HEADROOM, packet, len);
		break;
	case STAGE_PARSE:
		must(parse_packet(&k->p, buffer[i] + LAYOUT_HEADROOM, len, &whole.meta.offload), "parse");
		break;
	case STAGE_POLICY:
		policy(k);
		break;
	case STAGE_LOCATE:
		must(flow_locate(&w.worker[0], &k->f), "locate");
		break;
	case STAGE_CHECK:
		must(emit_check(&w.worker[0], &k->p, &k->mtu), "check");
		break;
	case STAGE_BIND:
		must(flow_bind(&w.worker[0], &k->f, &k->p, w.now), "bind");
		break;
	case STAGE_EMIT:
		emit(k, i);
		break;
	default:
		memcpy(whole.data, packet, len);
		must(nat64_translate(&w.worker[0], &whole, w.now), "translate");
	}
}

/* A batch of other flows through every stage, and then through all of it at once. */
static void
slice(unsigned side, unsigned s)
{
	uint8_t (*packet)[PACKET_IP6] = side ? four : six;
	uint32_t len = side ? PACKET_IP4 : PACKET_IP6;
	double sum = 0;

	for (unsigned stage = 0; stage < STAGES; stage++) {
		double begun = measure_seconds(CLOCK_PROCESS_CPUTIME_ID);

		if (stage == STAGE_SUM) {
			took[side][stage][s] = sum;
			continue;
		}
		for (unsigned i = 0; i < BATCH; i++)
			step(stage, i, packet[((stage == STAGE_WHOLE) * FLOWS / 2 + s * 977u + i * 7919u) % FLOWS], len);
		took[side][stage][s] = (measure_seconds(CLOCK_PROCESS_CPUTIME_ID) - begun) * 1e9 / BATCH;
		sum += took[side][stage][s];
	}
}

int
main(void)
{
	char what[100];

	w.config = world_config();
	w.config.pool.item[0].last += 15;
	world_open(&w);
	make_flows();
	for (unsigned s = 0; s < SLICES; s++)
		for (unsigned side = 0; side < 2; side++)
			slice(side, s);
	for (unsigned side = 0; side < 2; side++)
		for (unsigned stage = 0; stage < STAGES; stage++) {
			snprintf(what, sizeof(what), "stage, %s: %s", side ? "IPv4 to IPv6" : "IPv6 to IPv4", stage_name[stage]);
			measure_report(what, took[side][stage], SLICES, "ns");
		}
	world_close(&w);
	return 0;
}
