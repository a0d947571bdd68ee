/*
 * numbers.c - every system call there is, each tried by a process of its own behind a filter
 *
 * A filter sees a number, the machine it is a number of, and six arguments. The machine of a program is its own to choose at
 * each call: on x86-64 a bit of the number says x32, and the trap 0x80 says i386. So a number that dies in one way proves nothing
 * for the other two.
 *
 * Must never: make a call that does something where a filter lets it through. With -1 for each argument none of those that
 * the filters allow does, and numbers_refuse is for filters that allow the rest.
 */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/numbers.h"
#include "tests/unit/unit.h"

#define LAST 511			/* no system call has a number as high, */
#define X32 0x40000000L
#define UPROBES(nr) ((nr) == 335 || (nr) == 336)	/* the kernel exempts uretprobe and uprobe from any filter */

static const long beyond[] = { 512, 1023, 1024, 4095, 4096, 65535, 0x3fffffff, -1 };	/* ... nor are these any */

struct job {
	int (*shut)(void), (*act)(long);
	long x;
};

static int
child(void *job)
{
	const struct rlimit no_core = { 0, 0 };
	const struct job *j = job;

	signal(SIGSEGV, SIG_DFL);		/* cmocka's handlers would make a failed test of it */
	signal(SIGILL, SIG_DFL);
	setrlimit(RLIMIT_CORE, &no_core);
	_exit(j->shut() != 0 ? NUMBERS_OPEN : j->act(j->x) ? 1 : 0);
}

/* There are thousands, so the memory is not copied: the child has a stack of its own, and the parent waits until it is gone. */
int
numbers_behind(int (*shut)(void), int (*act)(long), long x)
{
	static _Alignas(64) char stack[1 << 18];
	struct job job = { shut, act, x };
	siginfo_t info;
	pid_t pid = clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &job);

	memset(&info, 0, sizeof(info));
	assert_true(pid > 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

static int
native(long nr)
{
	syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L);
	return 1;
}

static int
i386(long nr)
{
#ifdef __x86_64__
	long out;

	__asm__ volatile("int $0x80" : "=a"(out) : "a"(nr), "b"(-1L), "c"(-1L), "d"(-1L), "S"(-1L), "D"(-1L) :
			 "memory", "r8", "r9", "r10", "r11");
	(void)out;
#else
	(void)nr;
#endif
	return 1;
}

static void
number_dies(int (*shut)(void), bool (*lives)(long nr), long nr)
{
	int got = numbers_behind(shut, native, nr);
	bool exempt = UPROBES(nr) && (got == -SIGILL || got == 1);

	if (!exempt && (lives(nr) ? got < 0 || got == NUMBERS_OPEN : got != -SIGSYS))
		fail_msg("call %ld: %d", nr, got);
#ifdef __x86_64__
	got = nr < 0 ? -SIGSYS : numbers_behind(shut, native, nr | X32);
	if (got != -SIGSYS)
		fail_msg("x32 call %ld: %d", nr, got);
	got = numbers_behind(shut, i386, nr);
	if (got != -SIGSYS && got != -SIGSEGV)		/* of a kernel without i386: the trap itself is none */
		fail_msg("i386 call %ld: %d", nr, got);
#endif
}

void
numbers_die(int (*shut)(void), bool (*lives)(long nr))
{
	unsigned died = 0;

	for (long nr = 0; nr <= LAST; nr++) {
		number_dies(shut, lives, nr);
		died += !lives(nr);
	}
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
		number_dies(shut, lives, beyond[i]);
	print_message("%u of %d numbers die, all of x32 and of i386, and %zu beyond them\n", died, LAST + 1,
		      sizeof(beyond) / sizeof(beyond[0]));
}

int
numbers_refuse(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)) : -ENOMEM;

	if (rc == 0)
		rc = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0, NULL);
	if (rc == 0)
		rc = seccomp_load(filter);
	return rc;
}
