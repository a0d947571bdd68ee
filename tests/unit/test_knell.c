// links: supervisor/knell.o
/*
 * test_knell.c - a knell tolls for the dead and for nobody else
 *
 * On a kernel before 6.11 a knell tolls when the child has been reaped, so every wait is followed by that. On one that is new
 * enough it must come before.
 */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/knell.h"
#include "tests/unit/unit.h"

#define LONG 10000			/* ms */

static int set;

/* What tolls within so many milliseconds; 0: nothing. */
static uint32_t
heard(int patience)
{
	struct pollfd wait = { .fd = set, .events = POLLIN };
	uint32_t knell = knell_tolled();

	while (knell == 0 && poll(&wait, 1, patience) == 1)
		knell = knell_tolled();
	return knell;
}

static unsigned
descriptors(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(fds))
		n++;
	closedir(fds);
	return n;
}

/* A child that has a knell, if it ties it, says so in a pipe, and stays. With a guest it has a child of its own, whose pid is said. */
static pid_t
bear(uint32_t *knell, bool tie, bool guest, pid_t *other)
{
	int rope, ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	*knell = knell_hang(&rope);
	assert_true(*knell != 0 && rope >= 0);
	pid = fork();
	if (pid == 0) {
		pid_t second = 0;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (tie)
			knell_tie(rope);
		close(rope);
		if (guest)
			second = fork();
		if ((!guest || second > 0) && write(ends[1], &second, sizeof(second)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	close(rope);
	close(ends[1]);
	assert_int_equal(read(ends[0], other, sizeof(*other)), sizeof(*other));
	close(ends[0]);
	return pid;
}

static void
kill_and_reap(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool
early_kernel(void)
{
	unsigned major = 0, minor = 0;
	struct utsname name;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 11));
}

static void
tolls_for_the_dead(void **state)
{
	unsigned before = descriptors();
	uint32_t one, two;
	pid_t first, second, none;

	(void)state;
	first = bear(&one, true, false, &none);
	second = bear(&two, true, false, &none);
	assert_true(one != two);
	assert_int_equal(heard(100), 0);
	assert_int_equal(kill(second, SIGKILL), 0);
	if (early_kernel())
		assert_int_equal(heard(LONG), two);	/* nobody has reaped it */
	assert_int_equal(waitpid(second, NULL, 0), second);
	assert_int_equal(heard(early_kernel() ? 100 : LONG), early_kernel() ? 0 : two);
	kill_and_reap(first);
	assert_int_equal(heard(LONG), one);
	assert_int_equal(heard(0), 0);
	assert_int_equal(descriptors(), before);
}

/* Whoever a child leaves behind could still run in its name. */
static void
waits_for_all(void **state)
{
	unsigned before = descriptors();
	pid_t pid, left;
	uint32_t knell;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = bear(&knell, true, true, &left);
	kill_and_reap(pid);
	assert_int_equal(heard(100), 0);
	kill_and_reap(left);
	assert_int_equal(heard(LONG), knell);
	assert_int_equal(descriptors(), before);
}

/* A child without a listener, because the kernel gave it none, is never heard of, and costs no descriptor. */
static void
silent_without_a_listener(void **state)
{
	unsigned before = descriptors();
	uint32_t knell;
	pid_t none;

	(void)state;
	kill_and_reap(bear(&knell, false, false, &none));
	assert_int_equal(heard(100), 0);
	assert_int_equal(descriptors(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tolls_for_the_dead), cmocka_unit_test(waits_for_all), cmocka_unit_test(silent_without_a_listener),
	};

	set = knell_open();
	if (set < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
