/*
 * problem.c - collect what is wrong, sort it by line, print it once
 *
 * An operator who fixes a file wants all its problems at once, in the order of the file, although they are found in
 * several passes (syntax, missing keys, contradictions between keys). So nobody prints a problem: it is added here.
 *
 * Must never: lose the information that there was a problem, whatever memory there is; n counts it in any case.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/log.h"
#include "supervisor/problem.h"

void
problem_init(struct problem_list *list, const char *file)
{
	list->file = file;
	list->n = 0;
}

static unsigned
problem_kept(const struct problem_list *list)
{
	return list->n < PROBLEM_MAX ? list->n : PROBLEM_MAX;
}

void
problem_add(struct problem_list *list, unsigned line, const char *where, const char *format, ...)
{
	struct problem *p = &list->item[problem_kept(list)];
	char text[640];
	va_list args;

	if (list->n++ >= PROBLEM_MAX)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	p->line = line;
	p->order = list->n;
	if (asprintf(&p->text, "%s%s%s", where ? where : "", where ? ": " : "", text) < 0)
		p->text = NULL;
}

void
problem_take(struct problem_list *list, unsigned line, const char *text)
{
	struct problem *p = &list->item[problem_kept(list)];

	if (list->n++ >= PROBLEM_MAX)
		return;
	p->line = line;
	p->order = list->n;
	p->text = strdup(text);
	for (char *c = p->text; c && *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
}

static int
problem_order(const void *a, const void *b)
{
	const struct problem *p = a, *q = b;

	if (p->line != q->line)
		return p->line < q->line ? -1 : 1;
	return p->order < q->order ? -1 : p->order > q->order;
}

static void
problem_sort(struct problem_list *list)
{
	qsort(list->item, problem_kept(list), sizeof(list->item[0]), problem_order);
}

static void
problem_write(const struct problem_list *list, const struct problem *p, char *out, size_t size)
{
	const char *text = p->text ? p->text : "out of memory";

	if (p->line)
		snprintf(out, size, "%s:%u: %s", list->file, p->line, text);
	else
		snprintf(out, size, "%s: %s", list->file, text);
}

void
problem_print(struct problem_list *list, FILE *out)
{
	char line[1024];

	problem_sort(list);
	for (unsigned i = 0; i < problem_kept(list); i++) {
		problem_write(list, &list->item[i], line, sizeof(line));
		fprintf(out, "%s\n", line);
	}
	if (list->n > PROBLEM_MAX)
		fprintf(out, "%s: and %u more problems\n", list->file, list->n - PROBLEM_MAX);
}

void
problem_log(struct problem_list *list)
{
	char line[900];

	problem_sort(list);
	for (unsigned i = 0; i < problem_kept(list); i++) {
		problem_write(list, &list->item[i], line, sizeof(line));
		log_line(CONFIG_LOG_ERROR, "%s", line);
	}
}

void
problem_summary(struct problem_list *list, char *out, size_t size)
{
	char line[400];

	if (list->n == 0) {
		snprintf(out, size, "no problem");
		return;
	}
	problem_sort(list);
	problem_write(list, &list->item[0], line, sizeof(line));
	if (list->n == 1)
		snprintf(out, size, "%s", line);
	else
		snprintf(out, size, "%s (and %u more; nat64d --check shows all)", line, list->n - 1);
}

void
problem_free(struct problem_list *list)
{
	for (unsigned i = 0; i < problem_kept(list); i++)
		free(list->item[i].text);
	list->n = 0;
}
