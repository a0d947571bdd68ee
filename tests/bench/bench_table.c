/*
 * bench_table.c - what the safety of the table costs: an audit, a recovery, memory; printed beside what is promised
 *
 * The table is full: a million bindings of one session each. Nothing is asserted: the machine
 * may be busy. Time is that of the processor, without what others took of it.
 */
#include <time.h>
#include "shm/audit.h"
#include "shm/pool.h"
#include "shm/record.h"
#include "shm/session.h"
#include "shm/subscriber.h"
#include "tests/world.h"

#define ROUNDS 11
#define BINDINGS 1000000
#define RECOVERIES 20000
#define COMMITTED (SHARD_RECORD | SHARD_INDEX | SHARD_POOL | SHARD_BINDING_TOTAL | SHARD_SESSION_TOTAL | SHARD_SUBSCRIBER | \
		   SHARD_SUBSCRIBER_INDEX)
#define STEP 4096			/* as in worker/scrub.c */

static struct world w;

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
report(const char *what, double *value, unsigned n, const char *unit, const char *promise)
{
	qsort(value, n, sizeof(*value), by_value);
	printf("%-52s %9.2f %s   (%.2f to %.2f)   %s\n", what, value[n / 2], unit, value[0], value[n - 1], promise);
}

static unsigned
fill(void)
{
	const struct layout_secret *secret = w.worker[0].secret;
	struct record_first first = { .remote4 = 1, .remote_port = 9, .expires = 5000 };
	unsigned made = 0;

	for (uint32_t i = 0; i < BINDINGS; i++) {
		struct record_key k = { world_ip6("2001:db8::1"), (uint16_t)i, i % 5 ? NAT64_UDP : NAT64_TCP };
		struct shard *s = &w.worker[0].shard[i % w.layout.g.shards];
		uint32_t a = i / w.layout.g.shards % w.worker[0].header->addresses_used, slot;

		memcpy(k.ip6.b + 4, &i, 4);
		slot = pool_pick_owner(s, a, (enum nat64_proto)k.proto, secret->port_key);
		made += slot != POOL_NONE &&
			record_create_owner(s, secret->index_key, slot, &k, w.worker[0].header->address[a].ip4,
					    pool_port(&w.layout, secret, s->number, slot), &first, w.now) == 0;
	}
	return made;
}

static void
audits(void)
{
	double whole[ROUNDS], longest[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		struct audit a = { 0 };
		double begun = seconds();

		longest[r] = 0;
		for (unsigned s = 0; s < w.layout.g.shards;) {
			double t = seconds();

			s += audit_step(&a, &w.worker[0].shard[s], w.region, w.worker[0].secret, STEP);
			t = (seconds() - t) * 1e3;
			longest[r] = t > longest[r] ? t : longest[r];
		}
		whole[r] = (seconds() - begun) * 1e3 * 1e6 / (double)a.records;
		if (a.violations)
			printf("%s\n", audit_words(a.rule));
	}
	report("audit of a million records", whole, ROUNDS, "ms", "promised: < 200");
	report("longest step of it, the time a packet may wait", longest, ROUNDS, "ms", "meant: < 1");
}

/* A shard whose owner died right after its commit: the intent of the last creation, not yet taken back. */
static void
recoveries(void)
{
	static double took[RECOVERIES];
	double adopt[1000];
	struct layout_owners *owners = layout_at(w.region, w.layout.owners);

	for (unsigned i = 0; i < RECOVERIES; i++) {
		struct shard *s = &w.worker[0].shard[i * 7 % w.layout.g.shards];
		double t;

		s->head->intent.effects = COMMITTED;
		t = seconds();
		shard_recover_owner(s);
		took[i] = (seconds() - t) * 1e6;
	}
	report("recovery of a shard with a committed change", took, RECOVERIES, "us", "promised: < 10");
	memset(owners->worker, 1, w.layout.g.shards);
	owners->worker[3] = 0;
	for (unsigned i = 0; i < 1000; i++) {
		struct shard *s = &w.worker[0].shard[3];
		double t;

		s->head->intent.effects = COMMITTED;
		t = seconds();
		nat64_adopt(&w.worker[0], w.now);
		adopt[i] = (seconds() - t) * 1e6;
	}
	report("nat64_adopt of one shard, and 1024 static bindings", adopt, 1000, "us", "");
	memset(owners->worker, 0, w.layout.g.shards);
}

/*
 * Bytes of a full table for each port and protocol of its pool: record, expiry, indexes, bit maps, and subscribers that have so
 * many bindings each. Sessions come beside.
 */
static double
per_port(uint32_t addresses, uint32_t bindings)
{
	struct config_tenant c = world_config();
	struct layout_geometry g;
	struct layout l;
	size_t bytes;

	c.pool.item[0].last += addresses - 1;
	layout_geometry(&g, &c);
	if (!layout_plan(&l, &g))
		abort();
	bytes = l.session_index - l.pool + l.pool_slots * sizeof(struct record) + l.subscribers - l.subscriber_index +
		l.shard_subscribers / bindings * sizeof(struct subscriber);
	return (double)bytes / l.pool_slots;
}

int
main(void)
{
	w.config = world_config();
	w.config.pool.item[0].last += 15;
	w.config.max_sessions = 2 << 20;
	w.config.static_.n = CONFIG_MAX_STATICS;
	for (uint32_t i = 0; i < CONFIG_MAX_STATICS; i++)
		w.config.static_.item[i] = (struct config_static) {
			world_ip6("2001:db8:ffff::1"), world_ip4("192.0.2.1"), (uint16_t)(i + 1), (uint16_t)(i + 1), NAT64_UDP,
		};
	world_open(&w);
	printf("table: %u shards, %u bindings, region %zu MiB virtual\n", w.layout.g.shards, fill(), w.layout.size >> 20);
	audits();
	recoveries();
	for (uint32_t n = 16; n <= 256; n *= 4)
		printf("memory for each port of a pool of %3u addresses %14.2f bytes   promised: <= 80; %.2f if no two bindings have the "
		       "same subscriber\n", n, per_port(n, 4), per_port(n, 1));
	world_close(&w);
	return 0;
}
