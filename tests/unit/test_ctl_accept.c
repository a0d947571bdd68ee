// links: ctl/accept.o
/*
 * test_ctl_accept.c - which exposition a client gets for its Accept header
 */
#include "tests/unit/unit.h"
#include "ctl/accept.h"

static void
formats(void **state)
{
	static const struct {
		const char *accept;
		enum metrics_format format;
	} row[] = {
		{ NULL, METRICS_TEXT }, { "", METRICS_TEXT }, { "*/*", METRICS_TEXT }, { "text/plain", METRICS_TEXT },
		{ "text/html", METRICS_TEXT }, { ",,;;q=,", METRICS_TEXT },
		{ "application/openmetrics-text", METRICS_OPENMETRICS },
		{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", METRICS_OPENMETRICS },
		{ "text/plain;version=0.0.4;q=1,*/*;q=0.1", METRICS_TEXT },
		{ "application/openmetrics-text;q=0.2, text/plain;q=0.3", METRICS_TEXT },
		{ "application/openmetrics-text; q=0", METRICS_TEXT },
		{ "Application/OpenMetrics-Text; Q=0.9, text/*;q=0.8", METRICS_OPENMETRICS },
		{ "application/openmetrics-text;q=0.5", METRICS_OPENMETRICS },
		{ "application/openmetrics-textual", METRICS_TEXT },
		{ "application/openmetrics-text;q=0.12345, text/plain;q=0.122", METRICS_OPENMETRICS },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (accept_format(row[i].accept) != row[i].format)
			fail_msg("%s", row[i].accept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(formats) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
