/*
 * numbers.h - every system call there is, each tried by a process of its own behind a filter
 *
 * For the tests of all filters: of workers, nat64-ctld, nat64d and its reader.
 */
#ifndef UNIT_NUMBERS_H
#define UNIT_NUMBERS_H

#include <stdbool.h>

/*
 * Run act(x) in a process of its own, behind the filter that shut() installs; shut returns 0 when it did. Returns minus the signal
 * that ended the process, or its exit status: 1 or 0 as act said, NUMBERS_OPEN when there was no filter.
 */
int numbers_behind(int (*shut)(void), int (*act)(long), long x);
#define NUMBERS_OPEN 100

/*
 * Try every number, as a call of this machine, of x32 and of i386, with -1 for each argument. The test fails unless all die behind
 * the filter but those of this machine for which lives(number) is true, and the two that the kernel exempts from any filter.
 */
void numbers_die(int (*shut)(void), bool (*lives)(long nr));

/*
 * For shut() of a filter that denies some and allows the rest: from here on what is not killed is refused (EPERM) instead of done, so
 * that reboot(2) can be tried, too. Returns 0 or -errno.
 */
int numbers_refuse(void);

#endif
