// links: supervisor/problem.o supervisor/log.o
/*
 * test_problem.c - problems come out in the order of the file, whole, and as one line each
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/problem.h"
#include "tests/unit/unit.h"

static struct problem_list list;
static char *text;
static size_t size;

static void
print(void)
{
	FILE *out;

	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	problem_print(&list, out);
	fclose(out);
}

static void
order(void **state)
{
	char summary[200];

	(void)state;
	problem_init(&list, "x.ini");
	problem_summary(&list, summary, sizeof(summary));
	assert_string_equal(summary, "no problem");
	problem_add(&list, 7, "[tenant a] mtu", "late %d", 1);
	problem_add(&list, 0, NULL, "whole file");
	problem_add(&list, 3, NULL, "first on 3");
	problem_add(&list, 3, "here", "second on 3");
	print();
	assert_string_equal(text, "x.ini: whole file\nx.ini:3: first on 3\nx.ini:3: here: second on 3\n"
			    "x.ini:7: [tenant a] mtu: late 1\n");
	problem_summary(&list, summary, sizeof(summary));
	assert_string_equal(summary, "x.ini: whole file (and 3 more; nat64d --check shows all)");
	problem_free(&list);
	assert_int_equal(list.n, 0);
}

static void
one_line_each(void **state)
{
	char summary[100];

	(void)state;
	problem_init(&list, "x.ini");
	problem_add(&list, 1, NULL, "a\nb\x1b[0m\tc");
	print();
	assert_string_equal(text, "x.ini:1: a?b?[0m?c\n");
	problem_summary(&list, summary, sizeof(summary));
	assert_string_equal(summary, "x.ini:1: a?b?[0m?c");
	problem_free(&list);
}

static void
very_many(void **state)
{
	unsigned lines = 0;

	(void)state;
	problem_init(&list, "x.ini");
	for (unsigned i = 0; i < 2 * PROBLEM_MAX; i++)
		problem_add(&list, 2 * PROBLEM_MAX - i, NULL, "%0600u", i);
	assert_int_equal(list.n, 2 * PROBLEM_MAX);
	print();
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, PROBLEM_MAX + 1);
	assert_non_null(strstr(text, "and 500 more problems\n"));
	problem_free(&list);
	free(text);
	text = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order), cmocka_unit_test(one_line_each), cmocka_unit_test(very_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
