// links: supervisor/number.o
/*
 * test_number.c - a tenant keeps its number, whatever comes and goes beside it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/number.h"
#include "tests/unit/unit.h"

static struct config *config;
static struct number_names *names;

static int
setup(void **state)
{
	(void)state;
	config = calloc(1, sizeof(*config));
	names = calloc(1, sizeof(*names));
	return config && names ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	free(config);
	free(names);
	return 0;
}

/* One letter a tenant, in the order of the file; everything of a tenant can be told from its letter. */
static void
file(const char *letters)
{
	memset(config, 0, sizeof(*config));
	for (uint32_t t = 0; letters[t]; t++) {
		config->tenant[t].name_[0] = letters[t];
		config->tenant[t].mtu = (uint32_t)letters[t];
		config->tenant[t].drain_timeout = 2 * (uint32_t)letters[t];
		config->broken[t] = letters[t] % 2 != 0;
		config->lines.tenant[t].section = 3 * (uint32_t)letters[t];
		config->lines.tenant[t].static_[CONFIG_MAX_STATICS - 1] = 4 * (uint32_t)letters[t];
		config->tenants++;
	}
}

/* Who has which number; a blank: nobody. */
static void
taken(const char *letters)
{
	memset(names, 0, sizeof(*names));
	for (uint32_t n = 0; letters[n]; n++)
		names->name[n][0] = letters[n] == ' ' ? '\0' : letters[n];
}

/* Every tenant is whole and at its place, and there are no others. */
static void
placed(const char *letters)
{
	assert_int_equal(config->tenants, strlen(letters));
	for (uint32_t n = 0; n < CONFIG_MAX_TENANTS; n++) {
		char letter = n < strlen(letters) && letters[n] != ' ' ? letters[n] : '\0';

		assert_int_equal(config_has(config, n), letter != '\0');
		assert_int_equal(config->tenant[n].name_[0], letter);
		assert_int_equal(config->tenant[n].mtu, letter);
		assert_int_equal(config->tenant[n].drain_timeout, 2 * letter);
		assert_int_equal(config->broken[n], letter % 2 != 0);
		assert_int_equal(config->lines.tenant[n].section, 3 * letter);
		assert_int_equal(config->lines.tenant[n].static_[CONFIG_MAX_STATICS - 1], 4 * letter);
	}
}

static void
places(void **state)
{
	static const struct {
		const char *taken, *file, *placed;
	} row[] = {
		{ "", "abc", "abc" },		/* the order of the file, when nobody was there */
		{ "abc", "abc", "abc" },
		{ "abc", "cab", "abc" },
		{ "abc", "bc", " bc" },		/* the first one is removed */
		{ "abc", "c", "  c" },
		{ "abc", "a", "a" },
		{ "abc", "cdb", " bcd" },	/* who comes does not get the number of who goes */
		{ " bc", "cdb", "dbc" },	/* but a hole */
		{ "a  b", "ydxb", " ydbx" },	/* holes are filled from below, in the order of the file */
		{ "  b", "ab", "a b" },
		{ "x", "ab", " ab" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		taken(row[i].taken);
		file(row[i].file);
		assert_null(number_place(config, names, false));
		placed(row[i].placed);
	}
}

static char all[CONFIG_MAX_TENANTS + 1];

static void
full(void **state)
{
	char other[CONFIG_MAX_TENANTS + 1];
	const char *none;

	(void)state;
	for (int t = 0; t < CONFIG_MAX_TENANTS; t++)
		all[t] = (char)('0' + t);
	taken(all);
	file(all);
	assert_null(number_place(config, names, false));
	placed(all);

	/* One goes and one comes: there is no number but that of who goes, which only a start may give away. */
	memcpy(other, all + 1, CONFIG_MAX_TENANTS - 1);
	other[CONFIG_MAX_TENANTS - 1] = '~';
	other[CONFIG_MAX_TENANTS] = '\0';
	file(other);
	none = number_place(config, names, false);
	assert_non_null(none);
	assert_string_equal(none, "~");
	placed(other);			/* as it was */
	assert_null(number_place(config, names, true));
	other[0] = '~';
	memcpy(other + 1, all + 1, CONFIG_MAX_TENANTS - 1);
	placed(other);
}

/* All orders and all sets of five: a name that had a number has it, the others have one each that was free. */
static void
orders(void **state)
{
	static const char letters[] = "abcde";

	(void)state;
	for (unsigned seed = 0; seed < 20000; seed++) {
		char before[9] = "        ", now[9] = "";
		unsigned n = 0, random = seed * 2654435761u;

		for (unsigned i = 0; i < 5; i++, random = random * 1664525 + 1013904223) {
			unsigned at = random >> 16 & 7;

			if (random >> 28 & 1 && before[at] == ' ')
				before[at] = letters[i];
			at = (random >> 20 & 7) % (n + 1);
			if (random >> 29 & 1) {
				memmove(now + at + 1, now + at, n - at + 1);
				now[at] = letters[i];
				n++;
			}
		}
		taken(before);
		file(now);
		assert_null(number_place(config, names, false));
		for (unsigned i = 0; i < n; i++) {
			const char *had = strchr(before, now[i]);
			unsigned count = 0;

			for (uint32_t t = 0; t < CONFIG_MAX_TENANTS; t++) {
				if (config->tenant[t].name_[0] != now[i])
					continue;
				count++;
				assert_true(had ? had == before + t : t >= 8 || before[t] == ' ');
				assert_int_equal(config->lines.tenant[t].section, 3 * now[i]);
			}
			assert_int_equal(count, 1);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places), cmocka_unit_test(full), cmocka_unit_test(orders),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
