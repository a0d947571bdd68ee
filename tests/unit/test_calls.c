// links: tests/unit/numbers.o supervisor/calls.o supervisor/log.o -lseccomp
/*
 * test_calls.c - each system call that syscalls.def denies kills, also behind an exec, and no other one; what nat64d lives on does not
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/calls.h"
#include "tests/unit/numbers.h"
#include "tests/unit/unit.h"

/*
 * What nat64d is denied, written down once more: whoever takes a row out of syscalls.def does it twice, or this test fails. Calls
 * of which some are allowed are in deadly().
 */
static const int denied[] = {
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(modify_ldt),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(perf_event_open), SCMP_SYS(lookup_dcookie),
	SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register), SCMP_SYS(userfaultfd), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(chroot), SCMP_SYS(open_tree), SCMP_SYS(move_mount),
	SCMP_SYS(mount_setattr), 467 /* open_tree_attr: libseccomp 2.5 has no name for it */, SCMP_SYS(fsopen),
	SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fspick), SCMP_SYS(mknod),
	SCMP_SYS(mknodat), SCMP_SYS(open_by_handle_at), SCMP_SYS(fanotify_init), SCMP_SYS(quotactl), SCMP_SYS(quotactl_fd),
	SCMP_SYS(acct), SCMP_SYS(syslog), SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(vhangup),
	SCMP_SYS(personality), SCMP_SYS(execveat),
};
#define DENIED (sizeof(denied) / sizeof(denied[0]))

/* A call of which one argument decides. */
static const struct partly {
	int nr;
	unsigned arg;
} partly[] = {
	{ SCMP_SYS(bpf), 0 }, { SCMP_SYS(mmap), 2 }, { SCMP_SYS(mprotect), 2 }, { SCMP_SYS(pkey_mprotect), 2 }, { SCMP_SYS(shmat), 2 },
	{ SCMP_SYS(socket), 0 },
};
#define PARTLY (sizeof(partly) / sizeof(partly[0]))

/* Does nat64d die of this call with that in the argument that decides? */
static bool
deadly(int nr, uint64_t value)
{
	switch (nr) {
	case SCMP_SYS(bpf):
		return value != 0 && value != 5;	/* BPF_MAP_CREATE, BPF_PROG_LOAD */
	case SCMP_SYS(mmap):
		return (value & PROT_WRITE) && (value & PROT_EXEC);
	case SCMP_SYS(mprotect):
	case SCMP_SYS(pkey_mprotect):
		return value & PROT_EXEC;
	case SCMP_SYS(shmat):
		return value & SHM_EXEC;
	default:
		return value > AF_NETLINK;
	}
}

/* With all bits of each argument set. */
static bool
nat64d_lives(long nr)
{
	for (size_t i = 0; i < DENIED; i++)
		if (nr == denied[i])
			return false;
	for (size_t i = 0; i < PARTLY; i++)
		if (nr == partly[i].nr)
			return false;
	return true;
}

/* From here on the test itself is behind the filter, and with it whatever it forks: one more is quickly put before each. */
static void
every_number(void **state)
{
	(void)state;
	assert_int_equal(calls_deny(), 0);
	numbers_die(numbers_refuse, nat64d_lives);
}

static size_t trying;

static int
with_argument(long value)
{
	long arg[6] = { 0 };

	arg[partly[trying].arg] = value;
	syscall(partly[trying].nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	return 1;
}

/* Each value that there is a name for and more; a bit from above; one that only looks small. Comes after every_number. */
static void
arguments(void **state)
{
	(void)state;
	for (trying = 0; trying < PARTLY; trying++)
		for (long i = 0; i < 64 + 32 + 4; i++) {
			long value = i < 64 ? i : i < 96 ? 1L << (i - 64) : (1L << 32) + (i - 96) * 7;
			int got = numbers_behind(numbers_refuse, with_argument, value);

			if (got != (deadly(partly[trying].nr, (uint64_t)value) ? -SIGSYS : 1))
				fail_msg("call %d, argument %u, %#lx: %d", partly[trying].nr, partly[trying].arg, (unsigned long)value, got);
		}
}

/* Nothing stands there twice, nor is it unknown here without a word; and who changes the list raises its version. */
static void
the_list(void **state)
{
	static const size_t rows[] = { [1] = 61, [2] = 62 };	/* of each version */

	(void)state;
	for (size_t i = 0; i < calls_n; i++) {
		const struct calls_row *row = &calls_denied[i], *other = row;

		if (row->nr < 0)
			print_message("%s: no such call on this machine\n", row->name);
#ifdef __x86_64__
		assert_true(row->nr >= 0);
#endif
		while (other-- > calls_denied)
			if (row->nr == other->nr && (row->kind == CALLS_ANY || other->kind == CALLS_ANY ||
						     (row->kind == other->kind && row->arg == other->arg && row->value == other->value)))
				fail_msg("%s is there twice", row->name);
	}
	assert_true(CALLS_VERSION < sizeof(rows) / sizeof(rows[0]));
	assert_int_equal(calls_n, rows[CALLS_VERSION]);
}

/* What births, reloads and upgrades ask for: the kernel may refuse it, the filter may not. */
static int
a_living(long unused)
{
	int status, fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	char *const argv[] = { (char *)(uintptr_t)"/bin/true", NULL }, *const environment[] = { NULL };
	pid_t pid;

	(void)unused;
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
		execve(argv[0], argv, environment);
		_exit(1);
	}
	return waitpid(pid, &status, 0) != pid || status != 0;
}

static void
what_it_lives_on(void **state)
{
	(void)state;
	assert_int_equal(numbers_behind(calls_deny, a_living, 0), 0);
}

static int
another_program(long call)
{
	char *const argv[] = { (char *)(uintptr_t)"test_calls", (char *)(uintptr_t)call, NULL }, *const environment[] = { NULL };

	return execve("/proc/self/exe", argv, environment);
}

/* An heir has it, too, and it may be installed again by one that has more rows. */
static void
behind_an_exec(void **state)
{
	(void)state;
	assert_int_equal(numbers_behind(calls_deny, another_program, (long)(uintptr_t)"getpid"), 0);
	assert_int_equal(numbers_behind(calls_deny, another_program, (long)(uintptr_t)"keyctl"), -SIGSYS);
	assert_int_equal(numbers_behind(calls_deny, another_program, (long)(uintptr_t)"again"), 0);
}

static int
reader_work(long fd)
{
	char byte;
	void *memory = malloc(1 << 20);

	if (!memory || read((int)fd, &byte, 1) != 1)
		return 1;
	free(memory);
	return 0;
}

static bool
reader_lives(long nr)
{
	static const long rows[] = {
#define READER(name, why) SYS_##name,
#include "supervisor/syscalls.def"
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (nr == rows[i])
			return true;
	return false;
}

/* That each of its rows is needed is for 152-filter-rows. */
static void
the_reader(void **state)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(numbers_behind(calls_reader, reader_work, fd), 0);
	numbers_die(calls_reader, reader_lives);
	close(fd);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list),
		cmocka_unit_test(what_it_lives_on),
		cmocka_unit_test(behind_an_exec),
		cmocka_unit_test(the_reader),
		cmocka_unit_test(every_number),
		cmocka_unit_test(arguments),
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
