/*
 * test_audit.c - an audit that nothing can fail proves nothing: every invariant is broken once and must be named
 *
 * Also the two functions that copy what may change meanwhile, record_read and session_read.
 */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/unit/unit.h"
#include "shm/audit.h"
#include "shm/index.h"
#include "shm/pool.h"
#include "shm/session.h"
#include "shm/subscriber.h"
#include "tests/world.h"

static struct world w;
static struct shard *s;
static uint32_t one, many, held, fixed, free_slot;	/* slots: one session, several, at rest, static, free */
static uint32_t extra;					/* a session of the slab, of `many` */
static uint32_t peer;					/* that counts it */
static struct subscriber *us, *other;			/* of `one`, `many` and the static binding; of `foreign` */
static uint32_t us_number, foreign;

static uint32_t
binding(const char *host, uint16_t port)
{
	struct record_key k = { world_ip6(host), port, NAT64_UDP };
	struct record_first first = { .remote4 = 1, .remote_port = 9, .expires = 5000 };
	const struct layout_secret *secret = w.worker[0].secret;
	uint32_t slot = pool_pick_owner(s, 0, NAT64_UDP, secret->port_key);

	assert_int_equal(record_create_owner(s, secret->index_key, slot, &k, world_ip4("192.0.2.1"),
					     pool_port(&w.layout, secret, 0, slot), &first, 1000), 0);
	return slot;
}

static int
build(void **state)
{
	struct record_first more = { .remote4 = 2, .remote_port = 9, .expires = 6000 };
	const uint8_t *key;

	(void)state;
	w.config = world_config();
	w.config.max_sessions = 64;
	w.config.pool.item[0].port_min = 2048;
	w.config.pool.item[0].port_max = 2111;
	w.config.static_.n = 1;
	w.config.static_.item[0] = (struct config_static) {
		world_ip6("2001:db8::5"), world_ip4("192.0.2.1"), 80, 80, NAT64_TCP };
	world_open(&w);
	s = &w.worker[0].shard[0];
	key = w.worker[0].secret->index_key;
	one = binding("2001:db8::1", 1);
	many = binding("2001:db8::1", 2);
	foreign = binding("2001:db8:1::1", 1);
	us_number = s->records[one].subscriber;
	us = &s->subscribers[us_number];
	other = &s->subscribers[s->records[foreign].subscriber];
	extra = session_add_owner(s, key, many, &more);
	session_vouch_owner(s, key, many, extra, 1000);
	peer = session_peer(s, key, many, 2);
	assert_true(extra < 64 && peer < 64 && peer != extra);
	held = binding("2001:db8::1", 3);
	session_remove_owner(s, key, held, SESSION_INLINE);
	record_remove_owner(s, held, key, 1000, 1120);
	fixed = w.layout.pool_slots;
	free_slot = pool_pick_owner(s, 0, NAT64_UDP, w.worker[0].secret->port_key);
	return 0;
}

static int
demolish(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

/* What the audit says first, or NULL; and it says the same when it is done in small steps. */
static const char *
audited(void)
{
	struct audit a = { 0 }, b = { 0 };
	unsigned steps = 1;

	audit_shard(&a, s, w.region, w.worker[0].secret);
	while (!audit_step(&b, s, w.region, w.worker[0].secret, 1))
		steps++;
	assert_true(steps > 5 && a.shards == 1 && b.shards == 1);
	assert_true(a.rule == b.rule && a.slot == b.slot && a.records == b.records && a.violations == b.violations);
	return a.violations ? audit_words(a.rule) : NULL;
}

/* What is broken, and the words in which the audit says so. */
#define BREAK(words, statement) \
	do { \
		memcpy(copy, s->base, w.layout.shard_size); \
		assert_null(audited()); \
		statement; \
		broken(words, __LINE__); \
		memcpy(s->base, copy, w.layout.shard_size); \
	} while (0)

static void
broken(const char *words, unsigned line)
{
	const char *said = audited();

	if (!said)
		fail_msg("line %u: not noticed: %s", line, words);
	if (!strstr(said, words))
		fail_msg("line %u: \"%s\", not \"%s\"", line, said, words);
}

static struct shard_pool *
pool(void)
{
	return shard_pool(s, 0, NAT64_UDP);
}

static void
set_free(uint32_t slot, bool value)
{
	uint32_t local = slot % w.layout.ports_per_shard;
	uint64_t bit = UINT64_C(1) << local % 64;

	pool()->word[local / 64] = value ? pool()->word[local / 64] | bit : pool()->word[local / 64] & ~bit;
}

static uint32_t *
cell_of(uint32_t slot)
{
	const struct record *r = &s->records[slot];
	struct record_key k = { r->ip6, r->port6, r->proto };
	int64_t cell = index_cell(s->index, w.layout.index_buckets, record_hash(w.worker[0].secret->index_key, &k), slot);

	assert_true(cell >= 0);
	return &s->index[cell];
}

static uint32_t *
empty_cell(void)
{
	for (uint32_t i = 0;; i++)
		if (s->index[i] == 0)
			return &s->index[i];
}

/* A free cell of the same bucket. */
static uint32_t *
twin(uint32_t *cell)
{
	uint32_t *bucket = s->index + (cell - s->index) / INDEX_BUCKET * INDEX_BUCKET;

	while (*bucket)
		bucket++;
	return bucket;
}

static void
every_invariant(void **state)
{
	uint8_t *copy = malloc(w.layout.shard_size);

	(void)state;
	BREAK("intent", s->head->intent.effects = SHARD_RECORD);
	BREAK("free bit", set_free(one, true));
	BREAK("free bit", set_free(held, true));
	BREAK("group", pool()->word[0] = UINT64_MAX);
	BREAK("free bit", s->records[free_slot].state = 3);
	BREAK("group", set_free(free_slot, false));
	BREAK("do not add up", pool()->free++);
	BREAK("do not add up", pool()->held++);
	BREAK("do not add up", pool()->held--);
	BREAK("do not add up", pool()->total++);
	BREAK("group", pool()->group_free[0]++; pool()->group_free[1]--);
	BREAK("do not add up", s->records[one].state += RECORD_HELD - RECORD_LIVE; s->expires[one] = 5);
	BREAK("do not add up", s->records[held].state += RECORD_FREE - RECORD_HELD);
	BREAK("never released", s->expires[held] = 0);
	BREAK("never expires", s->expires[one] = 0);
	BREAK("another port", s->records[one].port4++);
	BREAK("another port", s->records[one].ip4++);
	BREAK("another port", s->records[one].proto = NAT64_TCP);
	BREAK("no protocol", s->records[fixed].proto = NAT64_N_PROTOS);
	BREAK("not found", s->records[one].port6++);
	BREAK("not found", s->records[one].ip6.b[3]++);
	BREAK("not found", *cell_of(one) = 0);
	BREAK("bindings created", *cell_of(fixed) = 0);
	BREAK("no live binding", *cell_of(fixed) ^= UINT32_C(0x02000000));
	BREAK("no live binding", s->records[fixed].port6++);
	BREAK("not found", *cell_of(one) = index_value(0, one));
	BREAK("no live binding", *empty_cell() = index_value(UINT64_MAX, held));
	BREAK("no live binding", *empty_cell() = index_value(UINT64_MAX, free_slot));
	BREAK("no live binding", *empty_cell() = UINT32_MAX);
	BREAK("no live binding", *empty_cell() = UINT32_C(0xff000000));
	BREAK("no live binding", *empty_cell() = *cell_of(one));
	BREAK("differ in number", *twin(cell_of(one)) = *cell_of(one));
	BREAK("free bit disagree", s->session_free[0] |= UINT64_C(1) << extra);
	BREAK("session index", s->session_free[0] = UINT64_MAX);
	BREAK("free bit disagree", s->session_free[0] &= ~(UINT64_C(1) << 60));
	BREAK("summary", s->session_summary[0] = 0);
	BREAK("session of no binding", s->sessions[extra].key++);
	BREAK("session of no binding", s->sessions[extra].key += UINT64_C(1) << 32);
	BREAK("session of no binding", s->sessions[extra].key |= UINT64_C(0xffffffff) << 32);
	BREAK("session is not found", memset(s->session_index, 0, (size_t)w.layout.session_buckets * 64));
	BREAK("session is not found", s->sessions[extra].remote4++);
	BREAK("session is not found", s->records[many].remote4 = 2);
	BREAK("session index", s->session_index[5] = index_value(0, 60));
	BREAK("session index", s->session_index[5] = index_value(0, extra));
	BREAK("session index", s->session_index[5] = UINT32_MAX);
	BREAK("sessions created", s->records[one].sessions = UINT32_C(1) << 31);	/* as far below zero as an int goes */
	BREAK("sessions created", s->records[one].sessions++);
	BREAK("count of sessions", s->records[one].sessions++;
	      s->head->total[SHARD_SESSIONS_CREATED * NAT64_N_PROTOS + NAT64_UDP]++);
	BREAK("count of sessions", s->records[one].flags = 0);
	BREAK("session is not found", s->records[many].sessions--; s->records[one].sessions++);
	BREAK("count of sessions", s->records[many].sessions++; s->records[one].sessions--);
	BREAK("peer's count", s->sessions[peer].peer++);
	BREAK("peer's count", s->sessions[peer].peer = 0);
	BREAK("peer's count", s->sessions[extra].peer = 0);
	BREAK("peer's count", s->sessions[extra].peer++);
	BREAK("peer's count", s->sessions[extra].peer = UINT32_MAX);
	BREAK("session is not found", s->sessions[peer].remote4++);
	BREAK("session is not found", s->sessions[peer].via = 0);
	BREAK("session of no binding", s->sessions[peer].key++);
	BREAK("bindings created", s->head->total[SHARD_BINDINGS_CREATED * NAT64_N_PROTOS + NAT64_UDP]++);
	BREAK("bindings created", s->head->total[SHARD_BINDINGS_ENDED * NAT64_N_PROTOS + NAT64_UDP]--);
	BREAK("bindings created", s->head->total[SHARD_BINDINGS_CREATED * NAT64_N_PROTOS + NAT64_TCP]--);
	BREAK("sessions created", s->head->total[SHARD_SESSIONS_CREATED * NAT64_N_PROTOS + NAT64_UDP]++);
	BREAK("sessions created", s->head->total[SHARD_SESSIONS_ENDED * NAT64_N_PROTOS + NAT64_ICMP]++);
	BREAK("bindings created", s->head->total[SHARD_BINDINGS_ENDED * NAT64_N_PROTOS + NAT64_ICMP]++);
	free(copy);
}

static uint32_t *
subscriber_cell(void)
{
	uint32_t *cell = s->subscriber_index;

	while ((*cell & INDEX_NUMBER) != us_number + 1)
		cell++;
	return cell;
}

static void
every_count_of_subscribers(void **state)
{
	const uint64_t session = UINT64_C(1) << 24;
	uint8_t *copy = malloc(w.layout.shard_size);

	(void)state;
	assert_int_equal(subscriber_bindings(us->state), 3);
	assert_int_equal(subscriber_sessions(us->state), 3);
	assert_int_equal(subscriber_bindings(other->state), 1);
	assert_int_equal(s->head->subscribers, 2);
	BREAK("another subscriber", s->records[one].subscriber = s->records[foreign].subscriber);
	BREAK("another subscriber", s->records[fixed].subscriber = s->records[foreign].subscriber);
	BREAK("another subscriber", s->records[one].subscriber = w.layout.shard_subscribers - 1);
	BREAK("another subscriber", s->records[one].subscriber = UINT32_MAX);
	BREAK("another subscriber", us->prefix.b[0]++);
	BREAK("another subscriber", us->state &= ~(uint64_t)SUBSCRIBER_COUNT);
	BREAK("subscriber's count", us->state++);
	BREAK("subscriber's count", us->state--);
	BREAK("subscriber's count", us->state += session);
	BREAK("subscriber's count", us->state -= session);
	BREAK("subscriber's count", us->state--; other->state++);
	BREAK("subscriber's count", us->state -= session; other->state += session);
	BREAK("subscriber and its free bit", s->subscriber_free[0] |= UINT64_C(1) << us_number);
	BREAK("subscriber and its free bit", s->subscriber_free[0] &= ~(UINT64_C(1) << 60));
	BREAK("subscriber and its free bit", s->subscribers[7].state = 1);
	BREAK("summary", s->subscriber_summary[0] = 0);
	BREAK("subscriber is not found", *subscriber_cell() = 0);
	BREAK("subscriber is not found", *subscriber_cell() ^= UINT32_C(0x02000000));
	BREAK("subscriber index", s->subscriber_index[5] = index_value(0, 60));
	BREAK("subscriber index", s->subscriber_index[5] = UINT32_MAX);
	BREAK("subscriber index", s->subscriber_index[5] = *subscriber_cell());
	BREAK("subscriber index", s->head->subscribers++);
	BREAK("subscriber index", s->head->subscribers = 0);
	free(copy);
}

/* Garbage of any kind: the audit says so and reads nothing outside. */
static void
garbage(void **state)
{
	uint32_t x = 1, *word = s->base;
	uint8_t *copy = malloc(w.layout.shard_size);

	(void)state;
	memcpy(copy, s->base, w.layout.shard_size);
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 20000; i++) {
			x = x * 1664525 + 1013904223;
			word[(uint64_t)x * (w.layout.shard_size / 4) >> 32] = x >> x % 32;
		}
		assert_non_null(audited());
	}
	memcpy(s->base, copy, w.layout.shard_size);
	free(copy);
}

/* Memory that the table never used is not read: reading a hole of a memfd fills it. */
static void
holes_stay(void **state)
{
	static const uint8_t seed[LAYOUT_SEED_SIZE] = { 7 };
	struct config_tenant config = world_config();
	struct layout_geometry g;
	struct audit a = { 0 };
	struct stat before, after;
	struct layout l;
	struct nat64 *n = calloc(1, sizeof(*n));
	void *region;
	int fd = memfd_create("holes", 0);

	(void)state;
	layout_geometry(&g, &config);
	assert_true(n && layout_plan(&l, &g) && fd >= 0 && ftruncate(fd, (off_t)l.size) == 0);
	region = mmap(NULL, l.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(region != MAP_FAILED);
	layout_init(region, &l, &config, 0, seed);
	assert_null(nat64_attach(n, region, &l, 0));
	for (unsigned i = 0; i < l.g.shards; i++)	/* the page of each shard's head */
		n->shard[i].head->draws = 1;
	fstat(fd, &before);
	for (unsigned i = 0; i < l.g.shards; i++)
		audit_shard(&a, &n->shard[i], region, n->secret);
	fstat(fd, &after);
	assert_int_equal(a.violations, 0);
	assert_int_equal(a.shards, l.g.shards);
	assert_int_equal(after.st_blocks, before.st_blocks);
	munmap(region, l.size);
	close(fd);
	free(n);
}

static void
words_for_any_number(void **state)
{
	(void)state;
	for (uint32_t rule = 0; rule < AUDIT_N_RULES; rule++)
		assert_true(strlen(audit_words(rule)) > 5);
	assert_string_equal(audit_words(AUDIT_N_RULES), audit_words(UINT32_MAX));
}

static void
readers(void **state)
{
	struct record r;
	struct subscriber u;
	struct session e;
	uint32_t expires;

	(void)state;
	assert_true(subscriber_read(s, us_number, &u));
	assert_true(u.state == us->state && addr_ip6_equal(&u.prefix, &us->prefix));
	assert_false(subscriber_read(s, us_number + 2, &u));
	assert_true(record_read(s, one, &r, &expires));
	assert_true(r.port6 == 1 && r.proto == NAT64_UDP && r.ip4 == world_ip4("192.0.2.1") && expires == 5000);
	assert_true(record_read(s, fixed, &r, &expires));
	assert_true(r.port4 == 80 && (r.flags & RECORD_STATIC) && expires == 0);
	assert_false(record_read(s, held, &r, &expires));
	assert_false(record_read(s, free_slot, &r, &expires));
	assert_true(session_read(s, extra, &e));
	assert_true(e.remote4 == 2 && e.remote_port == 9 && e.expires == 6000 && session_slot(&e) == many);
	assert_false(session_read(s, extra + 2, &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_invariant), cmocka_unit_test(every_count_of_subscribers), cmocka_unit_test(readers),
		cmocka_unit_test(garbage), cmocka_unit_test(holes_stay), cmocka_unit_test(words_for_any_number),
	};

	return cmocka_run_group_tests(tests, build, demolish);
}
