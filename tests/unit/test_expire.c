/*
 * test_expire.c - the clock hand: to the second, within its budget, and what a full pool does to hold-down
 */
#include "tests/unit/unit.h"
#include "shm/audit.h"
#include "shm/pool.h"
#include "shm/session.h"
#include "shm/tcpname.h"
#include "tests/world.h"

#define PORTS 128

static struct world w;
static struct nat64 *n = &w.worker[0];
static struct shard *s;

static void
open_small(void)
{
	w.config = world_config();
	w.config.max_sessions = 1000;
	w.config.pool.item[0].port_min = 2048;
	w.config.pool.item[0].port_max = 2048 + PORTS - 1;
	world_open(&w);
	s = &n->shard[0];
	assert_int_equal(w.layout.g.shards, 1);
}

static void
close_small(void)
{
	struct audit a = { 0 };

	audit_shard(&a, s, w.region, n->secret);
	if (a.violations)
		print_error("%s (slot %u)\n", audit_words(a.rule), a.slot);
	assert_int_equal(a.violations, 0);
	world_close(&w);
}

static uint32_t
binding(unsigned host, uint32_t expires)
{
	struct record_key k = { world_ip6("2001:db8::"), (uint16_t)host, NAT64_UDP };
	struct record_first first = { .remote4 = 1, .remote_port = 9, .expires = expires };
	uint32_t slot = pool_pick_owner(s, 0, NAT64_UDP, n->secret->port_key);

	assert_int_not_equal(slot, POOL_NONE);
	assert_int_equal(record_create_owner(s, n->secret->index_key, slot, &k, world_ip4("192.0.2.1"),
					     pool_port(&w.layout, n->secret, 0, slot), &first, 1000), 0);
	return slot;
}

static uint32_t
add_session(uint32_t slot, uint32_t remote, uint32_t expires)
{
	struct record_first first = { .remote4 = remote, .remote_port = 9, .expires = expires };
	uint32_t number = session_add_owner(s, n->secret->index_key, slot, &first);

	assert_int_not_equal(number, SESSION_NONE);
	return number;
}

static void
lap(uint32_t now)
{
	while (nat64_expire(n, now, 1000, NULL))
		;
}

static unsigned
in_state(enum record_state state)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < w.layout.pool_slots; i++)
		count += (s->records[i].state & 0xff) == state;
	return count;
}

static uint64_t
sessions(void)
{
	return shard_alive(s, SHARD_SESSIONS_CREATED, NAT64_UDP) + shard_alive(s, SHARD_SESSIONS_CREATED, NAT64_TCP);
}

static void
to_the_second(void **state)
{
	uint32_t slot;

	(void)state;
	open_small();
	slot = binding(1, 1300);
	lap(1299);
	assert_true(record_live(s, slot));
	lap(1300);
	assert_int_equal(s->records[slot].state & 0xff, RECORD_HELD);
	assert_int_equal(s->expires[slot], 1420);
	lap(1419);
	assert_int_equal(s->records[slot].state & 0xff, RECORD_HELD);
	lap(1420);
	assert_int_equal(s->records[slot].state & 0xff, RECORD_FREE);
	assert_int_equal(shard_pool(s, 0, NAT64_UDP)->free, PORTS);
	close_small();
}

/* A worker that was away for long: everything due ends in the first lap, and rests from then on. */
static void
long_absence(void **state)
{
	(void)state;
	open_small();
	for (unsigned i = 0; i < 40; i++)
		binding(i, 1300 + i);
	lap(90000);
	assert_int_equal(in_state(RECORD_LIVE), 0);
	assert_int_equal(in_state(RECORD_HELD), 40);
	lap(90119);
	assert_int_equal(in_state(RECORD_HELD), 40);
	lap(90120);
	assert_int_equal(in_state(RECORD_HELD), 0);
	close_small();
}

/* One word of 64 ports per unit of budget; a lap is as many calls as it has words, and no call does more. */
static void
budget(void **state)
{
	unsigned calls = 0, words;

	(void)state;
	open_small();
	w.config.port_hold_down = 0;
	words = NAT64_N_PROTOS * w.layout.blocks_per_shard + (w.layout.g.shard_sessions + 63) / 64;
	for (unsigned i = 0; i < PORTS; i++)
		binding(i, 1300);
	lap(1299);
	for (unsigned last = PORTS;; calls++) {
		bool more = nat64_expire(n, 1300, 1, NULL);
		unsigned live = in_state(RECORD_LIVE);

		assert_true(last - live <= 64);
		last = live;
		if (!more)
			break;
		assert_true(calls <= words);
	}
	assert_int_equal(in_state(RECORD_LIVE), 0);
	assert_false(nat64_expire(n, 1300, 0, NULL));
	assert_true(nat64_expire(n, 1301, 0, NULL));
	for (unsigned b = 1; b < 200; b += 13) {
		for (calls = 0; nat64_expire(n, 1400 + b, b, NULL); calls++)
			;
		assert_true(calls <= words / b + 1);
	}
	close_small();
}

/* The second lap of a second does nothing; a lap that was interrupted goes on under the later clock. */
static void
one_lap_a_second(void **state)
{
	uint32_t slot;

	(void)state;
	open_small();
	lap(1299);
	lap(1300);
	slot = binding(1, 1300);
	assert_false(nat64_expire(n, 1300, 1000, NULL));
	assert_true(record_live(s, slot));
	lap(1301);
	assert_false(record_live(s, slot));
	slot = binding(2, 1305);
	assert_true(nat64_expire(n, 1303, 1, NULL));
	lap(1305);
	lap(1306);
	assert_false(record_live(s, slot));
	close_small();
}

/* Half of the pool may rest its full time; from there the rest shrinks with what is free. */
static void
squeeze(void **state)
{
	(void)state;
	open_small();
	for (unsigned i = 0; i < PORTS / 2; i++)
		binding(i, 1300);
	lap(1300);
	assert_int_equal(in_state(RECORD_HELD), PORTS / 2);
	lap(1330);
	assert_int_equal(in_state(RECORD_HELD), PORTS / 2);
	for (unsigned i = 0; i < PORTS / 4; i++)	/* a quarter is free: they may rest half of the time */
		binding(1000 + i, 5000);
	lap(1359);
	assert_int_equal(in_state(RECORD_HELD), PORTS / 2);
	lap(1360);
	assert_int_equal(in_state(RECORD_HELD) + n->row->counter[COUNTER_ports_squeezed], PORTS / 2);
	assert_true(in_state(RECORD_HELD) < PORTS / 2);
	close_small();
}

/* With nothing free a port that becomes idle is free at once, so that a new binding finds one. */
static void
nothing_free(void **state)
{
	uint32_t slot;

	(void)state;
	open_small();
	slot = binding(0, 1300);
	for (unsigned i = 1; i < PORTS; i++)
		binding(i, 5000);
	assert_int_equal(pool_pick_owner(s, 0, NAT64_UDP, n->secret->port_key), POOL_NONE);
	lap(1300);
	assert_int_equal(s->records[slot].state & 0xff, RECORD_FREE);
	assert_int_equal(pool_pick_owner(s, 0, NAT64_UDP, n->secret->port_key), slot);
	close_small();
}

/* A reload that shortens or removes hold-down must not leave a port at rest for longer than the old time. */
static void
hold_down_changes(void **state)
{
	(void)state;
	for (uint32_t shorter = 0; shorter <= 60; shorter += 60) {
		open_small();
		binding(1, 1300);
		lap(1300);
		w.config.port_hold_down = shorter;
		lap(1301);
		lap(1420);
		assert_int_equal(in_state(RECORD_HELD), 0);
		close_small();
	}
}

static void
sessions_end_apart(void **state)
{
	uint32_t slot;

	(void)state;
	open_small();
	slot = binding(1, 1300);
	for (unsigned i = 0; i < 20; i++)
		add_session(slot, 100 + i, 1310 + 10 * i);
	lap(1300);
	assert_true(record_live(s, slot));
	assert_int_equal(sessions(), 20);
	for (unsigned i = 0; i < 20; i++) {
		lap(1310 + 10 * i - 1);
		assert_int_equal(sessions(), 20 - i);
		lap(1310 + 10 * i);
		assert_int_equal(sessions(), 19 - i);
	}
	assert_int_equal(s->records[slot].state & 0xff, RECORD_HELD);
	close_small();
}

/* The inline place is used again while sessions of the slab live; then the inline one is the last. */
static void
inline_again(void **state)
{
	uint32_t slot;

	(void)state;
	open_small();
	slot = binding(1, 1300);
	add_session(slot, 100, 1400);
	lap(1300);
	assert_int_equal(add_session(slot, 200, 1600), SESSION_INLINE);
	lap(1400);
	assert_int_equal(sessions(), 1);
	lap(1599);
	assert_true(record_live(s, slot));
	lap(1600);
	assert_false(record_live(s, slot));
	close_small();
}

static void
statics_stay(void **state)
{
	uint32_t slot;

	(void)state;
	w.config = world_config();
	w.config.max_sessions = 1000;
	w.config.pool.item[0].port_min = 2048;
	w.config.pool.item[0].port_max = 2048 + PORTS - 1;
	w.config.static_.n = 3;
	for (unsigned i = 0; i < 3; i++)
		w.config.static_.item[i] = (struct config_static) {
			world_ip6("2001:db8::5"), world_ip4("192.0.2.1"), (uint16_t)(80 + i), (uint16_t)(80 + i), NAT64_TCP };
	world_open(&w);
	s = &n->shard[0];
	slot = w.layout.pool_slots + 1;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 10; i++)
			add_session(slot, 100 + i, 2000 + 10000 * round + 100 * (i % 5));
		lap(2399 + 10000 * round);
		assert_int_equal(sessions(), 2);
		lap(2400 + 10000 * round);
		lap(2440 + 10000 * round);
		assert_int_equal(sessions(), 0);
		assert_int_equal(s->expires[slot], 0);
		for (uint32_t i = 0; i < 3; i++)
			assert_true(record_live(s, w.layout.pool_slots + i));
	}
	close_small();
}

/* A session of the slab whose binding is gone (its owner died in an older version's way) is swept up. */
static void
orphans(void **state)
{
	uint32_t slot;

	(void)state;
	open_small();
	slot = binding(1, 5000);
	add_session(slot, 100, 5000);
	add_session(slot, 101, 1300);
	s->records[slot].state += 256;			/* another generation: nobody's sessions now */
	lap(1300);
	assert_true(s->session_free[0] & 2);		/* 1, whose time was over */
	lap(5000);
	assert_true(s->session_free[0] & 1);
	for (uint32_t i = 0; i < w.layout.session_buckets * 16; i++)
		assert_int_equal(s->session_index[i], 0);
	world_close(&w);
}

/* A peer that counts none, because its owner died in the middle, is swept up; one that counts stays as long as it does. */
static void
peers(void **state)
{
	const uint8_t *key;
	uint32_t slot, number, peer;

	(void)state;
	open_small();
	key = n->secret->index_key;
	slot = binding(1, 5000);
	number = add_session(slot, 100, 1400);
	session_vouch_owner(s, key, slot, number, 1000);
	session_vouch_owner(s, key, slot, number, 1000);
	session_vouch_owner(s, key, slot, SESSION_INLINE, 1000);
	peer = session_peer(s, key, slot, 100);
	assert_true(peer < w.layout.g.shard_sessions && s->sessions[peer].peer == 1);
	assert_true(session_known(s, key, slot, 100) && session_known(s, key, slot, 1) && !session_known(s, key, slot, 2));
	for (uint32_t now = 1100; now < 1400; now += 50)
		lap(now);
	assert_int_equal(session_peer(s, key, slot, 100), peer);
	lap(1400);
	assert_int_equal(session_peer(s, key, slot, 100), SESSION_NONE);
	number = add_session(slot, 200, 2000);
	session_vouch_owner(s, key, slot, number, 1400);
	peer = session_peer(s, key, slot, 200);
	s->sessions[number].peer = s->sessions[peer].peer = 0;
	assert_false(session_known(s, key, slot, 200));
	lap(1401);
	assert_int_equal(session_peer(s, key, slot, 200), SESSION_NONE);
	assert_int_equal(sessions(), 2);
	close_small();
}

/* When sessions fill the slab there is no room for a peer: the session stands, and lets nobody else in. */
static void
no_room_for_a_peer(void **state)
{
	const uint8_t *key;
	uint32_t slot, last = 0, count = 0;

	(void)state;
	open_small();
	key = n->secret->index_key;
	slot = binding(1, 5000);
	while (session_room(s)) {
		struct record_first first = { .remote4 = 100 + count, .remote_port = 9, .expires = 2000 };
		uint32_t number = session_add_owner(s, key, slot, &first);

		if (number == SESSION_NONE)
			break;
		session_vouch_owner(s, key, slot, number, 1000);
		last = number;
		count++;
	}
	assert_true(count >= w.layout.g.shard_sessions / 2 - 1 && last != 0);
	assert_int_equal(session_find(s, key, slot, 100 + count - 1, 9), last);
	lap(2000);
	assert_int_equal(sessions(), 1);
	for (uint32_t i = 0; i < w.layout.session_buckets * 16; i++)
		assert_int_equal(s->session_index[i], 0);
	close_small();
}

static uint32_t
connection(unsigned host, uint8_t tcp, uint32_t expires)
{
	struct record_key k = { world_ip6("2001:db8::"), (uint16_t)host, NAT64_TCP };
	struct record_first first = { .remote4 = 1, .remote_port = 9, .expires = expires, .tcp = tcp };
	uint32_t slot = pool_pick_owner(s, 0, NAT64_TCP, n->secret->port_key);

	assert_int_equal(record_create_owner(s, n->secret->index_key, slot, &k, world_ip4("192.0.2.1"),
					     pool_port(&w.layout, n->secret, 0, slot), &first, 1000), 0);
	return slot;
}

/* However many are due at once: one probe a call, none twice, none forgotten, whatever the budget. */
static void
probes(void **state)
{
	uint8_t room[NAT64_PROBE_SIZE], seen[PORTS] = { 0 };
	struct nat64_packet probe = { .data = room };
	bool more = true;

	(void)state;
	for (unsigned budget = 1; budget < 1000; budget *= 9) {
		memset(seen, 0, sizeof(seen));
		open_small();
		for (unsigned i = 0; i < PORTS; i++) {
			uint32_t slot = connection(i, TCP_established, 1300);
			struct record_first first = { .remote4 = 2, .remote_port = 9, .expires = 1300, .tcp = TCP_established };

			if (i % 2)
				assert_int_not_equal(session_add_owner(s, n->secret->index_key, slot, &first), SESSION_NONE);
		}
		while (more || probe.len > 0) {
			more = nat64_expire(n, 1300, budget, &probe);
			if (probe.len > 0)
				seen[probe.data[42] << 8 | probe.data[43]]++;
		}
		for (unsigned i = 0; i < PORTS; i++)
			assert_int_equal(seen[i], 1 + i % 2);
		assert_int_equal(n->row->counter[COUNTER_tcp_probes], PORTS + PORTS / 2);
		lap(1539);
		assert_int_equal(sessions(), PORTS + PORTS / 2);
		lap(1540);
		assert_int_equal(sessions(), 0);
		close_small();
		more = true;
	}
}

/* Only established sessions are asked about; without room for a probe they get their time all the same. */
static void
who_is_asked(void **state)
{
	uint32_t slot;

	(void)state;
	for (unsigned tcp = 0; tcp < TCP_N_STATES; tcp++) {
		open_small();
		slot = connection(1, (uint8_t)tcp, 1300);
		lap(1300);
		assert_int_equal(record_live(s, slot), tcp == TCP_established);
		if (tcp == TCP_established)
			assert_true(s->records[slot].tcp == TCP_trans && s->expires[slot] == 1540);
		close_small();
	}
}

/* A successor's hand starts anew and misses nothing; a shard of somebody else is not touched. */
static void
successor(void **state)
{
	struct layout_owners *owners;
	uint32_t slot;

	(void)state;
	open_small();
	owners = layout_at(w.region, w.layout.owners);
	slot = binding(1, 1300);
	nat64_expire(n, 1300, 1, NULL);
	assert_null(nat64_attach(n, w.region, &w.layout, 0));
	nat64_configure(n, &w.config);
	nat64_adopt(n, 1300);
	s = &n->shard[0];
	owners->worker[0] = 5;
	lap(1300);
	assert_true(record_live(s, slot));
	owners->worker[0] = 0;
	lap(1301);
	assert_false(record_live(s, slot));
	close_small();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(to_the_second), cmocka_unit_test(long_absence), cmocka_unit_test(budget),
		cmocka_unit_test(one_lap_a_second), cmocka_unit_test(squeeze), cmocka_unit_test(nothing_free),
		cmocka_unit_test(hold_down_changes), cmocka_unit_test(sessions_end_apart), cmocka_unit_test(inline_again),
		cmocka_unit_test(statics_stay), cmocka_unit_test(orphans), cmocka_unit_test(successor),
		cmocka_unit_test(peers), cmocka_unit_test(no_room_for_a_peer), cmocka_unit_test(probes),
		cmocka_unit_test(who_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
