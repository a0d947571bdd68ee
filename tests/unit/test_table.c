/*
 * test_table.c - the binding table: random operations against a plain model, an audit after each step
 *
 * Also: a worker killed between the commit of an intent and its last effect, for every prefix of the effects.
 */
#include "tests/unit/unit.h"
#include "shm/audit.h"
#include "shm/pool.h"
#include "shm/session.h"
#include "shm/subscriber.h"
#include "tests/world.h"

#define HOSTS 40
#define REMOTES 12
#define SUBSCRIBERS 7
#define STEPS 20000

static struct world w;

static uint64_t seed = 88172645463325252u;

static uint32_t
random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) * n >> 32);
}

static void
open_small(uint32_t max_sessions)
{
	w.config = world_config();
	w.config.pool.item[0].port_min = 2048;
	w.config.pool.item[0].port_max = 2048 + 200;
	w.config.max_sessions = max_sessions;
	world_open(&w);
	assert_int_equal(w.layout.g.shards, 1);
}

static void
close_small(void)
{
	world_close(&w);
}

static void
audit_now(void)
{
	struct audit a = { 0 };

	audit_shard(&a, &w.worker[0].shard[0], w.region, w.worker[0].secret);
	if (a.violations)
		print_error("%s (slot %u)\n", audit_words(a.rule), a.slot);
	assert_int_equal(a.violations, 0);
}

static struct record_key
key_of(unsigned host)
{
	struct record_key k = { .ip6 = world_ip6("2001:db8::"), .port6 = (uint16_t)(5000 + host), .proto = NAT64_UDP };

	k.ip6.b[7] = (uint8_t)(host % SUBSCRIBERS);
	k.ip6.b[15] = (uint8_t)host;
	return k;
}

static int64_t
find(unsigned host)
{
	struct record_key k = key_of(host);

	return record_find(&w.worker[0].shard[0], &k, record_hash(w.worker[0].secret->index_key, &k));
}

static int64_t
create(unsigned host, uint32_t remote)
{
	struct nat64 *n = &w.worker[0];
	struct shard *s = &n->shard[0];
	struct record_key k = key_of(host);
	struct record_first first = { .remote4 = remote, .remote_port = 9, .expires = 5000 };
	uint32_t slot = pool_pick_owner(s, 0, NAT64_UDP, n->secret->port_key);

	if (slot == POOL_NONE || !session_room(s))
		return -1;
	assert_int_equal(record_create_owner(s, n->secret->index_key, slot, &k, world_ip4("192.0.2.1"),
					     pool_port(&w.layout, n->secret, 0, slot), &first, 1000), 0);
	return slot;
}

/* Each subscriber has as many bindings and sessions as the model, and is unknown when it has none. */
static void
check_subscribers(bool session[HOSTS][REMOTES])
{
	const struct shard *s = &w.worker[0].shard[0];
	uint32_t subscribers = 0;

	for (unsigned n = 0; n < SUBSCRIBERS; n++) {
		struct record_key k = key_of(n);
		uint32_t bindings = 0, sessions = 0, found;

		for (unsigned host = n; host < HOSTS; host += SUBSCRIBERS) {
			uint32_t had = sessions;

			for (unsigned remote = 0; remote < REMOTES; remote++)
				sessions += session[host][remote];
			bindings += sessions > had;
		}
		found = subscriber_find(s, w.worker[0].secret->index_key, &k.ip6);
		assert_int_equal(found != SUBSCRIBER_NONE, bindings > 0);
		subscribers += bindings > 0;
		if (found == SUBSCRIBER_NONE)
			continue;
		assert_int_equal(subscriber_bindings(s->subscribers[found].state), bindings);
		assert_int_equal(subscriber_sessions(s->subscribers[found].state), sessions);
	}
	assert_int_equal(s->head->subscribers, subscribers);
}

/* The model: which remote of which host has a session. */
static void
random_operations(void **state)
{
	static bool session[HOSTS][REMOTES];
	const uint8_t *key;
	struct shard *s;

	(void)state;
	open_small(64);
	s = &w.worker[0].shard[0];
	key = w.worker[0].secret->index_key;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned host = random_below(HOSTS), remote = random_below(REMOTES), others = 0;
		int64_t slot = find(host);
		uint32_t number;

		for (unsigned i = 0; i < REMOTES; i++)
			others += session[host][i];
		assert_int_equal(slot >= 0, others > 0);
		if (slot < 0) {
			session[host][remote] = create(host, remote) >= 0;
			continue;
		}
		number = session_find(s, key, (uint32_t)slot, remote, 9);
		assert_int_equal(number != SESSION_NONE, session[host][remote]);
		if (number == SESSION_NONE) {
			struct record_first first = { .remote4 = remote, .remote_port = 9, .expires = 5000 };

			session[host][remote] = session_add_owner(s, key, (uint32_t)slot, &first) != SESSION_NONE;
		} else {
			session_remove_owner(s, key, (uint32_t)slot, number);
			session[host][remote] = false;
			if (others == 1)
				record_remove_owner(s, (uint32_t)slot, key, 1000, random_below(2) ? 1120 : 0);
		}
		check_subscribers(session);
		if (step % 50 == 0) {
			for (uint32_t i = 0; i < w.layout.pool_slots; i++)
				if ((s->records[i].state & 0xff) == RECORD_HELD && random_below(2))
					record_release_owner(s, i);
			audit_now();
		}
	}
	audit_now();
	close_small();
}

/* Stop after the commit, with any subset of the effects done; the successor must make the change whole. */
static void
died_after_commit(void **state)
{
	struct shard_intent committed;
	struct shard *s;
	int64_t slot;

	(void)state;
	open_small(64);
	s = &w.worker[0].shard[0];
	slot = create(1, 1);
	committed = s->head->intent;			/* the intent of that creation, its word cleared again */
	assert_int_equal(committed.effects, 0);
	committed.effects = SHARD_RECORD | SHARD_INDEX | SHARD_POOL | SHARD_BINDING_TOTAL | SHARD_SESSION_TOTAL |
			    SHARD_SUBSCRIBER | SHARD_SUBSCRIBER_INDEX;
	for (unsigned undone = 0; undone < 1024; undone++) {
		if (undone & SHARD_INDEX)
			s->index[committed.index_cell] = 0;
		if (undone & SHARD_RECORD) {
			s->records[slot].state = committed.record_state - 257;
			s->records[slot].sessions = 0;
		}
		if (undone & SHARD_POOL) {
			struct shard_pool *pool = shard_pool(s, 0, NAT64_UDP);

			pool->free = committed.pool_free + 1;
			pool->group_free[0] = 999;
			pool->word[slot % w.layout.ports_per_shard / 64] |= UINT64_C(1) << slot % 64;
		}
		if (undone & SHARD_BINDING_TOTAL)
			s->head->total[committed.binding_total] = 0;
		if (undone & SHARD_SESSION_TOTAL)
			s->head->total[committed.session_total] = 0;
		if (undone & SHARD_SUBSCRIBER) {
			s->subscribers[committed.subscriber].state = 5;
			s->subscriber_free[0] |= 1;
			s->head->subscribers = 9;
		}
		if (undone & SHARD_SUBSCRIBER_INDEX)
			s->subscriber_index[committed.subscriber_cell] = 0;
		s->head->intent = committed;
		assert_true(shard_recover_owner(s));
		assert_false(shard_recover_owner(s));
		audit_now();
		assert_int_equal(find(1), slot);
	}
	close_small();
}

/* A hostile predecessor's intent: recovery must neither crash nor write outside. */
static void
hostile_intent(void **state)
{
	struct shard *s;

	(void)state;
	open_small(64);
	s = &w.worker[0].shard[0];
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t *word = (uint32_t *)&s->head->intent;

		for (unsigned j = 0; j < sizeof(s->head->intent) / 4; j++)
			word[j] = random_below(4) ? random_below(1u << random_below(32)) : UINT32_MAX;
		shard_recover_owner(s);
		assert_int_equal(s->head->intent.effects, 0);
	}
	close_small();
}

static void
ports_are_uniform(void **state)
{
	static unsigned hits[65536];
	struct shard *s;
	unsigned least = UINT32_MAX, most = 0;

	(void)state;
	open_small(64);
	s = &w.worker[0].shard[0];
	for (unsigned host = 0; host < 30; host++)	/* a few ports in use, so that there are holes */
		create(host, 1);
	for (unsigned i = 0; i < 170000; i++) {
		uint32_t slot = pool_pick_owner(s, 0, NAT64_UDP, w.worker[0].secret->port_key);
		uint16_t port = pool_port(&w.layout, w.worker[0].secret, 0, slot);

		assert_in_range(port, 2048, 2248);
		assert_false(record_live(s, slot));
		hits[port]++;
	}
	for (unsigned port = 2048; port <= 2248; port++) {
		struct pool_place at = pool_place(&w.layout, w.worker[0].secret, 0, NAT64_UDP, (uint16_t)port);

		assert_int_equal(pool_port(&w.layout, w.worker[0].secret, at.shard, at.slot), port);
		if (record_live(s, at.slot))
			continue;
		least = hits[port] < least ? hits[port] : least;
		most = hits[port] > most ? hits[port] : most;
	}
	/* 171 free ports, about 994 draws each; five standard deviations are 158. */
	assert_in_range(least, 836, 1152);
	assert_in_range(most, 836, 1152);
	close_small();
}

/* The two limits: ports of the pool, sessions of the shard. Neither is passed, neither loses anything. */
static void
runs_dry(void **state)
{
	static const struct {
		uint32_t max_sessions, want;
	} row[] = { { 1000, 201 }, { 64, 64 }, { 1, 1 } };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		unsigned made = 0;

		open_small(row[i].max_sessions);
		for (unsigned host = 0; host < 256; host++)
			made += create(host, 1) >= 0;
		assert_int_equal(made, row[i].want);
		assert_int_equal(shard_pool(&w.worker[0].shard[0], 0, NAT64_UDP)->free, 201 - row[i].want);
		audit_now();
		close_small();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations), cmocka_unit_test(died_after_commit),
		cmocka_unit_test(hostile_intent), cmocka_unit_test(ports_are_uniform), cmocka_unit_test(runs_dry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
