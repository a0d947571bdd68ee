// links: worker/scrub.o ctl/scan.o ctl/view.o
/*
 * threads.c - the workers and readers of a tenant as threads of one process, for ThreadSanitizer
 *
 *     threads SECONDS
 *
 * Processes that share memory race like threads, but only of threads a tool can say so. Each owner thread does what a worker
 * does with the table: translate packets of both sides, hand over through the rings, move the clock hand, audit. Now
 * and then it ends, and another thread takes over its place, as after a death. Reader threads do what nat64-ctld does.
 * Every race is reported by ThreadSanitizer, which makes the exit status 66. Exit status 1: a shard is damaged.
 */
#include <pthread.h>
#include <unistd.h>
#include "ctl/scan.h"
#include "ctl/view.h"
#include "shm/audit.h"
#include "shm/ring.h"
#include "tests/world.h"
#include "worker/scrub.h"

#define OWNERS 3
#define READERS 2
#define LIFE 3000			/* turns of an owner */

static struct world w;
static struct view view;
static struct status status;
static struct image image;
static uint32_t now_shared, stop;	/* through atomic.h */
static uint64_t translated[OWNERS], handed[OWNERS], lives;

struct owner {
	unsigned number;
	uint32_t random;
	struct nat64 nat64;
	struct scrub scrub;
	struct ring to[OWNERS], from[OWNERS];
};

static struct owner owners[OWNERS];

static uint32_t
random_below(struct owner *o, uint32_t n)
{
	o->random = o->random * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)o->random * n >> 32);
}

/* UDP of one of many hosts to one of few remotes; from other ports every eight seconds, so that bindings end. */
static void
packet6(struct owner *o, uint8_t *b)
{
	memset(b, 0, 60);
	b[0] = 0x60;
	b[5] = 20;
	b[6] = 17;
	b[7] = 64;
	memcpy(b + 8, world_ip6("2001:db8::1").b, 16);
	b[13] = (uint8_t)random_below(o, 60);
	memcpy(b + 24, world_ip6("64:ff9b::203.0.113.1").b, 16);
	b[39] = (uint8_t)(1 + random_below(o, 4));
	b[40] = 0x80;
	b[41] = (uint8_t)(atomic_load_32(&now_shared) / 8 * 4 + random_below(o, 4));
	b[43] = 53;
	b[45] = 20;
	b[46] = 1;
}

/* UDP from a remote to some port of the pool. */
static void
packet4(struct owner *o, uint8_t *b)
{
	uint32_t sum = 0;

	memset(b, 0, 40);
	b[0] = 0x45;
	b[3] = 40;
	b[6] = 0x40;
	b[8] = 64;
	b[9] = 17;
	memcpy(b + 12, "\xcb\x00\x71\x01", 4);
	memcpy(b + 16, "\xc0\x00\x02\x01", 4);
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)b[i] << 8 | b[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	b[10] = (uint8_t)(~sum >> 8);
	b[11] = (uint8_t)~sum;
	b[21] = 53;
	b[22] = (uint8_t)(8 + random_below(o, 2));
	b[23] = (uint8_t)random_below(o, 256);
	b[25] = 20;
	b[27] = 1;
}

static void
translate(struct owner *o, uint8_t *data, uint32_t len)
{
	struct nat64_packet p = { .data = data, .len = len };
	enum nat64_verdict v = nat64_translate(&o->nat64, &p, atomic_load_32(&now_shared));

	if (v == NAT64_handed_over && ring_put(&o->to[p.to_worker], p.data, p.len, &p.meta))
		handed[o->number]++;
	translated[o->number] += v == NAT64_translated;
	counters_add_owner(&o->nat64.row->verdict[NAT64_FROM_IP6][v], 1);
}

static void *
own(void *arg)
{
	static __thread uint8_t buffer[LAYOUT_HEADROOM + 2048];
	struct owner *o = arg;
	uint8_t *data = buffer + LAYOUT_HEADROOM;
	struct layout_worker *line = (struct layout_worker *)layout_at(w.region, w.layout.workers) + o->number;
	struct layout_meta meta;
	uint32_t len;

	if (nat64_attach(&o->nat64, w.region, &w.layout, o->number))
		abort();
	nat64_configure(&o->nat64, &w.config);
	nat64_adopt(&o->nat64, atomic_load_32(&now_shared));
	scrub_open(&o->scrub, &o->nat64, &line->audit);
	for (unsigned i = 0; i < OWNERS; i++) {
		ring_open_producer(&o->to[i], layout_at(w.region, layout_ring(&w.layout, o->number, i)), &w.layout);
		ring_open_consumer(&o->from[i], layout_at(w.region, layout_ring(&w.layout, i, o->number)), &w.layout);
	}
	for (unsigned turn = 0; turn < LIFE && !atomic_load_32(&stop); turn++) {
		packet6(o, data);
		translate(o, data, 60);
		if (turn % 64 == 0) {		/* seldom, for it keeps a binding alive */
			packet4(o, data);
			translate(o, data, 40);
		}
		for (unsigned i = 0; i < OWNERS; i++)
			while ((len = ring_take(&o->from[i], data, &meta)) > 0)
				translate(o, data, len);
		nat64_expire(&o->nat64, atomic_load_32(&now_shared), 64, NULL);
		scrub_turn(&o->scrub, atomic_load_32(&image.audit), atomic_load_32(&now_shared));
		atomic_store_64(&line->progress, line->progress + 1);
	}
	return NULL;
}

/* A place of a worker: when its owner ends, another one takes over. */
static void *
succeed(void *arg)
{
	pthread_t owner;

	while (!atomic_load_32(&stop)) {
		if (pthread_create(&owner, NULL, own, arg) != 0)
			abort();
		pthread_join(owner, NULL);
		if (((struct owner *)arg)->number == 0)
			lives++;
	}
	return NULL;
}

static void *
look(void *unused)
{
	struct scan_hit hit;
	struct layout_said said;
	struct view_pool pool;
	struct scan scan;
	uint64_t seen = 0;

	(void)unused;
	while (!atomic_load_32(&stop)) {
		for (unsigned sessions = 0; sessions < 2; sessions++) {
			scan_start(&scan, w.region, &w.layout);
			scan.budget = UINT32_MAX;
			while ((sessions ? scan_session(&scan, &hit) : scan_record(&scan, &hit)) == SCAN_HIT)
				seen += hit.record.port4;
		}
		for (unsigned p = 0; p < NAT64_N_PROTOS; p++) {
			view_pool(&view, 0, 0, (enum nat64_proto)p, &pool);
			seen += pool.used + view_alive(&view, 0, SHARD_BINDINGS_CREATED, (enum nat64_proto)p) +
				view_total(&view, 0, SHARD_SESSIONS_ENDED, (enum nat64_proto)p);
		}
		for (unsigned i = 0; i < OWNERS; i++) {
			view_audit(&view, 0, i, &said);
			seen += said.records + view_missing(&view, 0, i);
		}
		seen += view_action(&view, 0, NAT64_TRANSLATE) + view_counter(&view, 0, COUNTER_audit_violations);
	}
	return (void *)(uintptr_t)(seen == 0);
}

int
main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	pthread_t owner[OWNERS], reader[READERS];
	uint64_t sum = 0, over = 0;
	struct audit a = { 0 };

	w.config = world_config();
	w.config.workers = OWNERS;
	w.config.max_sessions = 4096;
	w.config.port_hold_down = 3;
	w.config.udp_timeout = 7;
	w.config.pool.item[0].port_min = 2048;
	w.config.pool.item[0].port_max = 2559;
	world_open(&w);
	atomic_store_32(&now_shared, w.now);
	view.shared = &status;
	view.tenants = 1;
	view.tenant[0] = (struct heritage_maps) { .region = w.region, .image = &image, .layout = w.layout };
	status.tenant[0].workers = OWNERS;
	for (unsigned i = 0; i < OWNERS; i++) {
		owners[i].number = i;
		owners[i].random = i + 1;
		if (pthread_create(&owner[i], NULL, succeed, &owners[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < READERS; i++)
		if (pthread_create(&reader[i], NULL, look, NULL) != 0)
			abort();
	for (unsigned i = 0; i < seconds * 20; i++) {	/* twenty of the table's seconds in one, and a request in each */
		usleep(50000);
		atomic_store_32(&now_shared, now_shared + 1);
		atomic_store_32(&image.audit, image.audit + (i % 20 == 0));
	}
	atomic_store_32(&stop, 1);
	for (unsigned i = 0; i < OWNERS; i++)
		pthread_join(owner[i], NULL);
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(reader[i], NULL);
	for (unsigned s = 0; s < w.layout.g.shards; s++)
		audit_shard(&a, &owners[0].nat64.shard[s], w.region, owners[0].nat64.secret);
	for (unsigned i = 0; i < OWNERS; i++) {
		sum += translated[i];
		over += handed[i];
	}
	printf("threads: %llu packets translated, %llu handed over, %llu lives of the first owner, %llu bindings; audit: "
	       "%llu violations%s%s\n", (unsigned long long)sum, (unsigned long long)over, (unsigned long long)lives,
	       (unsigned long long)view_total(&view, 0, SHARD_BINDINGS_CREATED, NAT64_UDP), (unsigned long long)a.violations,
	       a.violations ? ": " : "", a.violations ? audit_words(a.rule) : "");
	return a.violations || sum == 0 || over == 0 || lives == 0 ||
	       view_counter(&view, 0, COUNTER_audit_violations) != 0;
}
