/*
 * test_flow.c - two workers and their shards: who may touch what, and what happens when a shard changes hands
 */
#include "tests/unit/unit.h"
#include "shm/audit.h"
#include "shm/pool.h"
#include "shm/session.h"
#include "tests/world.h"
#include "worker/xlat/flow.h"
#include "worker/xlat/policy.h"

#define HOSTS 64
#define POOL 100			/* addresses, where there are many */

static struct world w;
static struct layout_owners *owners;

static void
open_two(void)
{
	w.config = world_config();
	w.config.workers = 2;
	w.config.max_sessions = 4096;
	w.config.static_.n = 1;
	w.config.static_.item[0] = (struct config_static) {
		world_ip6("2001:db8:63::1"), world_ip4("192.0.2.1"), 8080, 80, NAT64_TCP };
	world_open(&w);
	owners = layout_at(w.region, w.layout.owners);
}

static void
close_two(void)
{
	struct audit a = { 0 };

	for (unsigned s = 0; s < w.layout.g.shards; s++)
		audit_shard(&a, &w.worker[0].shard[s], w.region, w.worker[0].secret);
	if (a.violations)
		print_error("%s (slot %u)\n", audit_words(a.rule), a.slot);
	assert_int_equal(a.violations, 0);
	world_close(&w);
}

static struct flow
from6(unsigned host)
{
	struct flow f = { .remote4 = world_ip4("203.0.113.5"), .remote_port = 53, .from = NAT64_FROM_IP6,
			  .proto = NAT64_UDP, .slot = FLOW_NO_SLOT };

	f.own.ip6 = world_ip6("2001:db8::1");
	f.own.ip6.b[5] = (uint8_t)host;
	f.own.port = 5000;
	return f;
}

static struct flow
from4(uint16_t port)
{
	struct flow f = { .remote4 = world_ip4("203.0.113.5"), .remote_port = 53, .from = NAT64_FROM_IP4,
			  .proto = NAT64_UDP, .slot = FLOW_NO_SLOT };

	f.own.ip4 = world_ip4("192.0.2.1");
	f.own.port = port;
	return f;
}

static const struct pkt nothing;

/* The pool port that worker `self` gives this host; the worker must be the owner. */
static uint16_t
talk(unsigned self, unsigned host)
{
	struct flow f = from6(host);

	assert_int_equal(flow_locate(&w.worker[self], &f), NAT64_translated);
	assert_int_equal(flow_bind(&w.worker[self], &f, &nothing, w.now), NAT64_translated);
	return w.worker[self].shard[f.shard].records[f.slot].port4;
}

/* Either both directions are one worker's, or both the other's; and each names the other as owner. */
static void
one_owner(void **state)
{
	unsigned owned[2] = { 0 };

	(void)state;
	open_two();
	for (unsigned host = 0; host < HOSTS; host++) {
		struct flow f[2] = { from6(host), from6(host) };
		enum nat64_verdict v0 = flow_locate(&w.worker[0], &f[0]), v1 = flow_locate(&w.worker[1], &f[1]);
		unsigned self = v0 == NAT64_translated ? 0 : 1;
		uint16_t port;

		assert_true((v0 == NAT64_translated) != (v1 == NAT64_translated));
		assert_int_equal(self ? v0 : v1, NAT64_handed_over);
		assert_int_equal(f[!self].owner, self);
		assert_int_equal(f[0].shard, f[1].shard);
		owned[self]++;
		port = talk(self, host);
		f[0] = from4(port);
		assert_int_equal(flow_locate(&w.worker[!self], &f[0]), NAT64_handed_over);
		assert_int_equal(f[0].owner, self);
		f[0] = from4(port);
		assert_int_equal(flow_locate(&w.worker[self], &f[0]), NAT64_translated);
		assert_true(f[0].slot != FLOW_NO_SLOT && flow_known(&w.worker[self], &f[0]));
	}
	assert_true(owned[0] > HOSTS / 8 && owned[1] > HOSTS / 8);
	close_two();
}

/* Every port of every protocol has exactly one owner, whichever worker is asked. */
static void
every_port(void **state)
{
	(void)state;
	open_two();
	for (unsigned proto = 0; proto < NAT64_N_PROTOS; proto++)
		for (unsigned port = 0; port < 65536; port++) {
			struct flow a = from4((uint16_t)port), b = a;
			enum nat64_verdict v0, v1;

			a.proto = b.proto = (uint8_t)proto;
			v0 = flow_locate(&w.worker[0], &a);
			v1 = flow_locate(&w.worker[1], &b);
			if ((v0 == NAT64_handed_over) == (v1 == NAT64_handed_over) || a.shard != b.shard)
				fail_msg("protocol %u port %u", proto, port);
			if (proto == NAT64_TCP && port == 80)
				assert_int_equal(a.shard, policy_shard(&w.worker[0], &w.config.static_.item[0].ip6));
		}
	close_two();
}

/* The second worker dies and is not replaced: the first takes its shards, and every binding is as it was. */
static void
hand_over(void **state)
{
	uint16_t port[HOSTS];

	(void)state;
	open_two();
	for (unsigned host = 0; host < HOSTS; host++) {
		struct flow f = from6(host);

		port[host] = talk(flow_locate(&w.worker[0], &f) == NAT64_translated ? 0 : 1, host);
	}
	for (unsigned s = 0; s < w.layout.g.shards; s++)
		owners->worker[s] = 0;
	nat64_adopt(&w.worker[0], w.now);
	for (unsigned host = 0; host < HOSTS; host++) {
		struct flow f = from6(host);

		assert_int_equal(flow_locate(&w.worker[1], &f), NAT64_handed_over);
		assert_int_equal(talk(0, host), port[host]);
	}
	w.now += w.config.udp_timeout;
	while (nat64_expire(&w.worker[0], w.now, 10000, NULL))
		;
	for (unsigned host = 0; host < HOSTS; host++) {
		struct flow f = from4(port[host]);

		assert_int_equal(flow_locate(&w.worker[0], &f), NAT64_translated);
		assert_int_equal(f.slot, FLOW_NO_SLOT);
	}
	close_two();
}

/* Nobody owns a shard: its packets are for nobody, and nothing crashes. */
static void
no_owner(void **state)
{
	struct flow f = from6(3);

	(void)state;
	open_two();
	for (unsigned s = 0; s < LAYOUT_MAX_SHARDS; s++)
		owners->worker[s] = LAYOUT_NO_OWNER;
	for (unsigned self = 0; self < 2; self++) {
		assert_int_equal(flow_locate(&w.worker[self], &f), NAT64_handed_over);
		assert_int_equal(f.owner, LAYOUT_NO_OWNER);
		while (nat64_expire(&w.worker[self], ++w.now, 10, NULL))
			;
		nat64_adopt(&w.worker[self], w.now);
	}
	close_two();
}

/* A worker died with a committed change: its successor finishes it in nat64_adopt, and only in its own shards. */
static void
adopted_intent(void **state)
{
	struct flow f = from6(1);
	struct shard_intent *in;
	unsigned self;

	(void)state;
	open_two();
	self = flow_locate(&w.worker[0], &f) == NAT64_translated ? 0 : 1;
	assert_int_equal(flow_locate(&w.worker[self], &f), NAT64_translated);
	assert_int_equal(flow_bind(&w.worker[self], &f, &nothing, w.now), NAT64_translated);
	in = &w.worker[self].shard[f.shard].head->intent;
	in->effects = SHARD_RECORD | SHARD_INDEX | SHARD_POOL | SHARD_BINDING_TOTAL | SHARD_SESSION_TOTAL;
	w.worker[self].shard[f.shard].index[in->index_cell] = 0;
	w.worker[self].shard[f.shard].records[in->slot].sessions = 0;
	nat64_adopt(&w.worker[!self], w.now);
	assert_int_not_equal(in->effects, 0);
	nat64_adopt(&w.worker[self], w.now);
	assert_int_equal(in->effects, 0);
	close_two();
}

/* Statics are there once, in the shard of their IPv6 host, however often somebody adopts. */
static void
statics_once(void **state)
{
	uint64_t created = 0;

	(void)state;
	open_two();
	for (unsigned i = 0; i < 5; i++)
		for (unsigned self = 0; self < 2; self++) {
			assert_null(nat64_attach(&w.worker[self], w.region, &w.layout, self));
			nat64_configure(&w.worker[self], &w.config);
			nat64_adopt(&w.worker[self], w.now);
		}
	for (unsigned s = 0; s < w.layout.g.shards; s++)
		created += shard_total(&w.worker[0].shard[s], SHARD_BINDINGS_CREATED, NAT64_TCP);
	assert_int_equal(created, 1);
	close_two();
}

/* What a refused packet leaves behind: nothing. */
static void
nothing_on_refusal(void **state)
{
	struct pkt ack = { .proto = NAT64_TCP, .tcp_flags = PKT_ACK };
	struct flow f = from6(1), g;
	unsigned self;

	(void)state;
	open_two();
	f.proto = NAT64_TCP;
	self = flow_locate(&w.worker[0], &f) == NAT64_translated ? 0 : 1;
	assert_int_equal(flow_locate(&w.worker[self], &f), NAT64_translated);
	assert_int_equal(flow_bind(&w.worker[self], &f, &ack, w.now), NAT64_no_session);
	assert_false(flow_known(&w.worker[self], &f));
	g = from4(2000);
	self = flow_locate(&w.worker[0], &g) == NAT64_translated ? 0 : 1;
	assert_int_equal(flow_locate(&w.worker[self], &g), NAT64_translated);
	assert_int_equal(flow_bind(&w.worker[self], &g, &nothing, w.now), NAT64_no_binding);
	for (unsigned s = 0; s < w.layout.g.shards; s++)
		for (unsigned p = 0; p < NAT64_N_PROTOS; p++)
			assert_int_equal(shard_total(&w.worker[0].shard[s], SHARD_SESSIONS_CREATED, p), 0);
	close_two();
}

/* Both buckets of every hash full: the binding is refused, and nothing has changed. */
static void
index_full(void **state)
{
	struct flow f = from6(1);
	struct shard *s;
	unsigned self;

	(void)state;
	open_two();
	self = flow_locate(&w.worker[0], &f) == NAT64_translated ? 0 : 1;
	assert_int_equal(flow_locate(&w.worker[self], &f), NAT64_translated);
	s = &w.worker[self].shard[f.shard];
	for (uint32_t i = 0; i < w.layout.index_buckets * 16; i++)
		s->index[i] = s->index[i] ? s->index[i] : UINT32_C(0xff000001);
	assert_int_equal(flow_bind(&w.worker[self], &f, &nothing, w.now), NAT64_index_full);
	assert_int_equal(shard_total(s, SHARD_BINDINGS_CREATED, NAT64_UDP), 0);
	for (uint32_t i = 0; i < w.layout.index_buckets * 16; i++)
		s->index[i] = s->index[i] == UINT32_C(0xff000001) ? 0 : s->index[i];
	assert_int_equal(flow_bind(&w.worker[self], &f, &nothing, w.now), NAT64_translated);
	close_two();
}

/* However many addresses leave, a new binding gets a port of one that stays. */
static void
leaving_ones_are_passed_over(void **state)
{
	(void)state;
	w.config = world_config();
	w.config.max_sessions = 4096;
	w.config.pool.item[0].first = w.config.pool.item[0].last = world_ip4("192.0.2.100");
	w.config.leaving_.n = 1;
	w.config.leaving_.item[0] = (struct config_pool) { world_ip4("192.0.2.1"), world_ip4("192.0.2.60"), 1024, 65535 };
	world_open(&w);
	for (unsigned host = 0; host < HOSTS; host++) {
		struct flow f = from6(host);

		assert_int_equal(flow_locate(&w.worker[0], &f), NAT64_translated);
		assert_int_equal(flow_bind(&w.worker[0], &f, &nothing, w.now), NAT64_translated);
		assert_int_equal(w.worker[0].shard[f.shard].records[f.slot].ip4, world_ip4("192.0.2.100"));
	}
	close_two();
}

/* All UDP ports are in use, as far as a shard's counts say, but those of one address; or, put back, they are not. */
static void
only_port_at(uint32_t address, bool put_back)
{
	static uint32_t was[LAYOUT_MAX_SHARDS][POOL];

	for (unsigned s = 0; s < w.layout.g.shards; s++)
		for (uint32_t a = 0; a < POOL; a++) {
			struct shard_pool *pool = shard_pool(&w.worker[0].shard[s], a, NAT64_UDP);

			if (a == address)
				continue;
			if (!put_back)
				was[s][a] = pool->free;
			pool->free = put_back ? was[s][a] : 0;
		}
}

/*
 * A port is found at whichever address it is; but when many have looked that far in this second, only among the first, and
 * by who has more than his share, too.
 */
static void
the_last_address(void **state)
{
	struct flow f;

	(void)state;
	w.config = world_config();
	w.config.max_sessions = 4096;
	w.config.pool.item[0].last += POOL - 1;
	world_open(&w);
	for (unsigned host = 0; host < HOSTS; host++) {
		uint32_t address, all, *ports;

		f = from6(host);
		address = (flow_usual_address(&w.worker[0], &f.own.ip6) + POOL - 1) % POOL;
		only_port_at(address, false);
		assert_int_equal(flow_locate(&w.worker[0], &f), NAT64_translated);
		w.worker[0].asked.second = w.now;
		w.worker[0].asked.count = UINT32_MAX / 2;
		assert_int_equal(flow_bind(&w.worker[0], &f, &nothing, w.now), NAT64_ports_exhausted);
		w.now++;
		assert_int_equal(flow_bind(&w.worker[0], &f, &nothing, w.now), NAT64_translated);
		assert_int_equal(w.worker[0].shard[f.shard].records[f.slot].ip4, world_ip4("192.0.2.1") + address);
		ports = &w.worker[0].shard[f.shard].head->ports[NAT64_UDP];
		all = *ports;
		*ports = 1;		/* so one is his share, and he has it */
		f.own.port++;
		f.slot = FLOW_NO_SLOT;
		assert_int_equal(flow_bind(&w.worker[0], &f, &nothing, w.now), NAT64_ports_exhausted);
		*ports = all;
		only_port_at(address, true);
	}
	close_two();
}

static void
wrong_attach(void **state)
{
	struct nat64 n;
	struct layout l;

	(void)state;
	open_two();
	assert_non_null(nat64_attach(&n, w.region, &w.layout, 2));
	assert_non_null(nat64_attach(&n, w.region, &w.layout, UINT32_MAX));
	l = w.layout;
	l.size--;
	assert_non_null(nat64_attach(&n, w.region, &l, 0));
	((struct layout_header *)w.region)->magic ^= 1;
	assert_non_null(nat64_attach(&n, w.region, &w.layout, 0));
	((struct layout_header *)w.region)->magic ^= 1;
	close_two();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_owner), cmocka_unit_test(every_port), cmocka_unit_test(hand_over),
		cmocka_unit_test(no_owner), cmocka_unit_test(adopted_intent), cmocka_unit_test(statics_once),
		cmocka_unit_test(nothing_on_refusal), cmocka_unit_test(index_full), cmocka_unit_test(leaving_ones_are_passed_over),
		cmocka_unit_test(the_last_address), cmocka_unit_test(wrong_attach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
