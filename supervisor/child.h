/*
 * child.h - fork and exec a child that has its heritage and nothing else
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include <sys/types.h>
#include "supervisor/birth/heritage.h"

/* The child gets our descriptor `from` as its `to`. */
struct child_door {
	int from, to;
};

#define CHILD_MAX_DOORS 192

/*
 * Make the empty mount namespace that children born from now on share (birth/nowhere.h). Where that is not possible
 * each makes its own. Should: be called once, before the first child.
 */
void child_open(void);

#define CHILD_PATH 4096
/* Where a program of ours is: beside the running nat64d, or else where it is installed. */
void child_program(char out[CHILD_PATH], const char *name);

/*
 * Start program, called title in ps, with the n doors, the paper at HERITAGE_PAPER, /dev/null as 0 and 1 and as 2 unless
 * with_stderr. All signals are as by default. h is filled in up to magic and size, which are added. *knell tells of its end
 * (knell.h); NULL: SIGCHLD will do. Returns the pid, or -errno. A child that cannot be executed exits with 127.
 */
pid_t child_start(const char *program, const char *title, struct heritage *h, const struct child_door *doors, unsigned n,
		  bool with_stderr, uint32_t *knell);

#endif
