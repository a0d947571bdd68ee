// links: worker/scrub.o
/*
 * test_scrub.c - the audit that a worker does beside its packets: whose shards, how often, for whom, and what is told
 */
#include "tests/unit/unit.h"
#include "shm/pool.h"
#include "shm/record.h"
#include "tests/world.h"
#include "worker/scrub.h"

static struct world w;
static struct layout_audit *line[2];
static struct scrub s[2];

static int
build(void **state)
{
	(void)state;
	w.config = world_config();
	w.config.workers = 2;
	w.config.max_sessions = 1 << 16;
	world_open(&w);
	for (unsigned i = 0; i < 2; i++) {
		line[i] = &((struct layout_worker *)layout_at(w.region, w.layout.workers))[i].audit;
		scrub_open(&s[i], &w.worker[i], line[i]);
	}
	return 0;
}

static int
demolish(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

/* Turn until there is nothing more to do now. Returns how many turns that took. */
static unsigned
turn(struct scrub *scrub, uint32_t request, uint32_t now)
{
	unsigned n = 1;

	while (scrub_turn(scrub, request, now))
		assert_true(n++ < 100000);
	return n;
}

/* The number of worker i's first shard. */
static unsigned
first_shard(unsigned i)
{
	return i * w.layout.g.shards / w.config.workers;
}

/* A live binding in one of worker i's shards. Returns its record. */
static struct record *
binding(unsigned i)
{
	const struct layout_secret *secret = w.worker[0].secret;
	struct record_first first = { .remote4 = 1, .remote_port = 9, .expires = 5000 };
	struct record_key k = { world_ip6("2001:db8::1"), 77, NAT64_UDP };
	unsigned number = first_shard(i);
	struct shard *shard = &w.worker[i].shard[number];
	uint32_t slot = pool_pick_owner(shard, 0, NAT64_UDP, secret->port_key);

	assert_int_equal(w.worker[0].owners->worker[number], i);
	assert_int_equal(record_create_owner(shard, secret->index_key, slot, &k, world_ip4("192.0.2.1"),
					     pool_port(&w.layout, secret, number, slot), &first, 1000), 0);
	return &shard->records[slot];
}

static void
own_shards_only(void **state)
{
	struct record *theirs = binding(1);

	(void)state;
	binding(0);
	theirs->port4++;
	turn(&s[0], 0, 1000);
	assert_int_equal(line[0]->sequence, 2);
	assert_int_equal(line[0]->said.finished, 1000);
	assert_int_equal(line[0]->said.shards, w.layout.g.shards / 2);
	assert_int_equal(line[0]->said.records, 1);
	assert_int_equal(line[0]->said.violations, 0);
	assert_int_equal(line[1]->said.finished, 0);
	turn(&s[1], 0, 1001);
	assert_int_equal(line[1]->said.shards, w.layout.g.shards / 2);
	assert_int_equal(line[1]->said.violations, 1);
	assert_string_equal(audit_words(line[1]->said.rule), audit_words(AUDIT_place));
	assert_int_equal(line[1]->said.shard, first_shard(1));
	assert_ptr_equal(&w.worker[1].shard[first_shard(1)].records[line[1]->said.slot], theirs);
	assert_int_equal(w.worker[1].row->counter[COUNTER_audit_violations], 1);
	assert_int_equal(w.worker[0].row->counter[COUNTER_audit_violations], 0);
}

/* Nobody asked: a round every ten seconds. What was found stays counted when it is gone. */
static void
for_ever(void **state)
{
	struct record *r = binding(0);

	(void)state;
	turn(&s[0], 0, 1000);
	for (uint32_t now = 1000; now < 1010; now++) {
		assert_int_equal(turn(&s[0], 0, now), 1);
		assert_int_equal(line[0]->said.finished, 1000);
	}
	r->port4++;
	assert_true(turn(&s[0], 0, 1010) > 1);
	assert_int_equal(line[0]->said.finished, 1010);
	assert_int_equal(line[0]->said.violations, 1);
	r->port4--;
	turn(&s[0], 0, 1020);
	assert_int_equal(line[0]->said.violations, 0);
	assert_int_equal(line[0]->said.rule, AUDIT_none);
	assert_int_equal(w.worker[0].row->counter[COUNTER_audit_violations], 1);
}

static void
on_request(void **state)
{
	(void)state;
	turn(&s[0], 0, 1000);
	turn(&s[0], 7, 1000);
	assert_int_equal(line[0]->said.answered, 7);
	assert_int_equal(line[0]->sequence, 4);
	assert_int_equal(turn(&s[0], 7, 1001), 1);
	/* One that is asked for while one that nobody asked for is under way begins anew. */
	while (s[0].shard < 2)
		assert_true(scrub_turn(&s[0], 7, 1100));
	assert_true(scrub_turn(&s[0], 8, 1100));
	assert_true(s[0].shard < 2);
	/* One that is asked for while an answer is under way comes after it. */
	while (s[0].shard < 4)
		assert_true(scrub_turn(&s[0], 8, 1100));
	assert_true(scrub_turn(&s[0], 9, 1100));
	assert_true(s[0].shard >= 4);
	while (line[0]->said.answered == 7)
		assert_true(scrub_turn(&s[0], 9, 1100));
	assert_int_equal(line[0]->said.answered, 8);
	turn(&s[0], 9, 1100);
	assert_int_equal(line[0]->said.answered, 9);
}

/* A successor finds the request unanswered, and answers it. */
static void
by_a_successor(void **state)
{
	(void)state;
	turn(&s[0], 3, 1000);
	while (s[0].shard < 4)
		assert_true(scrub_turn(&s[0], 4, 1001));
	line[0]->sequence |= 1;		/* died while it told */
	scrub_open(&s[0], &w.worker[0], line[0]);
	turn(&s[0], 4, 1001);
	assert_int_equal(line[0]->said.answered, 4);
	assert_int_equal(line[0]->sequence % 2, 0);
	assert_int_equal(line[0]->said.shards, w.layout.g.shards / 2);
}

/* A shard that is taken away in the middle is left alone. */
static void
taken_away(void **state)
{
	struct layout_owners *owners = layout_at(w.region, w.layout.owners);
	unsigned mine = 0;

	(void)state;
	for (unsigned area = 0; area < NAT64_N_PROTOS; area++)	/* so that there is more than a step to look at */
		memset(shard_pool(&w.worker[0].shard[2], 0, area)->word, 0, w.layout.blocks_per_shard * sizeof(uint64_t));
	while (s[0].shard != 2 || s[0].audit.at == 0)
		assert_true(scrub_turn(&s[0], 1, 1000));
	owners->worker[s[0].shard] = 1;
	turn(&s[0], 1, 1000);
	for (unsigned i = 0; i < w.layout.g.shards; i++)
		mine += owners->worker[i] == 0;
	assert_int_equal(mine, w.layout.g.shards / 2 - 1);
	assert_int_equal(line[0]->said.shards, mine);
	assert_true(s[0].audit.phase == 0 && s[0].audit.at == 0);
}

/* A large table: nobody asked, so it takes its share of a second and no more; who asks need not wait. */
static void
shares(void **state)
{
	unsigned seconds = 1;

	(void)state;
	world_close(&w);
	w.config.pool.item[0].last += 15;
	w.config.workers = 1;
	world_open(&w);
	for (unsigned i = 0; i < w.layout.g.shards; i++)	/* every block in use, so that every record is looked at */
		for (unsigned area = 0; area < 16 * NAT64_N_PROTOS; area++) {
			struct shard_pool *pool = shard_pool(&w.worker[0].shard[i], area / NAT64_N_PROTOS, area % NAT64_N_PROTOS);

			memset(pool->word, 0, w.layout.blocks_per_shard * sizeof(pool->word[0]));
		}
	scrub_open(&s[0], &w.worker[0], &((struct layout_worker *)layout_at(w.region, w.layout.workers))->audit);
	turn(&s[0], 0, 1000);
	while (s[0].under_way)
		turn(&s[0], 0, 1000 + seconds++);
	assert_true(seconds > 5 && seconds < 60);
	assert_true(turn(&s[0], 1, 2000) > 300);
	assert_int_equal(s[0].answered, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(own_shards_only, build, demolish),
		cmocka_unit_test_setup_teardown(for_ever, build, demolish),
		cmocka_unit_test_setup_teardown(on_request, build, demolish),
		cmocka_unit_test_setup_teardown(by_a_successor, build, demolish),
		cmocka_unit_test_setup_teardown(taken_away, build, demolish),
		cmocka_unit_test_setup_teardown(shares, build, demolish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
