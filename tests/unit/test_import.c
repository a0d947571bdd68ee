/*
 * test_import.c - bindings move to a new region: what the new configuration still allows comes over, and nothing else
 *
 * Tables are filled at random, given to a region with another configuration, number of workers or layout, and compared
 * session by session with what a plain list says. Also: killed at any moment, as often as you like; and an old region of
 * random bytes.
 */
#include "tests/unit/unit.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "shm/audit.h"
#include "shm/pool.h"
#include "shm/tcpname.h"
#include "tests/world.h"
#include "worker/xlat/import.h"
#include "worker/xlat/policy.h"

#define NOW 1000
#define MOST 20000

static uint64_t seed = 88172645463325252u;

static uint32_t
random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) * n >> 32);
}

/* A session as an outsider sees it. */
struct seen {
	struct net6 prefix;
	struct ip6 ip6;
	uint32_t ip4, remote4, expires, created;
	uint16_t port6, port4, remote_port;
	uint8_t proto, tcp, fixed;
};

struct list {
	struct seen item[MOST];
	unsigned n;
};

static struct world old, new;
static struct list was, is;
static unsigned full;			/* sessions of the old table, whatever comes over */

static struct config_tenant
wide_config(void)
{
	struct config_tenant c = world_config();

	c.pool.item[0].last = c.pool.item[0].first + 3;
	c.max_sessions = 1 << 16;
	c.workers = 2;
	c.prefix.n = 2;
	c.prefix.item[1] = (struct net6) { world_ip6("2001:db8:64::"), 96 };
	c.static_.n = 2;
	c.static_.item[0] = (struct config_static) { world_ip6("2001:db8:1::80"), world_ip4("192.0.2.1"), 8080, 80, NAT64_TCP };
	c.static_.item[1] = (struct config_static) { world_ip6("2001:db8:2::53"), world_ip4("192.0.2.3"), 53, 5353, NAT64_UDP };
	return c;
}

static struct nat64 *
owner(struct world *w, unsigned shard)
{
	const struct layout_owners *owners = layout_at(w->region, w->layout.owners);

	return &w->worker[owners->worker[shard]];
}

static void
add_session(struct nat64 *n, unsigned shard, uint32_t slot)
{
	struct record_first first = {
		.remote4 = world_ip4("203.0.113.0") + random_below(40), .remote_port = (uint16_t)(1 + random_below(3)),
		.expires = NOW - 20 + random_below(400), .tcp = (uint8_t)random_below(TCP_N_STATES),
		.via = (uint8_t)random_below(n->config->prefix.n),
	};

	if (session_find(&n->shard[shard], n->secret->index_key, slot, first.remote4, first.remote_port) == SESSION_NONE)
		session_add_owner(&n->shard[shard], n->secret->index_key, slot, &first);
}

static void
add_binding(void)
{
	struct record_key key = { .ip6 = world_ip6("2001:db8::1"), .port6 = (uint16_t)(1 + random_below(50)),
				  .proto = (uint8_t)random_below(NAT64_N_PROTOS) };
	struct record_first first = { .remote4 = world_ip4("203.0.113.7"), .remote_port = 7, .expires = NOW + 50 };
	uint32_t slot, address;
	struct nat64 *n;
	unsigned shard;

	key.ip6.b[6] = (uint8_t)random_below(60);
	key.ip6.b[15] = (uint8_t)random_below(3);
	shard = policy_shard(&old.worker[0], &key.ip6);
	n = owner(&old, shard);
	if (record_find(&n->shard[shard], &key, record_hash(n->secret->index_key, &key)) >= 0)
		return;
	address = random_below(n->header->addresses_used);
	slot = pool_pick_owner(&n->shard[shard], address, key.proto, n->secret->port_key);
	if (slot == POOL_NONE)
		return;
	assert_int_equal(record_create_owner(&n->shard[shard], n->secret->index_key, slot, &key,
					     n->header->address[address].ip4,
					     pool_port(&n->layout, n->secret, shard, slot), &first, NOW - 100), 0);
	for (unsigned i = random_below(5); i > 0; i--)
		add_session(n, shard, slot);
	if (random_below(8) == 0)		/* one that has lost its inline session */
		session_remove_owner(&n->shard[shard], n->secret->index_key, slot, SESSION_INLINE);
	if (n->shard[shard].records[slot].sessions == 0)
		record_remove_owner(&n->shard[shard], slot, n->secret->index_key, NOW, NOW + 60);
}

static void
fill(const struct config_tenant *config, unsigned bindings)
{
	old.config = *config;
	world_open(&old);
	for (unsigned i = 0; i < bindings; i++)
		add_binding();
	for (uint32_t i = 0; i < config->static_.n; i++) {
		unsigned shard = policy_shard(&old.worker[0], &config->static_.item[i].ip6);

		for (unsigned k = 0; k < 6; k++)
			add_session(owner(&old, shard), shard, old.layout.pool_slots + i);
	}
}

static void
see(struct list *list, const struct world *w, const struct record *r, uint32_t remote4, uint16_t port, uint8_t tcp,
    uint8_t via, uint32_t expires)
{
	struct seen *s = &list->item[list->n++];

	assert_true(list->n <= MOST);
	memset(s, 0, sizeof(*s));
	s->prefix = w->config.prefix.item[via];
	s->ip6 = r->ip6;
	s->ip4 = r->ip4;
	s->port6 = r->port6;
	s->port4 = r->port4;
	s->proto = r->proto;
	s->remote4 = remote4;
	s->remote_port = port;
	s->tcp = tcp;
	s->created = r->created;
	s->expires = expires;
	s->fixed = r->flags & RECORD_STATIC;
	if (s->fixed)
		s->created = 0;			/* made anew with its session */
}

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct seen));
}

static void
look(struct list *list, struct world *w)
{
	list->n = 0;
	for (unsigned n = 0; n < w->layout.g.shards; n++) {
		struct shard *s = &owner(w, n)->shard[n];

		for (uint32_t slot = 0; slot < w->layout.slots; slot++)
			if (record_live(s, slot) && (s->records[slot].flags & RECORD_INLINE))
				see(list, w, &s->records[slot], s->records[slot].remote4, s->records[slot].remote_port,
				    s->records[slot].tcp, s->records[slot].via, s->expires[slot]);
		for (uint32_t i = 0; i < w->layout.g.shard_sessions; i++)
			if (s->sessions[i].key)
				see(list, w, &s->records[session_slot(&s->sessions[i])], s->sessions[i].remote4,
				    s->sessions[i].remote_port, s->sessions[i].tcp, s->sessions[i].via, s->sessions[i].expires);
	}
	qsort(list->item, list->n, sizeof(list->item[0]), compare);
}

/* Written without a look at import.c: may this session live under this configuration? */
static bool
allowed(const struct seen *s, const struct config_tenant *c, bool lasting)
{
	bool prefix = false, pool = false, taken = false, mine = false, served = false;

	for (uint32_t i = 0; i < c->prefix.n; i++)
		prefix = prefix || memcmp(&c->prefix.item[i], &s->prefix, sizeof(s->prefix)) == 0;
	for (uint32_t i = 0; i < c->pool.n + c->leaving_.n; i++) {
		const struct config_pool *p = i < c->pool.n ? &c->pool.item[i] : &c->leaving_.item[i - c->pool.n];

		pool = pool || (s->ip4 >= p->first && s->ip4 <= p->last && s->port4 >= p->port_min && s->port4 <= p->port_max);
	}
	for (uint32_t i = 0; i < c->static_.n; i++) {
		const struct config_static *t = &c->static_.item[i];

		if (t->ip4 != s->ip4 || t->proto != s->proto || t->port4 != s->port4)
			continue;
		taken = true;
		mine = t->port6 == s->port6 && addr_ip6_equal(&t->ip6, &s->ip6);
	}
	for (uint32_t i = 0; i < c->source.n; i++)
		served = served || addr_in_net6(&s->ip6, &c->source.item[i]);
	if (lasting && (!served || s->proto != NAT64_TCP || s->tcp != TCP_established))
		return false;
	return prefix && s->expires > NOW && (s->fixed ? mine : pool && !taken);
}

/* How many rests of ports there are on addresses of this pool. */
static unsigned
held(struct world *w, const struct config_tenant *c)
{
	unsigned n = 0;

	for (unsigned s = 0; s < w->layout.g.shards; s++)
		for (uint32_t slot = 0; slot < w->layout.pool_slots; slot++) {
			uint32_t ip4 = ((struct layout_header *)w->region)->address[slot / w->layout.ports_per_shard /
										     NAT64_N_PROTOS].ip4;
			unsigned port = pool_port(&w->layout, w->worker[0].secret, s, slot);

			if ((owner(w, s)->shard[s].records[slot].state & 0xff) == RECORD_HELD && ip4 >= c->pool.item[0].first &&
			    ip4 <= c->pool.item[0].last && port >= c->pool.item[0].port_min && port <= c->pool.item[0].port_max)
				n++;
		}
	return n;
}

static void
open_heir(const struct config_tenant *config, const struct foreign *f, void *memory, size_t room)
{
	uint8_t other[LAYOUT_SEED_SIZE];
	struct layout_geometry g;

	memset(other, 99, sizeof(other));
	new.config = *config;
	layout_geometry_heir(&g, config, f->shape.shards);
	g.offload = 0;
	g.addresses = 0;		/* no room to spare, for an audit looks at every slot */
	for (uint32_t i = 0; i < config->pool.n + config->leaving_.n; i++) {
		const struct config_pool *p = i < config->pool.n ? &config->pool.item[i] :
								   &config->leaving_.item[i - config->pool.n];

		g.addresses += p->last - p->first + 1;
	}
	assert_true(layout_plan(&new.layout, &g) && new.layout.size <= room);
	new.region = memory;
	layout_init_heir(memory, &new.layout, config, f, other);
}

static void
attach(void)
{
	for (unsigned i = 0; i < new.config.workers; i++) {
		assert_null(nat64_attach(&new.worker[i], new.region, &new.layout, i));
		nat64_configure(&new.worker[i], &new.config);
	}
}

static void
import_all(const struct foreign *f, bool lasting)
{
	attach();
	for (unsigned i = 0; i < new.config.workers; i++) {
		nat64_import(&new.worker[i], f, lasting, NOW);
		nat64_adopt(&new.worker[i], NOW);
	}
}

static void
audit_all(void)
{
	struct audit a = { 0 };

	for (unsigned s = 0; s < new.layout.g.shards; s++)
		audit_shard(&a, &owner(&new, s)->shard[s], new.region, new.worker[0].secret);
	if (a.violations)
		print_error("%s (slot %u)\n", audit_words(a.rule), a.slot);
	assert_int_equal(a.violations, 0);
}

static void
expect(const struct config_tenant *config, bool lasting)
{
	unsigned n = 0;

	full = was.n;
	for (unsigned i = 0; i < was.n; i++)
		if (allowed(&was.item[i], config, lasting))
			was.item[n++] = was.item[i];
	was.n = n;
	look(&is, &new);
	assert_int_equal(is.n, was.n);
	assert_memory_equal(is.item, was.item, was.n * sizeof(is.item[0]));
}

#define ROOM ((size_t)2 << 30)		/* untouched, most of it */

static void *
fresh(void)
{
	void *memory = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

/* Move a full table to this configuration and compare. */
static void
move(const struct config_tenant *from, const struct config_tenant *to, bool lasting)
{
	void *memory = fresh();
	unsigned rests;
	struct foreign f;

	fill(from, 1000);
	look(&was, &old);
	assert_true(was.n > 1000);
	assert_null(foreign_check(&f, old.region, old.layout.size));
	open_heir(to, &f, memory, ROOM);
	import_all(&f, lasting);
	expect(to, lasting);
	rests = held(&old, to);
	assert_true(lasting || rests > 0);
	assert_int_equal(held(&new, to), rests);
	audit_all();
	munmap(memory, ROOM);
	world_close(&old);
}

static void
test_the_same(void **state)
{
	struct config_tenant c = wide_config();

	(void)state;
	move(&c, &c, false);
	assert_true(is.n > full * 8 / 10);
}

static void
test_lasting(void **state)
{
	struct config_tenant c = wide_config(), d = c;

	(void)state;
	d.source.item[0] = (struct net6) { world_ip6("2001:db8::"), 51 };	/* half of the hosts */
	move(&c, &d, true);
	assert_true(is.n > 10 && is.n < full / 6);
}

static void
test_pool_grows_below_and_above(void **state)
{
	struct config_tenant c = wide_config(), d = c;

	(void)state;
	d.pool.item[0].first -= 1;	/* every address has another number now */
	d.pool.item[0].last += 2;
	move(&c, &d, false);
}

static void
test_pool_shrinks(void **state)
{
	struct config_tenant c = wide_config(), d = c;

	(void)state;
	d.pool.item[0].first += 1;
	d.pool.item[0].port_max = 40000;
	d.static_.item[0].ip4 += 1;
	move(&c, &d, false);
	assert_true(is.n > full / 5 && is.n < full / 2);
}

static void
test_addresses_leave(void **state)
{
	struct config_tenant c = wide_config(), d = c;

	(void)state;
	d.pool.item[0].last = d.pool.item[0].first;
	d.leaving_.n = 1;
	d.leaving_.item[0] = (struct config_pool) { d.pool.item[0].first + 1, d.pool.item[0].first + 3, 1024, 65535 };
	move(&c, &d, false);
	assert_true(is.n > full * 8 / 10);
}

static void
test_workers(void **state)
{
	static const uint32_t workers[] = { 1, 3, 5, 16 };

	(void)state;
	for (unsigned i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		struct config_tenant c = wide_config(), d = c;

		d.workers = workers[i];
		move(&c, &d, false);
	}
}

static void
test_prefixes(void **state)
{
	struct config_tenant c = wide_config(), d = c, e = c;

	(void)state;
	d.prefix.n = 3;
	d.prefix.item[0] = (struct net6) { world_ip6("2001:db8:99::"), 96 };
	d.prefix.item[1] = c.prefix.item[1];
	d.prefix.item[2] = c.prefix.item[0];
	move(&c, &d, false);
	assert_true(is.n > full * 8 / 10);
	e.prefix.n = 1;
	e.prefix.item[0] = c.prefix.item[1];
	move(&c, &e, false);
	assert_true(is.n > full / 4 && is.n < full * 3 / 4);
}

static void
test_statics(void **state)
{
	struct config_tenant c = wide_config(), d = c;
	unsigned fixed = 0;

	(void)state;
	d.static_.n = 64;			/* some of them take ports that dynamic bindings have */
	for (uint32_t i = 0; i < 64; i++)
		d.static_.item[i] = (struct config_static) { world_ip6("2001:db8:3::1"), world_ip4("192.0.2.2"),
							     (uint16_t)(1 + i), (uint16_t)(2000 + 37 * i), NAT64_UDP };
	d.static_.item[40] = c.static_.item[1];
	move(&c, &d, false);
	for (unsigned i = 0; i < is.n; i++)
		fixed += is.item[i].fixed;
	assert_true(fixed > 0);
	d.static_.item[40].port6++;		/* the pool sides of others now */
	d.static_.item[41] = c.static_.item[0];
	d.static_.item[41].ip6.b[15]++;
	move(&c, &d, false);
	for (unsigned i = 0; i < is.n; i++)
		assert_false(is.item[i].fixed);
}

static void
test_counts_go_on(void **state)
{
	struct config_tenant c = wide_config(), d = c;
	uint64_t created = 0, now = 0, cut = 0;
	void *memory = fresh();
	struct foreign f;

	(void)state;
	d.workers = 1;
	d.pool.item[0].last--;
	fill(&c, 1500);
	for (unsigned w = 0; w < 2; w++)
		for (unsigned v = 0; v < NAT64_N_VERDICTS; v++)
			old.worker[w].row->verdict[NAT64_FROM_IP6][v] = 1000 * w + v;
	old.worker[1].row->icmp[1][3][2] = 77;
	assert_null(foreign_check(&f, old.region, old.layout.size));
	open_heir(&d, &f, memory, ROOM);
	import_all(&f, false);
	for (unsigned v = 0; v < NAT64_N_VERDICTS; v++)
		assert_int_equal(new.worker[0].row->verdict[NAT64_FROM_IP6][v], 1000 + 2 * v);
	assert_int_equal(new.worker[0].row->icmp[1][3][2], 77);
	for (unsigned s = 0; s < new.layout.g.shards; s++) {
		cut += new.worker[0].shard[s].head->cut;
		for (unsigned p = 0; p < NAT64_N_PROTOS; p++) {
			created += shard_total(&owner(&old, s)->shard[s], SHARD_BINDINGS_CREATED, p);
			now += shard_total(&new.worker[0].shard[s], SHARD_BINDINGS_CREATED, p);
		}
	}
	assert_int_equal(now, created);
	assert_true(cut > 50);
	assert_int_equal(new.worker[0].row->counter[COUNTER_bindings_cut], cut);
	munmap(memory, ROOM);
	world_close(&old);
}

/*
 * Children are killed while they import, until one comes through. They get an eighth more time with every try, so that
 * some dozens are enough however slow a build or a machine is.
 */
static void
test_killed(void **state)
{
	struct config_tenant c = wide_config(), d = c;
	unsigned deaths = 0;
	struct foreign f;

	(void)state;
	d.pool.item[0].last += 2;
	fill(&c, 1000);
	assert_null(foreign_check(&f, old.region, old.layout.size));
	for (unsigned round = 0; round < 5; round++) {
		void *memory = fresh();
		uint32_t most = 150;		/* microseconds */
		int status = -1;

		open_heir(&d, &f, memory, ROOM);
		for (; status != 0; most += most / 8) {
			uint32_t moment = 50 + random_below(most);
			pid_t pid = fork();

			if (pid == 0) {
				import_all(&f, false);
				_exit(0);
			}
			assert_true(pid > 0);
			usleep(moment);
			kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, &status, 0), pid);
			deaths += status != 0;
		}
		attach();
		look(&was, &old);
		expect(&d, false);
		audit_all();
		munmap(memory, ROOM);
	}
	world_close(&old);
	assert_true(deaths > 0);
}

/* Copy to fresh memory what is not zero anyway, which is little of a region. */
static void
copy_region(uint8_t *to, const uint8_t *from, size_t size)
{
	static const uint8_t zero[LAYOUT_PAGE];

	for (size_t at = 0; at < size; at += LAYOUT_PAGE)
		if (memcmp(from + at, zero, LAYOUT_PAGE))
			memcpy(to + at, from + at, LAYOUT_PAGE);
}

/* Whatever the old region says, nothing outside it is read, and the new one is sound. */
static void
test_hostile(void **state)
{
	struct config_tenant c = wide_config();
	unsigned refused = 0;

	(void)state;
	c.pool.item[0].last = c.pool.item[0].first;
	c.max_sessions = 4096;
	fill(&c, 300);
	for (unsigned round = 0; round < 100; round++) {
		void *memory = fresh();
		size_t size, from, to;
		struct foreign f;
		uint8_t *copy;

		size = old.layout.size;
		copy = mmap(NULL, size + 2 * LAYOUT_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		assert_true(copy != MAP_FAILED);
		assert_int_equal(mprotect(copy, LAYOUT_PAGE, PROT_NONE), 0);
		assert_int_equal(mprotect(copy + LAYOUT_PAGE + size, LAYOUT_PAGE, PROT_NONE), 0);
		copy += LAYOUT_PAGE;
		copy_region(copy, old.region, old.layout.shards + old.layout.shard_size);
		from = round % 3 == 0 ? 16 : old.layout.shards;
		to = round % 3 == 0 ? 16 + sizeof(struct layout_shape) : old.layout.shards + old.layout.shard_size;
		for (unsigned i = round % 3 == 1 ? 20000 : 1 + random_below(3); i > 0; i--)
			copy[from + random_below((uint32_t)(to - from))] ^= (uint8_t)(1 + random_below(255));
		if (foreign_check(&f, copy, size) == NULL && f.shape.shards <= 64 &&
		    f.shape.shards == old.layout.g.shards) {
			open_heir(&c, &f, memory, ROOM);
			import_all(&f, false);
			if (round % 3)
				audit_all();
		} else {
			refused++;
		}
		munmap(copy - LAYOUT_PAGE, size + 2 * LAYOUT_PAGE);
		munmap(memory, ROOM);
	}
	world_close(&old);
	assert_true(refused > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same), cmocka_unit_test(test_lasting),
		cmocka_unit_test(test_pool_grows_below_and_above), cmocka_unit_test(test_pool_shrinks),
		cmocka_unit_test(test_addresses_leave), cmocka_unit_test(test_workers), cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_statics), cmocka_unit_test(test_counts_go_on), cmocka_unit_test(test_killed),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
