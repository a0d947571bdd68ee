// links: worker/inflight.o worker/handoff.o worker/scrub.o supervisor/evidence.o ctl/command.o ctl/show.o ctl/show_status.o
// links: ctl/show_tenants.o ctl/show_workers.o ctl/show_bindings.o ctl/show_sessions.o ctl/show_pools.o ctl/show_counters.o
// links: ctl/show_audit.o ctl/show_config.o ctl/filter.o ctl/output.o ctl/align.o ctl/cell.o ctl/scan.o ctl/view.o
// links: ctl/metrics.o -ljansson
/*
 * fuzz_region.c - whatever a worker wrote into the region, nobody who comes after crashes, hangs or reads elsewhere
 *
 * The input is a sequence of steps. Most mangle memory that a worker may write: a word, a bit, a burst, a number that is
 * nearly right. The others are those who must live with it:
 *
 *   a successor    nat64_attach, adopt, expire, translate from both sides, audit, scrub, packets in hand, rings
 *   ctl            every show in every format, metrics
 *   the supervisor the evidence of a crash
 *
 * Each sees the region as it does in life: a worker cannot write header, secrets and owners, and cannot touch the shards of
 * others; ctl cannot write at all and cannot see the secrets; before and behind there is nothing. So whoever follows a
 * number that lies falls into a hole, and whoever loops by one is ended by the time limit of the fuzzer.
 * The region is a private mapping of a pristine one and is thrown away after each input.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "ctl/command.h"
#include "ctl/metrics.h"
#include "shm/audit.h"
#include "shm/index.h"
#include "supervisor/evidence.h"
#include "tests/world.h"
#include "worker/handoff.h"
#include "worker/inflight.h"
#include "worker/scrub.h"

#define SIZE 1500
#define STEPS 48
#define HOSTS 24

static struct world w;
static struct nat64 successor;
static struct image image;
static struct status status;
static struct view view;
static struct region region;
static uint8_t packet6[HOSTS][60], packet4[HOSTS][40];
static unsigned owned[LAYOUT_MAX_SHARDS], n_owned;	/* shards of worker 0 that have bindings */
static uint32_t live[LAYOUT_MAX_SHARDS][HOSTS], n_live[LAYOUT_MAX_SHARDS];
static unsigned slab[LAYOUT_MAX_SHARDS], n_slab;	/* of them, those with sessions in the slab; they begin at 0 */
static const uint8_t *input;
static size_t left;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) do { if (!(condition)) { fprintf(stderr, "%s\n", #condition); abort(); } } while (0)

static uint32_t
next(unsigned bytes)
{
	uint32_t n = 0;

	for (; bytes && left; bytes--, left--)
		n = n << 8 | *input++;
	return n;
}

static void
permit(size_t from, size_t to, int what)
{
	MUST(mprotect(layout_at(w.region, from), to - from, what) == 0);
}

/* Look with the eyes of worker 0. */
static void
as_worker(void)
{
	const struct layout *l = &w.layout;
	const struct layout_owners *owners = layout_at(w.region, l->owners);

	permit(0, l->counters, PROT_READ);
	permit(l->counters, l->shards, PROT_READ | PROT_WRITE);
	for (unsigned s = 0; s < l->g.shards; s++)
		permit(layout_shard(l, s), layout_shard(l, s) + l->shard_size,
		       owners->worker[s] == 0 ? PROT_READ | PROT_WRITE : PROT_NONE);
}

static void
as_ctl(void)
{
	permit(0, w.layout.size, PROT_READ);
	permit(w.layout.secret, w.layout.owners, PROT_NONE);
}

/* A packet of flow number i to one of two remotes; translated, and its answer made, by whose shard it is. */
static void
flow(unsigned i, unsigned remote)
{
	static uint8_t buffer[LAYOUT_HEADROOM + SIZE + 256];
	struct nat64_packet p = { .data = buffer + LAYOUT_HEADROOM, .len = 60 };
	struct ip6 src = world_ip6("2001:db8::1"), dst = world_ip6("64:ff9b::203.0.113.1");
	uint8_t *b = packet6[i];

	src.b[5] = (uint8_t)(i / 2);
	dst.b[15] = (uint8_t)(1 + i % 5 + 10 * remote);
	b[0] = 0x60;
	b[5] = 20;
	b[6] = i % 3 ? 17 : 6;
	b[7] = 64;
	memcpy(b + 8, src.b, 16);
	memcpy(b + 24, dst.b, 16);
	b[40] = 0x80;
	b[41] = (uint8_t)(i % 2);
	b[43] = 80;
	if (i % 3) {
		b[45] = 20;
		b[46] = 1;
	} else {
		b[52] = 0x50;
		b[53] = 2;
	}
	memcpy(p.data, b, 60);
	for (unsigned hop = 0, worker = 0; hop < 2; hop++) {
		if (nat64_translate(&w.worker[worker], &p, w.now) != NAT64_handed_over)
			break;
		worker = p.to_worker;
	}
	MUST(p.len == 40);
	memcpy(packet4[i], p.data, 40);
	memcpy(packet4[i] + 12, p.data + 16, 4);
	memcpy(packet4[i] + 16, p.data + 12, 4);
	memcpy(packet4[i] + 20, p.data + 22, 2);
	memcpy(packet4[i] + 22, p.data + 20, 2);
}

static void
populate(void)
{
	for (unsigned i = 0; i < 2; i++) {
		MUST(!nat64_attach(&w.worker[i], w.region, &w.layout, i));
		nat64_configure(&w.worker[i], &w.config);
		nat64_adopt(&w.worker[i], w.now);
	}
	for (unsigned round = 0; round < 2; round++)	/* the second round: another remote host, a session of the slab */
		for (unsigned i = 0; i < HOSTS; i++)
			flow(i, round);
	for (unsigned s = 0; s < w.layout.g.shards; s++) {
		struct shard shard;

		if (w.worker[0].owners->worker[s] != 0)
			continue;
		shard_view(&shard, w.region, &w.layout, s);
		for (uint32_t slot = 0; slot < w.layout.slots && n_live[s] < HOSTS; slot++)
			if (record_live(&shard, slot))
				live[s][n_live[s]++] = slot;
		if (n_live[s])
			owned[n_owned++] = s;
		if (shard.sessions[0].key)
			slab[n_slab++] = s;
	}
	MUST(n_owned > 0 && n_slab > 0);
}

static void
configure(void)
{
	w.config = world_config();
	w.config.workers = 2;
	w.config.pool.item[0].port_min = 2048;	/* few ports, so that a step looks at few */
	w.config.pool.item[0].port_max = 6143;
	w.config.static_.n = 1;
	w.config.static_.item[0] = (struct config_static) {
		.ip6 = world_ip6("2001:db8::5"), .ip4 = world_ip4("192.0.2.1"), .port6 = 80, .port4 = 80, .proto = NAT64_TCP,
	};
	snprintf(w.config.name_, sizeof(w.config.name_), "lab");
	image.generation = 1;
	image.slot[1].config = w.config;
	snprintf(image.slot[1].text, 64, "[tenant lab]\nmode = nat64\n");
	status.tenants = 1;
	status.tenant[0].workers = 2;
	snprintf(status.tenant[0].name, 8, "lab");
	view.shared = &status;
	view.tenants = 1;
	view.tenant[0] = (struct heritage_maps) { .region = w.region, .image = &image, .layout = w.layout };
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[LAYOUT_SEED_SIZE] = { 1, 2, 3 };
	struct layout_geometry g = {
		.addresses = 1, .shards = 16, .workers = 2, .shard_sessions = 64, .packet_size = SIZE, .kept = 64,
	};
	int fd = memfd_create("pristine", 0);
	uint8_t *range;

	(void)argc;
	(void)argv;
	w.now = 1000;
	MUST(layout_plan(&w.layout, &g) && fd >= 0 && ftruncate(fd, (off_t)w.layout.size) == 0);
	range = mmap(NULL, w.layout.size + (2 << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(range != MAP_FAILED);
	w.region = mmap(range + (1 << 20), w.layout.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	MUST(w.region != MAP_FAILED);
	configure();
	layout_init(w.region, &w.layout, &w.config, 0, seed);
	populate();
	MUST(mmap(w.region, w.layout.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == w.region);
	region.layout = w.layout;
	region.fd_ro = memfd_create("lines", 0);
	MUST(region.fd_ro >= 0 && ftruncate(region.fd_ro, (off_t)w.layout.size) == 0);
	return 0;
}

/* The cell of the index in which a live binding stands, if it still does. */
static size_t
offset_of_cell(unsigned s, uint32_t slot)
{
	const struct record *r = layout_at(w.region, layout_shard(&w.layout, s) + w.layout.records + slot * sizeof(*r));
	struct record_key key = { r->ip6, r->port6, r->proto };
	int64_t cell = index_cell(layout_at(w.region, layout_shard(&w.layout, s) + w.layout.index), w.layout.index_buckets,
				  record_hash(successor.secret->index_key, &key), slot);

	return cell < 0 ? 0 : (size_t)cell * 4;
}

/* Some memory that a worker may write: where the interesting things are. */
static size_t
place(size_t *size)
{
	const struct layout *l = &w.layout;
	unsigned what = next(1) % 27, s = owned[next(1) % n_owned], which = next(1);
	size_t shard = layout_shard(l, s), slot = live[s][which % n_live[s]];
	unsigned buffer = which % 4 ? which % 4 - 1 : LAYOUT_BATCH;

	*size = 4;
	switch (what) {
	/* words by which others find their way */
	case 15: return shard;				/* the effects of an intent */
	case 16: return l->workers + which % 2 * sizeof(struct layout_worker) + offsetof(struct layout_worker, current);
	case 17: return l->inflight + buffer * sizeof(struct layout_inflight);
	case 18: return layout_ring(l, which % 2, which % 2 ^ 1) + which / 2 % 2 * 128;
	case 19: return layout_ring(l, 1, 0) + 256 + which % 2 * l->buffer_stride;
	case 20: *size = 8; return layout_shard(l, slab[which % n_slab]) + l->sessions;
	case 21: return l->buffers + buffer * l->buffer_stride + LAYOUT_HEADROOM;
	case 22: return shard + l->index + offset_of_cell(s, (uint32_t)slot);
	case 23: return l->kept + which % 4 * 4 + which / 4 % 4 * sizeof(struct kept);
	case 24: *size = l->shards - l->kins; return l->kins;
	case 25: *size = l->kins - l->kept; return l->kept;
	/* and everything else */
	case 0: *size = l->workers - l->counters; return l->counters;
	case 1: *size = 2 * sizeof(struct layout_worker); return l->workers;
	case 2: *size = l->buffers - l->inflight; return l->inflight;
	case 3: *size = l->rings - l->buffers; return l->buffers;
	case 4: *size = 256; return layout_ring(l, next(1) % 2, next(1) % 2);
	case 5: *size = l->kept - l->rings; return l->rings;
	case 6: *size = sizeof(struct shard_intent); return shard;
	case 7: *size = sizeof(struct shard_head); return shard;
	case 8: *size = 3 * l->pool_stride; return shard + l->pool;
	case 9: *size = l->session_index - l->index; return shard + l->index;
	case 10: *size = l->session_free - l->session_index; return shard + l->session_index;
	case 11: *size = l->sessions - l->session_free; return shard + l->session_free;
	case 12: *size = l->records - l->sessions; return shard + l->sessions;
	case 13: return shard + l->expires + 4 * slot;
	case 14: *size = l->shard_size; return shard;
	default: *size = sizeof(struct record); return shard + l->records + slot * sizeof(struct record);
	}
}

/* A number that may be worth lying with. */
static uint32_t
number(void)
{
	const struct layout *l = &w.layout;
	const uint32_t edge[] = {
		0, 1, 2, UINT32_MAX, UINT32_MAX - 1, l->slots, l->slots - 1, l->pool_slots, l->pool_slots - 1, l->ports_per_shard,
		l->g.shard_sessions, l->g.shard_sessions - 1, SIZE, SIZE + 1, LAYOUT_BUFFERS, LAYOUT_BUFFERS + 1, 0x80000000,
		l->index_buckets * 16, l->session_buckets * 16, LAYOUT_RING_SLOTS, LAYOUT_RING_SLOTS + 1, w.now, w.now + 1, 255, 127,
	};
	unsigned kind = next(1);

	if (kind % 3 == 0)
		return next(4);
	return edge[kind / 3 % (sizeof(edge) / sizeof(edge[0]))];
}

static void
mangle(void)
{
	size_t size, at = place(&size);
	unsigned how = next(1), words = how % 4 == 3 ? 64 : 1;
	uint8_t *b = layout_at(w.region, at);
	uint32_t value = number(), offset = next(4);

	for (unsigned i = 0; i < words; i++) {
		size_t here = (offset % size) & ~(size_t)3;

		if (how % 4 == 0)
			b[offset % size] ^= (uint8_t)(1 << (value & 7));
		else
			memcpy(b + here, &value, size - here < 4 ? size - here : 4);
		offset = offset * 1664525 + 1013904223;
		value = how & 16 ? value : value * 1664525 + 1013904223;
	}
}

static void
translate(void)
{
	static uint8_t buffer[LAYOUT_HEADROOM + SIZE + 256];
	unsigned i = next(1), host = i / 2 % HOSTS, flip = next(1), bits = next(1);
	struct nat64_packet p = { .data = buffer + LAYOUT_HEADROOM, .len = i % 2 ? 60 : 40 };
	enum nat64_verdict v;

	memcpy(p.data, i % 2 ? packet6[host] : packet4[host], p.len);
	if (flip < p.len && flip >= 12)		/* another host, port, flag */
		p.data[flip] ^= (uint8_t)bits;
	v = nat64_translate(&successor, &p, w.now);
	MUST(v < NAT64_N_VERDICTS);
	MUST(p.len == 0 || (p.data >= buffer && p.data + p.len <= buffer + sizeof(buffer)));
	MUST(v != NAT64_handed_over || p.to_worker == 1);
}

static void
take_over(void)
{
	MUST(!nat64_attach(&successor, w.region, &w.layout, 0));
	nat64_configure(&successor, &w.config);
	nat64_adopt(&successor, w.now);
}

static void
audit(void)
{
	struct audit a = { 0 };

	for (unsigned i = 0; i < n_owned; i++)
		audit_shard(&a, &successor.shard[owned[i]], w.region, successor.secret);
	MUST(a.shards == n_owned && (a.violations == 0) == (a.rule == AUDIT_none));
}

static void
scrub_all(void)
{
	struct layout_worker *line = layout_at(w.region, w.layout.workers);
	struct scrub scrub;
	unsigned turns = 0;

	scrub_open(&scrub, &successor, &line->audit);
	while (scrub_turn(&scrub, line->audit.said.answered + 1, w.now))
		MUST(turns++ < 100000);
}

static void
packets_in_hand(void)
{
	struct inflight hand;
	struct handoff h;
	uint8_t *data;
	unsigned tries = 0;

	inflight_open(&hand, w.region, &w.layout, 0, false);
	for (unsigned i = 0; i < LAYOUT_BUFFERS; i++) {
		struct nat64_packet p = { .data = inflight_buffer(&hand, i), .len = inflight_left(&hand, i), .meta = *inflight_meta(&hand, i) };

		MUST(p.len <= SIZE);
		if (p.len == 0)
			continue;
		inflight_hold(&hand, i, p.len);
		nat64_translate(&successor, &p, w.now);
		inflight_done(&hand, i);
	}
	for (unsigned n = 0;; n++) {
		struct nat64_packet p = { .data = inflight_buffer(&hand, LAYOUT_BATCH + 1) };

		MUST(n <= w.layout.g.kept);
		if (!nat64_due(&successor, &p, n % 2 ? UINT32_MAX : w.now))
			break;
		MUST(p.len <= SIZE);
		nat64_taken(&successor);
		nat64_translate(&successor, &p, w.now);
	}
	handoff_open(&h, w.region, &w.layout, 0);
	data = inflight_buffer(&hand, LAYOUT_BATCH);
	for (unsigned i = 0; i < LAYOUT_BATCH; i++)
		MUST(handoff_take(&h, 1, data, inflight_meta(&hand, LAYOUT_BATCH)) <= SIZE);
	for (unsigned i = 0; i < 2 * LAYOUT_RING_SLOTS && handoff_give(&h, 1, packet6[0], 60, inflight_meta(&hand, 0)); i++)
		MUST(i <= LAYOUT_RING_SLOTS);
	handoff_patience(&h, 1, &tries);
	handoff_sleep(&h);
	handoff_awake(&h);
}

static void
show(void)
{
	static const char *const what[] = {
		"json show status", "text show tenants", "csv show workers", "json show bindings limit=500",
		"text show bindings limit=500 protocol=tcp", "json show sessions limit=500", "csv show pools", "text show audit",
		"text show counters", "text show sessions port=1 limit=500", "text pulse", "text audits", "json show config",
	};
	static struct show s;
	static struct metrics m;
	static char buf[4096];
	unsigned i = next(1) % (sizeof(what) / sizeof(what[0]) + 1), turns = 0;
	char line[COMMAND_LINE];

	as_ctl();
	if (i == sizeof(what) / sizeof(what[0])) {
		metrics_start(&m, &view, METRICS_OPENMETRICS);
		while (metrics_render(&m, buf, sizeof(buf)) > 0)
			MUST(turns++ < 100000);
	} else {
		snprintf(line, sizeof(line), "%s", what[i]);
		MUST(strcmp(command_start(&s, &view, line), "ok\n") == 0);
		while (!s.ended) {
			output_sent(&s.out);
			show_turn(&s);
			MUST(!s.out.failed && s.out.len <= OUTPUT_SIZE && turns++ < 100000);
		}
	}
	as_worker();
}

/* nat64d copies what it needs by pread; from a copy here, since the region is private. */
static void
crash(void)
{
	const struct layout *l = &w.layout;
	struct layout_worker *line = layout_at(w.region, l->workers);
	struct layout_inflight *hand = layout_at(w.region, l->inflight);
	uint32_t current = next(1) % (LAYOUT_BUFFERS + 2);
	char path[256], run_dir[] = "/tmp/fuzz_region-XXXXXX";
	int rc;

	MUST(mkdtemp(run_dir));
	line[0].current = current;
	hand[current ? current - 1 : 0].len = number();

	MUST(pwrite(region.fd_ro, layout_at(w.region, l->workers), l->rings - l->workers, (off_t)l->workers) > 0);
	region.worker = layout_at(w.region, l->workers);
	rc = evidence_keep(run_dir, "lab", &region, next(1) % 8 == 0, path, sizeof(path));
	MUST(rc <= SIZE && rc > -1000);
	if (rc > 0)
		unlink(path);
	rmdir(run_dir);
}

static void
step(void)
{
	static const uint32_t jump[] = { 0, 1, 70, 8000 };
	unsigned op = next(1);

	switch (op % 16) {
	case 0:
		w.now += jump[op / 16 % 4];
		for (unsigned i = 0; i < 4 && nat64_expire(&successor, w.now, 1000, NULL); i++)
			;
		break;
	case 1: take_over(); break;
	case 2: case 3: case 4: translate(); break;
	case 5: op & 16 ? scrub_all() : audit(); break;
	case 6: packets_in_hand(); break;
	case 7: show(); break;
	case 8: crash(); break;
	default: mangle();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	permit(0, w.layout.size, PROT_READ | PROT_WRITE);
	MUST(madvise(w.region, w.layout.size, MADV_DONTNEED) == 0);
	as_worker();
	input = data;
	left = size;
	w.now = 1000;
	take_over();
	for (unsigned steps = 0; left > 0 && steps < STEPS; steps++)
		step();
	take_over();
	audit();
	return 0;
}
