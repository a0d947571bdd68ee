/*
 * test_emit.c - IPv4 identifications go round, and none comes again before nearly all others of its worker were used
 */
#include "tests/unit/unit.h"
#include "tests/world.h"
#include "worker/xlat/emit.h"

#define MOST 64				/* in a row: more segments than one packet stands for */
#define CALLS 30000

static struct world w;
static uint32_t used[65536];		/* the how manieth each was when it came last; 0: never */

static uint32_t
share_of(unsigned workers)
{
	uint32_t share = 65536;

	while (share * workers > 65536)
		share /= 2;
	return share;
}

/* So many numbers in a row, from a worker with a share of so many: they stay in it, and were not used for long. */
static void
take(struct nat64 *n, uint32_t share, uint32_t packets, uint32_t *count)
{
	uint32_t first = emit_id(n, world_ip4("192.0.2.1"), world_ip4("203.0.113.5"), PKT_PROTO_UDP, packets);

	for (uint32_t id = first; id < first + packets; id++) {
		assert_in_range(id, n->worker * share + (n->worker == 0), (n->worker + 1) * share - 1);
		if (used[id])
			assert_in_range(*count + 1 - used[id], share - MOST, UINT32_MAX);
		used[id] = ++*count;
	}
}

static void
rounds(unsigned workers, uint32_t packets)
{
	uint32_t share = share_of(workers);

	w.config = world_config();
	w.config.workers = workers;
	world_open(&w);
	memset(used, 0, sizeof(used));
	for (unsigned i = 0; i < workers; i++) {
		uint32_t count = 0;

		for (unsigned call = 0; call < CALLS || count < 3 * share; call++)
			take(&w.worker[i], share, packets ? packets : 1 + call * 7 % MOST, &count);
	}
	world_close(&w);
}

static void
test_one_by_one(void **state)
{
	(void)state;
	rounds(1, 1);
	rounds(2, 1);
	rounds(3, 1);
	rounds(16, 1);
}

static void
test_in_a_row(void **state)
{
	(void)state;
	rounds(1, 0);
	rounds(5, 0);
	rounds(16, MOST);
}

/* Every one of them is used: a round of single ones leaves none out but 0. */
static void
test_all(void **state)
{
	uint32_t count = 0, unused = 0;

	(void)state;
	w.config = world_config();
	world_open(&w);
	memset(used, 0, sizeof(used));
	while (count < 65535)
		take(&w.worker[0], 65536, 1, &count);
	for (uint32_t id = 0; id < 65536; id++)
		unused += used[id] == 0;
	assert_int_equal(unused, 1);
	assert_int_equal(used[0], 0);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_by_one), cmocka_unit_test(test_in_a_row), cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
