/*
 * problem.h - everything that is wrong with a configuration, collected before anything is said
 */
#ifndef SUPERVISOR_PROBLEM_H
#define SUPERVISOR_PROBLEM_H

#include <stdio.h>

#define PROBLEM_MAX 500			/* kept; more are only counted */

struct problem {
	unsigned line;			/* 0: the file as a whole */
	unsigned order;			/* of discovery; sorts problems of one line */
	char *text;			/* owned by the list */
};

struct problem_list {
	const char *file;		/* as the operator wrote it; not owned */
	unsigned n;			/* found */
	struct problem item[PROBLEM_MAX];
};

void problem_init(struct problem_list *list, const char *file);

/* Add a problem. where is "[tenant blue] mtu" or the like, or NULL. */
void problem_add(struct problem_list *list, unsigned line, const char *where, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Add one that is whole already, as it was said elsewhere; control characters become question marks. */
void problem_take(struct problem_list *list, unsigned line, const char *text);

/* Print them, in the order of the lines, as compilers do: FILE:LINE: WHERE: TEXT. */
void problem_print(struct problem_list *list, FILE *out);

/* Log them as errors, in the same order. */
void problem_log(struct problem_list *list);

/* One line for a status field: the first problem and how many there are. Writes at most size bytes. */
void problem_summary(struct problem_list *list, char *out, size_t size);

/* Give back what problem_add took. */
void problem_free(struct problem_list *list);

#endif
