// links: supervisor/keys.o supervisor/value.o supervisor/address.o
/*
 * test_keys.c - config.def as a table: spelling, nearness, sameness
 */
#include <string.h>
#include "supervisor/keys.h"
#include "tests/unit/unit.h"

static void
every_row_is_whole(void **state)
{
	(void)state;
	for (unsigned i = 0; i < keys_n; i++) {
		const struct keys_row *row = &keys_rows[i];
		char key[KEYS_SPELLED];
		uint8_t field[256];
		struct value_why why;

		keys_spell(key, row);
		assert_null(strchr(key, '_'));
		assert_ptr_equal(keys_find(row->section, key), row);
		assert_true(row->size <= sizeof(field));
		assert_true(strcmp(row->when, "LIVE") == 0 || strcmp(row->when, "TABLE") == 0 || strcmp(row->when, "START") == 0);
		/* A default is a value. */
		if (row->def && *row->def && !row->parse(field, row->def, &row->range, &why))
			fail_msg("%s: %s", key, why.s);
	}
}

static void
spelling(void **state)
{
	(void)state;
	assert_non_null(keys_find("tenant", "static"));
	assert_non_null(keys_find("tenant", "udp-timeout"));
	assert_null(keys_find("tenant", "udp_timeout"));
	assert_null(keys_find("tenant", "static-"));
	assert_null(keys_find("tenant", "run-dir"));
	assert_null(keys_find("gateway", ""));
}

static void
nearness(void **state)
{
	char near[KEYS_SPELLED];

	(void)state;
	assert_int_equal(keys_distance("", ""), 0);
	assert_int_equal(keys_distance("abc", ""), 3);
	assert_int_equal(keys_distance("", "abc"), 3);
	assert_int_equal(keys_distance("kitten", "sitting"), 3);
	assert_int_equal(keys_distance("flaw", "lawn"), 2);
	assert_true(keys_nearest(near, "tenant", "mtu5"));
	assert_true(strncmp(near, "mtu", 3) == 0);
	assert_true(keys_nearest(near, "tenant", "tcp-established-timout"));
	assert_string_equal(near, "tcp-established-timeout");
	assert_false(keys_nearest(near, "tenant", "zzzzzzzzzz"));
	assert_false(keys_nearest(near, "tenant",
				  "a-word-that-is-longer-than-any-key-could-reasonably-be-expected-to-become"));
}

static void
sameness(void **state)
{
	const struct keys_row *mtu = keys_find("tenant", "mtu"), *allow = keys_find("tenant", "allow");
	static struct config_tenant a, b;

	(void)state;
	a.mtu = b.mtu = 1500;
	assert_true(keys_same(mtu, &a, &b));
	b.mtu = 1400;
	assert_false(keys_same(mtu, &a, &b));
	assert_true(keys_same(allow, &a, &b));
	a.allow.n = 1;
	a.allow.item[0] = (struct net4) { 0x0a000000, 8 };
	assert_false(keys_same(allow, &a, &b));
	b.allow.n = 1;
	b.allow.item[0] = a.allow.item[0];
	assert_true(keys_same(allow, &a, &b));
	b.allow.item[0].len = 9;
	assert_false(keys_same(allow, &a, &b));
	assert_int_equal(keys_count(allow, &a), 1);
	assert_int_equal(keys_count(mtu, &a), 1);
	assert_true(keys_live(mtu) && keys_table(mtu));
	assert_true(keys_live(allow) && !keys_table(allow));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole), cmocka_unit_test(spelling), cmocka_unit_test(nearness),
		cmocka_unit_test(sameness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
