/*
 * test_subscriber.c - the entries of subscribers: as many as bindings, found, counted, and what is beside their counts
 *
 * That the counts are right at every moment is test_table's, test_audit's and stress/step.c's to show.
 */
#include "tests/unit/unit.h"
#include "shm/audit.h"
#include "shm/pool.h"
#include "shm/session.h"
#include "shm/subscriber.h"
#include "tests/world.h"

static struct world w;
static struct shard *s;
static const uint8_t *key;

static int
build(void **state)
{
	(void)state;
	w.config = world_config();
	w.config.pool.item[0].port_max = 1024 + 999;
	w.config.max_sessions = 3000;
	world_open(&w);
	assert_int_equal(w.layout.g.shards, 1);
	s = &w.worker[0].shard[0];
	key = w.worker[0].secret->index_key;
	return 0;
}

static int
demolish(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

static struct ip6
host(unsigned n)
{
	struct ip6 ip6 = world_ip6("2001:db8::1");

	ip6.b[6] = (uint8_t)(n >> 8);
	ip6.b[7] = (uint8_t)n;
	return ip6;
}

/* The slot of a binding of host n, or POOL_NONE. */
static uint32_t
bind_one(unsigned n, enum nat64_proto proto)
{
	const struct layout_secret *secret = w.worker[0].secret;
	struct record_key k = { host(n), 7, (uint8_t)proto };
	struct record_first first = { .remote4 = 1, .remote_port = 9, .expires = 5000 };
	uint32_t slot = pool_pick_owner(s, 0, proto, secret->port_key);

	if (slot == POOL_NONE || record_create_owner(s, key, slot, &k, world_ip4("192.0.2.1"),
						     pool_port(&w.layout, secret, 0, slot), &first, 1000) != 0)
		return POOL_NONE;
	return slot;
}

static void
unbind(uint32_t slot)
{
	session_remove_owner(s, key, slot, SESSION_INLINE);
	record_remove_owner(s, slot, key, 1000, 0);
}

/* Each binding of another subscriber, until all ports and all sessions are in use: there is an entry for each. */
static void
never_the_first_to_run_out(void **state)
{
	static uint32_t slot[3000];
	struct audit a = { 0 };
	struct ip6 ip6;

	(void)state;
	for (unsigned n = 0; n < 3000; n++) {
		slot[n] = bind_one(n, n % NAT64_N_PROTOS);
		assert_true(slot[n] != POOL_NONE);
	}
	assert_int_equal(s->head->subscribers, 3000);
	assert_int_equal(session_left(s), 0);
	audit_shard(&a, s, w.region, w.worker[0].secret);
	assert_int_equal(a.violations, 0);
	for (unsigned n = 0; n < 3000; n++) {
		ip6 = host(n);
		assert_int_equal(subscriber_find(s, key, &ip6), s->records[slot[n]].subscriber);
		unbind(slot[n]);
		assert_int_equal(subscriber_find(s, key, &ip6), SUBSCRIBER_NONE);
	}
	assert_int_equal(s->head->subscribers, 0);
	slot[0] = bind_one(9, NAT64_UDP);
	assert_int_equal(s->records[slot[0]].subscriber, 0);	/* the lowest free place */
	unbind(slot[0]);
}

static void
rates(void **state)
{
	uint32_t slot = bind_one(1, NAT64_UDP), n = s->records[slot].subscriber;

	(void)state;
	for (uint32_t now = 1; now != 0; now = now < UINT32_MAX - 70000 ? now + 65537 : 0) {
		assert_int_equal(subscriber_made(s, n, now), 0);
		for (unsigned i = 1; i < 4; i++) {
			subscriber_make_owner(s, n, now);
			assert_int_equal(subscriber_made(s, n, now), i);
		}
		assert_int_equal(subscriber_made(s, n, now + 1), 0);
	}
	for (unsigned i = 0; i < (1u << 20) + 5; i++)
		subscriber_make_owner(s, n, 77);
	assert_int_equal(subscriber_made(s, n, 77), (1u << 20) - 1);
	assert_int_equal(subscriber_made(s, n, 78), 0);
	unbind(slot);
	assert_int_equal(subscriber_made(s, n, 77), 0);
	slot = bind_one(2, NAT64_UDP);
	assert_int_equal(s->records[slot].subscriber, n);	/* in the same place */
	assert_int_equal(subscriber_made(s, n, 77), 0);
	unbind(slot);
}

static void
refusals(void **state)
{
	uint32_t slot = bind_one(1, NAT64_UDP), n = s->records[slot].subscriber;
	struct subscriber copy;

	(void)state;
	subscriber_refuse_owner(s, n);
	subscriber_refuse_owner(s, n);
	assert_true(subscriber_read(s, n, &copy));
	assert_int_equal(copy.drops, 2);
	s->subscribers[n].drops = UINT32_MAX;
	subscriber_refuse_owner(s, n);
	assert_int_equal(s->subscribers[n].drops, UINT32_MAX);
	unbind(slot);
	slot = bind_one(2, NAT64_UDP);
	assert_true(subscriber_read(s, n, &copy));
	assert_int_equal(copy.drops, 0);
	unbind(slot);
	assert_false(subscriber_read(s, n, &copy));
}

/* Numbers from a damaged record: nobody's, and nothing is written. */
static void
any_number(void **state)
{
	const uint32_t number[] = { SUBSCRIBER_NONE, w.layout.shard_subscribers, w.layout.shard_subscribers - 1, 1u << 24 };
	uint8_t *copy = malloc(w.layout.shard_size);
	struct shard_intent in = { 0 };

	(void)state;
	memcpy(copy, s->base, w.layout.shard_size);
	for (unsigned i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		assert_int_equal(subscriber_state(s, number[i]), 0);
		assert_int_equal(subscriber_made(s, number[i], 1), 0);
		subscriber_make_owner(s, number[i], 1);
		subscriber_refuse_owner(s, number[i]);
		subscriber_session(s, &in, number[i], 1);
		subscriber_leave(s, key, &in, number[i]);
		assert_int_equal(in.effects, 0);
	}
	assert_memory_equal(copy, s->base, w.layout.shard_size);
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_the_first_to_run_out), cmocka_unit_test(rates), cmocka_unit_test(refusals),
		cmocka_unit_test(any_number),
	};

	return cmocka_run_group_tests(tests, build, demolish);
}
