// links: supervisor/starve.o
/*
 * test_starve.c - who wants a processor and gets none is told from who does nothing, and from who turns in a loop
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/starve.h"
#include "tests/unit/unit.h"

static pid_t child, hog;

/* All on one processor; of the two who want it only a hog gets it worth speaking of. */
static pid_t
spin(int policy)
{
	struct sched_param none = { 0 };
	cpu_set_t one;
	pid_t pid;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu() > 0 ? 0 : 1, &one);	/* not ours, if there is another */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a test that fails leaves nobody turning */
		sched_setaffinity(0, sizeof(one), &one);
		sched_setscheduler(0, policy, &none);
		for (;;)
			;
	}
	return pid;
}

static void
end_one(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static int
end(void **state)
{
	(void)state;
	end_one(&child);
	end_one(&hog);
	return 0;
}

static void
rest(long ms)
{
	nanosleep(&(struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
}

/* Processor time of a process, in ms. */
static long
used(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &t), 0);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Excused at first, and no more once it has had its fair time; then again when it has moved. */
static void
a_loop(void **state)
{
	struct starve s = { 0 };
	long begun;

	(void)state;
	child = spin(SCHED_OTHER);
	rest(20);
	assert_true(starve_look(&s, child, 7));
	begun = used(child);
	while (used(child) < begun + 3 * STARVE_FAIR)
		rest(5);
	assert_false(starve_look(&s, child, 7));
	assert_false(starve_look(&s, child, 7));
	assert_true(starve_look(&s, child, 8));
}

/* Runnable all the time, but somebody else runs: excused for ever. */
static void
starved(void **state)
{
	struct starve s = { 0 };
	long begun;

	(void)state;
	hog = spin(SCHED_OTHER);
	child = spin(SCHED_IDLE);
	rest(50);
	begun = used(child);
	for (unsigned i = 0; i < 20 && used(child) < begun + STARVE_FAIR / 2; i++) {
		assert_true(starve_look(&s, child, 7));
		rest(20);
	}
	assert_true(s.seen);
}

/* Stopped, asleep, gone: no want of a processor. */
static void
idle(void **state)
{
	struct starve s = { 0 };
	int status;

	(void)state;
	child = spin(SCHED_OTHER);
	kill(child, SIGSTOP);
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_false(starve_look(&s, child, 7));
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(starve_look(&s, child, 7));
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	for (unsigned i = 0; i < 1000 && starve_look(&s, child, 7); i++)
		rest(5);		/* on its way there */
	assert_false(starve_look(&s, child, 7));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_loop, end), cmocka_unit_test_teardown(starved, end),
		cmocka_unit_test_teardown(idle, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
