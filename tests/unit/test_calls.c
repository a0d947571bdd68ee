// links: supervisor/calls.o supervisor/log.o -lseccomp
/*
 * test_calls.c - each system call that syscalls.def denies kills, also behind an exec; what nat64d lives on does not
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/calls.h"
#include "tests/unit/unit.h"

#define NOT_INSTALLED 99

/* A call that the row denies, or, for rows that look at an argument, the nearest one that it does not. */
static void
make_call(const struct calls_row *row, bool denied)
{
	long arg[6] = { -1, -1, 0, -1, -1, -1 };

	if (row->kind == CALLS_BITS)
		arg[row->arg] = denied ? (long)(row->value | PROT_READ) : (long)(row->value & (row->value - 1));
	if (row->kind == CALLS_IS)
		arg[row->arg] = denied ? (long)row->value : 0;
	if (row->kind == CALLS_ABOVE)
		arg[row->arg] = (long)row->value + denied;
	syscall(row->nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

/* Behind the filter, in a process of its own. Returns its wait status. */
static int
behind(int (*filter)(void), void (*act)(const void *), const void *what)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (filter() != 0)
			_exit(NOT_INSTALLED);
		act(what);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
denied_call(const void *row)
{
	make_call(row, true);
}

static void
allowed_call(const void *row)
{
	make_call(row, false);
}

static bool
killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void
every_row_kills(void **state)
{
	(void)state;
	assert_true(calls_n > 50);
	for (size_t i = 0; i < calls_n; i++) {
		const struct calls_row *row = &calls_denied[i];

		if (row->nr < 0)
			continue;
		if (!killed(behind(calls_deny, denied_call, row)))
			fail_msg("%s, argument %u, %#x: not killed", row->name, row->arg, row->value);
		if (row->kind != CALLS_ANY && behind(calls_deny, allowed_call, row) != 0)
			fail_msg("%s, argument %u, next to %#x: killed", row->name, row->arg, row->value);
	}
}

/* What births, reloads and upgrades ask for: the kernel may refuse it, the filter may not. */
static void
a_living(const void *program)
{
	int status, fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *const argv[] = { (char *)(uintptr_t)program, NULL }, *const environment[] = { NULL };
	pid_t pid;

	for (int family = AF_UNIX; family <= AF_NETLINK; family++)
		close(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	syscall(SYS_bpf, 0, NULL, 0);
	syscall(SYS_bpf, 5, NULL, 0);
	munmap(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	mount("", "", "", MS_PRIVATE, NULL);
	umount2("/there/is/no/such", MNT_DETACH);
	syscall(SYS_pivot_root, "", "");
	setns(-1, CLONE_NEWNS);
	unshare(0);
	syscall(SYS_pidfd_open, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memfd_create("", MFD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		execve(program, argv, environment);
		_exit(1);
	}
	_exit(waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 2);
}

static void
what_it_lives_on(void **state)
{
	(void)state;
	assert_int_equal(behind(calls_deny, a_living, "/bin/true"), 0);
}

static void
another_program(const void *call)
{
	char *const argv[] = { (char *)(uintptr_t)"test_calls", (char *)(uintptr_t)call, NULL }, *const environment[] = { NULL };

	execve("/proc/self/exe", argv, environment);
	_exit(3);
}

/* An heir has it, too, and it may be installed again by one that has more rows. */
static void
behind_an_exec(void **state)
{
	(void)state;
	assert_int_equal(behind(calls_deny, another_program, "getpid"), 0);
	assert_true(killed(behind(calls_deny, another_program, "keyctl")));
	assert_int_equal(behind(calls_deny, another_program, "again"), 0);
}

static void
reader_work(const void *fd)
{
	char byte;
	void *memory = malloc(1 << 20);

	if (!memory || read(*(const int *)fd, &byte, 1) != 1)
		_exit(4);
	free(memory);
}

static void
reader_opens(const void *path)
{
	close(open(path, O_RDONLY));
}

static void
reader_kills(const void *unused)
{
	(void)unused;
	syscall(SYS_kill, 0, 0);
}

static void
the_reader(void **state)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(behind(calls_reader, reader_work, &fd), 0);
	assert_true(killed(behind(calls_reader, reader_opens, "/dev/null")));
	assert_true(killed(behind(calls_reader, reader_kills, NULL)));
	close(fd);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_kills),
		cmocka_unit_test(what_it_lives_on),
		cmocka_unit_test(behind_an_exec),
		cmocka_unit_test(the_reader),
	};

#ifdef SANITIZED
	return 0;			/* there is no filter */
#endif
	if (argc > 1) {			/* behind_an_exec has executed us */
		if (strcmp(argv[1], "again") == 0)
			return calls_deny();
		return syscall(strcmp(argv[1], "keyctl") == 0 ? SYS_keyctl : SYS_getpid, 0, 0, 0, 0, 0) < 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
