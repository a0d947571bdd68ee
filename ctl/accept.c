/*
 * accept.c - which exposition format an HTTP client prefers (RFC 9110 section 12.5.1)
 *
 * The header is a list of media ranges, each with a weight q from 0 to 1 that is 1 when not said. The most specific
 * range that covers a type gives its weight. OpenMetrics is sent only to those who name it with a weight above that
 * of plain text: a client that takes anything gets what every client reads.
 *
 * Must never: fail. What cannot be read is passed over, and the answer is text.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include "ctl/accept.h"

/* The weight in thousandths that the parameters in p[0 .. n) give. */
static int
weight(const char *p, size_t n)
{
	for (size_t i = 0; i + 2 < n; i++) {
		int q = 0, place = 1000;

		if ((p[i] != 'q' && p[i] != 'Q') || p[i + 1] != '=' || (i && !strchr("; \t", p[i - 1])))
			continue;
		for (i += 2; i < n && place; i++) {
			if (p[i] == '.')
				continue;
			if (p[i] < '0' || p[i] > '9')
				break;
			q += (p[i] - '0') * place;
			place /= 10;
		}
		return q < 1000 ? q : 1000;
	}
	return 1000;
}

enum metrics_format
accept_format(const char *accept)
{
	static const char *const range[] = { "*/*", "text/*", "text/plain", "application/openmetrics-text" };
	int q[4] = { -1, -1, -1, -1 }, text;

	while (accept && *accept) {
		size_t n, type;

		accept += strspn(accept, ", \t");
		n = strcspn(accept, ",");
		type = strcspn(accept, ";, \t");
		for (unsigned i = 0; i < 4; i++) {
			int w = weight(accept + type, n - type);

			if (strlen(range[i]) == type && strncasecmp(accept, range[i], type) == 0 && w > q[i])
				q[i] = w;
		}
		accept += n;
	}
	text = q[2] >= 0 ? q[2] : q[1] >= 0 ? q[1] : q[0];
	return q[3] > 0 && q[3] > text ? METRICS_OPENMETRICS : METRICS_TEXT;
}

const char *
accept_content_type(enum metrics_format format)
{
	return format == METRICS_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
					     : "text/plain; version=0.0.4; charset=utf-8";
}
