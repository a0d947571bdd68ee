/*
 * shim.c - libnat64 as the vectors see it: configuration as text, packets as bytes, a clock that is told
 *
 * Built as a shared object and called from Python (gateway.py). One gateway per handle, with as many workers as its
 * configuration asks for. A packet is laid at the very end of a page with nothing behind it, so that reading one byte
 * too many is a crash, and behind exactly LAYOUT_HEADROOM bytes, before which a pattern must stay as it is.
 */
#include <sys/mman.h>
#include <stdlib.h>
#include <string.h>
#include "shm/audit.h"
#include "shm/pool.h"
#include "supervisor/check.h"
#include "worker/xlat/csum.h"
#include "worker/xlat/nat64.h"
#include "worker/xlat/parse.h"

#define ROOM (17 * LAYOUT_PAGE)		/* for the largest IPv4 packet and the headroom */
#define CANARY 0x5a

struct vectors {
	struct config config;
	struct layout layout;
	void *region;
	struct nat64 worker[CONFIG_MAX_WORKERS];
	uint8_t *room, *due;
	struct nat64_packet last;
	uint8_t probe[64][NAT64_PROBE_SIZE];	/* sent by the clock hand since they were last asked for */
	unsigned probes;
	uint32_t now;
};

struct vectors *vectors_open(const char *ini, char *error, size_t size);
void vectors_close(struct vectors *v);
void vectors_leave_checksums(bool on);
int vectors_packet(struct vectors *v, unsigned worker, const uint8_t *in, uint32_t len, struct layout_meta *meta, uint8_t *out,
		   uint32_t *out_len, unsigned *to_worker);
uint32_t vectors_piece(const struct vectors *v, uint32_t *at, uint8_t *out);
uint32_t vectors_due(struct vectors *v, unsigned worker, uint8_t *out, struct layout_meta *meta);
void vectors_clock(struct vectors *v, unsigned seconds);
unsigned vectors_probe(struct vectors *v, uint8_t *out);
const char *vectors_configure(struct vectors *v, const char *ini, char *error, size_t size);
void vectors_restart(struct vectors *v, unsigned worker);
const char *vectors_audit(const struct vectors *v);
uint64_t vectors_alive(const struct vectors *v, unsigned total);
uint64_t vectors_held(const struct vectors *v);
uint64_t vectors_counter(const struct vectors *v, const char *name);
const char *vectors_verdict(unsigned verdict);
const char *vectors_action(unsigned verdict);

/* Read, resolve and check ini. Returns whether it is fine; otherwise the first problem is in error. */
static bool
read_config(struct config *config, const char *ini, char *error, size_t size)
{
	FILE *in = fmemopen((void *)(uintptr_t)ini, strlen(ini), "r");
	struct problem_list problems;
	bool fine;

	problem_init(&problems, "row");
	config_parse(config, in, &problems);
	fclose(in);
	if (!problems.n)
		config_resolve(config, 1, &problems);
	if (!problems.n)
		check_config(config, &problems);
	problem_summary(&problems, error, size);
	fine = problems.n == 0;
	problem_free(&problems);
	return fine;
}

static bool
make_region(struct vectors *v)
{
	static const uint8_t seed[LAYOUT_SEED_SIZE] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9 };
	const struct config_tenant *tenant = &v->config.tenant[0];
	struct layout_geometry g;

	layout_geometry(&g, tenant);
	g.addresses = 0;		/* no room to spare: a region is made and audited for every row */
	for (uint32_t i = 0; i < tenant->pool.n; i++)
		g.addresses += tenant->pool.item[i].last - tenant->pool.item[i].first + 1;
	if (!layout_plan(&v->layout, &g))
		return false;
	v->region = mmap(NULL, v->layout.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (v->region == MAP_FAILED)
		return false;
	layout_init(v->region, &v->layout, tenant, 0, seed);
	return true;
}

struct vectors *
vectors_open(const char *ini, char *error, size_t size)
{
	struct vectors *v = calloc(1, sizeof(*v));

	if (!v || !read_config(&v->config, ini, error, size) || !make_region(v)) {
		free(v);
		return NULL;
	}
	v->room = mmap(NULL, ROOM + LAYOUT_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	v->due = malloc(v->layout.g.packet_size);
	if (!v->due || v->room == MAP_FAILED || mprotect(v->room + ROOM, LAYOUT_PAGE, PROT_NONE))
		abort();
	v->now = 1;
	for (unsigned w = 0; w < v->layout.g.workers; w++)
		vectors_restart(v, w);
	return v;
}

/* A worker is born, or another one takes the place of a dead one. */
void
vectors_restart(struct vectors *v, unsigned worker)
{
	if (nat64_attach(&v->worker[worker], v->region, &v->layout, worker))
		abort();
	nat64_configure(&v->worker[worker], &v->config.tenant[0]);
	nat64_adopt(&v->worker[worker], v->now);
}

/* A reload. Returns NULL, or the first problem. */
const char *
vectors_configure(struct vectors *v, const char *ini, char *error, size_t size)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config || !read_config(config, ini, error, size)) {
		free(config);
		return error;
	}
	v->config = *config;
	free(config);
	for (unsigned w = 0; w < v->layout.g.workers; w++)
		nat64_configure(&v->worker[w], &v->config.tenant[0]);
	return NULL;
}

void
vectors_close(struct vectors *v)
{
	munmap(v->region, v->layout.size);
	munmap(v->room, ROOM + LAYOUT_PAGE);
	free(v->due);
	free(v);
}

static bool leave_checksums;

/* Should packets come with partial checksums, and be completed when they leave, as by a device with offloads? */
void
vectors_leave_checksums(bool on)
{
	leave_checksums = on;
}

/* Leave the checksum of a TCP or UDP packet to the device, if it is right. */
static bool
leave_checksum(struct nat64_packet *packet)
{
	struct pkt p;
	uint8_t *check;
	uint64_t pseudo;
	uint16_t sum;

	if (parse_packet(&p, packet->data, packet->len, &packet->meta.offload) != NAT64_translated || p.fragment ||
	    p.len != packet->len ||	/* who sums up to the end must find it there, also behind a hand-over */
	    (p.proto != NAT64_TCP && p.proto != NAT64_UDP) ||
	    (p.proto == NAT64_UDP && (((uint32_t)p.data[p.l4 + 4] << 8 | p.data[p.l4 + 5]) != p.len - p.l4 ||
				      !(p.data[p.l4 + 6] | p.data[p.l4 + 7]))))
		return false;
	pseudo = p.from == NAT64_FROM_IP6 ? csum_add(0, p.data + 8, 32) : csum_add(0, p.data + 12, 8);
	pseudo += csum_word(p.len - p.l4) + csum_word(p.proto == NAT64_TCP ? PKT_PROTO_TCP : PKT_PROTO_UDP);
	if (csum_fold(csum_add(pseudo, p.data + p.l4, p.len - p.l4)) != 0xffff)
		return false;
	packet->meta.offload = (struct layout_offload) {
		.flags = LAYOUT_PARTIAL, .start = (uint16_t)p.l4, .check = p.proto == NAT64_TCP ? 16 : 6,
	};
	check = p.data + p.l4 + packet->meta.offload.check;
	sum = csum_fold(pseudo);
	memcpy(check, &sum, 2);
	return true;
}

/* What the device does with it. */
static void
do_checksum(struct nat64_packet *packet)
{
	struct layout_offload *o = &packet->meta.offload;
	uint8_t *ip = packet->data, *from = ip + o->start;
	uint32_t len = ip[0] >> 4 == 6 ? 40 + ((uint32_t)ip[4] << 8 | ip[5]) : (uint32_t)ip[2] << 8 | ip[3];

	if (packet->len > 0 && o->flags & LAYOUT_PARTIAL) {	/* one that is handed over may have more behind it */
		csum_store(from + o->check, csum_add(0, from, len - o->start));
		if (o->check == 6 && !(from[6] | from[7]))
			from[6] = from[7] = 0xff;
	}
	*o = (struct layout_offload) { 0 };
}

/*
 * Returns the verdict, or -1 when the headroom was overrun, -2 when the output lies outside the buffer, -3 when a byte
 * changed that is so far behind the packet's start that a worker does not save it (LAYOUT_SAVED), and -4 when the side it is
 * said to leave on is not that of its family.
 */
int
vectors_packet(struct vectors *v, unsigned worker, const uint8_t *in, uint32_t len, struct layout_meta *meta, uint8_t *out,
	       uint32_t *out_len, unsigned *to_worker)
{
	uint8_t *end = v->room + ROOM, *data = end - len, *top = data - LAYOUT_HEADROOM;
	struct nat64_packet p = { .data = data, .len = len, .meta = *meta };
	struct nat64_hint hint;
	bool left = false;
	int verdict;

	memset(top - 256, CANARY, 256);
	memset(top, 0, LAYOUT_HEADROOM);
	memcpy(data, in, len);
	if (leave_checksums && p.meta.offload.flags == 0)
		left = leave_checksum(&p);
	if (leave_checksums) {		/* as a worker does that has read more than one */
		nat64_look_ahead(&v->worker[worker], (const uint8_t *const[]) { p.data }, &p.len, &hint, 1);
		p.hint = &hint;
	}
	verdict = (int)nat64_translate(&v->worker[worker], &p, v->now);
	p.hint = NULL;
	for (unsigned i = 1; i <= 256; i++)
		if (top[-(int)i] != CANARY)
			return -1;
	if (len > LAYOUT_SAVED && memcmp(in + LAYOUT_SAVED, data + LAYOUT_SAVED, len - LAYOUT_SAVED))
		return -3;
	*out_len = p.len;
	*to_worker = p.to_worker;
	if (p.len > 0 && (p.data < top || p.data + p.len > end))
		return -2;
	if (p.len > 0 && verdict != NAT64_handed_over && p.to != (p.data[0] >> 4 == 6 ? NAT64_FROM_IP6 : NAT64_FROM_IP4))
		return -4;
	if (left)
		do_checksum(&p);
	*meta = p.meta;
	v->last = p;
	memcpy(out, p.data, p.len);
	return verdict;
}

/* The next piece of what the last packet became, 0: no more, or it is to be sent as it is. */
uint32_t
vectors_piece(const struct vectors *v, uint32_t *at, uint8_t *out)
{
	return nat64_piece(&v->last, at, out);
}

/* The next kept packet that has to go on, or 0. */
uint32_t
vectors_due(struct vectors *v, unsigned worker, uint8_t *out, struct layout_meta *meta)
{
	struct nat64_packet p = { .data = v->due };

	if (!nat64_due(&v->worker[worker], &p, v->now))
		return 0;
	nat64_taken(&v->worker[worker]);
	memcpy(out, p.data, p.len);
	*meta = p.meta;
	return p.len;
}

/* Let seconds pass, and every worker's clock hand make its lap of the last one. */
void
vectors_clock(struct vectors *v, unsigned seconds)
{
	struct nat64_packet probe = { .len = 0 };
	bool more;

	v->now += seconds;
	for (unsigned w = 0; w < v->layout.g.workers; w++)
		do {
			if (v->probes >= sizeof(v->probe) / sizeof(v->probe[0]))
				abort();
			probe.data = v->probe[v->probes];
			more = nat64_expire(&v->worker[w], v->now, 1000, &probe);
			v->probes += probe.len > 0;
		} while (more);
}

/* Take the probe that was sent last. Returns its length, 0: there is none. */
unsigned
vectors_probe(struct vectors *v, uint8_t *out)
{
	if (v->probes == 0)
		return 0;
	memcpy(out, v->probe[--v->probes], NAT64_PROBE_SIZE);
	return NAT64_PROBE_SIZE;
}

/* Every shard in which anything ever happened; most are untouched in a row, and reading them all takes its time. */
const char *
vectors_audit(const struct vectors *v)
{
	struct audit a = { 0 };

	for (unsigned s = 0; s < v->layout.g.shards; s++) {
		const struct shard *shard = &v->worker[0].shard[s];
		uint64_t ever = shard->head->draws;

		for (unsigned t = 0; t < SHARD_N_TOTALS * NAT64_N_PROTOS; t++)
			ever |= shard->head->total[t];
		if (ever)
			audit_shard(&a, shard, v->region, v->worker[0].secret);
	}
	return a.violations ? audit_words(a.rule) : NULL;
}

uint64_t
vectors_alive(const struct vectors *v, unsigned total)
{
	uint64_t n = 0;

	for (unsigned s = 0; s < v->layout.g.shards; s++)
		for (unsigned p = 0; p < NAT64_N_PROTOS; p++)
			n += shard_alive(&v->worker[0].shard[s], total, p);
	return n;
}

/* Ports at rest. */
uint64_t
vectors_held(const struct vectors *v)
{
	uint64_t n = 0;

	for (unsigned s = 0; s < v->layout.g.shards; s++)
		for (unsigned a = 0; a < v->layout.g.addresses; a++)
			for (unsigned p = 0; p < NAT64_N_PROTOS; p++)
				n += shard_pool(&v->worker[0].shard[s], a, p)->held;
	return n;
}

/* A counter by its name, over all workers. */
uint64_t
vectors_counter(const struct vectors *v, const char *name)
{
	uint64_t n = 0;

	for (unsigned c = 0; c < N_COUNTERS; c++)
		for (unsigned w = 0; w < v->layout.g.workers && strcmp(counters_info[c].name, name) == 0; w++)
			n += v->worker[w].row->counter[c];
	return n;
}

const char *
vectors_verdict(unsigned verdict)
{
	return verdict < NAT64_N_VERDICTS ? counters_verdict_info[verdict].name : NULL;
}

const char *
vectors_action(unsigned verdict)
{
	return counters_action_name[counters_verdict_info[verdict].action];
}
