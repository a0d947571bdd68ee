// links: supervisor/guard.o supervisor/nft.o -lmnl
/*
 * test_guard.c - the source guard is made, changed and removed whole, however long its lists; what it does to packets is
 * shown by tests/system/155-guard.sh
 *
 * Needs root; everything happens in a network namespace that ends with the test.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/guard.h"
#include "tests/unit/unit.h"

#define MOST(list) (sizeof(config.list.item) / sizeof(config.list.item[0]))

#define BOTH (GUARD_IP6 | GUARD_IP4)

static struct config_tenant config, other;

/* Lists as long as they may be, with gaps, so that no range meets another; at both ends of all addresses. */
static void
fill(struct config_tenant *c, uint32_t from)
{
	c->pool.n = MOST(pool);
	c->leaving_.n = MOST(leaving_);
	c->allow.n = MOST(allow);
	c->prefix.n = MOST(prefix);
	for (uint32_t i = 0; i < c->pool.n; i++)
		c->pool.item[i] = (struct config_pool) { from + 16 * i, from + 16 * i + 7, 1024, 65535 };
	for (uint32_t i = 0; i < c->leaving_.n; i++)
		c->leaving_.item[i] = (struct config_pool) { from + 0x10000 + 16 * i, from + 0x10000 + 16 * i, 1024, 65535 };
	for (uint32_t i = 0; i < c->allow.n; i++)
		c->allow.item[i] = (struct net4) { from + 2 * i, 32 };
	for (uint32_t i = 0; i < c->prefix.n; i++)
		c->prefix.item[i] = (struct net6) { { { 0xfd, [3] = (uint8_t)i, (uint8_t)(from >> 24) } }, 48 };
	c->router4 = UINT32_MAX;
	memset(c->router6.b, 0xff, 16);
}

static void
made_and_removed(void **state)
{
	uint64_t dropped[3] = { 1, 1, 1 };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fill(&config, 0x08000000);
	fill(&other, 0x09000000);
	assert_int_equal(guard_remove("lab"), 0);
	assert_int_equal(guard_dropped("lab", dropped), -ENOENT);
	assert_int_equal(guard_set("lab", 1, BOTH, &config, NULL), 0);
	assert_int_equal(guard_dropped("lab", dropped), 0);
	assert_true(dropped[0] == 0 && dropped[1] == 0 && dropped[2] == 0);
	assert_int_equal(guard_set("lab", 1, BOTH, &config, &other), 0);
	assert_int_equal(guard_set("lab", 1, BOTH, &other, NULL), 0);
	assert_int_equal(guard_set("lab", 2, BOTH, &other, &other), 0);
	assert_int_equal(guard_set("blue", 1, BOTH, &config, NULL), 0);
	assert_int_equal(guard_remove("lab"), 0);
	assert_int_equal(guard_dropped("lab", dropped), -ENOENT);
	assert_int_equal(guard_dropped("blue", dropped), 0);

	/* One family and not the other: from both to one, to the other, to both. */
	assert_int_equal(guard_set("blue", 1, GUARD_IP6, &config, &other), 0);
	assert_int_equal(guard_set("blue", 1, GUARD_IP4, &config, &other), 0);
	assert_int_equal(guard_set("green", 2, GUARD_IP4, &config, NULL), 0);
	assert_int_equal(guard_set("blue", 1, BOTH, &config, &other), 0);
}

/* Without the rights the kernel's answer comes back, and nothing is there. */
static void
refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(guard_set("lab", 1, BOTH, &config, NULL), -EPERM);
	assert_int_equal(guard_remove("blue"), -EPERM);
	assert_int_equal(seteuid(0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(made_and_removed), cmocka_unit_test(refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
