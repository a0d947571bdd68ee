/*
 * measure.h - what every benchmark needs: a clock, a namespace, a median
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Seconds of a clock: CLOCK_MONOTONIC, or CLOCK_PROCESS_CPUTIME_ID, which does not see what others take. */
static inline double
measure_seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline int
measure_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One line: what, the median of n values, least and greatest. value is sorted. tests/bench/report.py reads it. */
static inline void
measure_report(const char *what, double *value, unsigned n, const char *unit)
{
	qsort(value, n, sizeof(*value), measure_order);
	printf("%-60s %9.2f %s   (%.2f to %.2f, %u slices)\n", what, value[n / 2], unit, value[0], value[n - 1], n);
	fflush(stdout);
}

/* Say what failed, and end: a benchmark without its rig has nothing to say. */
static inline void
measure_fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

/* This thread lives in another network namespace from now on. */
static inline void
measure_enter(const char *netns)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) != 0)
		measure_fail(netns);
	close(fd);
}

#endif
