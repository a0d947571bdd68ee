// links: tests/unit/numbers.o supervisor/birth/birth.o supervisor/birth/nowhere.o supervisor/birth/heritage.o supervisor/memory.o supervisor/tun.o worker/doors.o -lseccomp -lcap-ng
/*
 * test_sandbox.c - what a worker that was taken over may try, each attempt in a process of its own behind the real doors
 *
 * attempt[] is the list. Behind the filter of worker/syscalls.def every one of them must die. Without the filter, but after
 * the real birth, the other layers must refuse what they can; what only the filter stops is named as such. And no system
 * call by any number, in any of the three ways to make one, gets through, but those that the table allows.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/memfd.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "supervisor/birth/birth.h"
#include "supervisor/tun.h"
#include "tests/unit/numbers.h"
#include "tests/unit/unit.h"
#include "worker/doors.h"

#define ALONE 0				/* no errno: the filter alone stops it */

static char path[] = "/etc/passwd", none[] = "", word[64];
static struct timespec moment;
static struct iovec piece = { word, sizeof(word) };
static unsigned long nothing[32];
static struct ifreq detach = { .ifr_flags = IFF_DETACH_QUEUE };
static int no_program = -1, queue = -1;

#define P(x) ((long)(uintptr_t)(x))

/* Who shall be signalled and traced: the test, which is root, as nat64d would be. */
static long target;
#define TARGET -77777

static const struct attempt {
	const char *name;
	long call, argument[6];
	int without[3];			/* the errnos that other layers answer with; ALONE: no other layer stops it */
} attempt[] = {
	{ "TUNSETQUEUE", SYS_ioctl, { 3, TUNSETQUEUE, P(&detach) }, { ALONE } },
	{ "TUNSETSTEERINGEBPF", SYS_ioctl, { 3, TUNSETSTEERINGEBPF, P(&no_program) }, { ALONE } },
	{ "TUNSETPERSIST", SYS_ioctl, { 3, TUNSETPERSIST, 0 }, { ALONE } },
	{ "TUNSETOFFLOAD", SYS_ioctl, { 3, TUNSETOFFLOAD, 0 }, { ALONE } },
	{ "TUNSETIFF", SYS_ioctl, { 3, TUNSETIFF, P(nothing) }, { EEXIST, EINVAL } },
	{ "mmap executable", SYS_mmap, { 0, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 }, { EACCES } },
	{ "mmap", SYS_mmap, { 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 }, { ALONE } },
	{ "mprotect executable", SYS_mprotect, { P(NULL), 4096, PROT_EXEC, 0, 0, 0 }, { ENOMEM } },
	{ "munmap", SYS_munmap, { P(NULL), 4096 }, { ALONE } },
	{ "mremap", SYS_mremap, { P(NULL), 4096, 8192, MREMAP_MAYMOVE }, { EFAULT } },
	{ "madvise", SYS_madvise, { P(NULL), 4096, MADV_REMOVE }, { ENOMEM } },
	{ "brk", SYS_brk, { 0 }, { ALONE } },
	{ "openat", SYS_openat, { AT_FDCWD, P(path), O_RDONLY }, { ENOENT } },
	{ "openat /", SYS_openat, { AT_FDCWD, P("/"), O_RDONLY | O_DIRECTORY }, { EACCES } },
	{ "open_by_handle_at", SYS_open_by_handle_at, { AT_FDCWD, P(nothing), O_RDONLY }, { EPERM, EINVAL } },
	{ "memfd_create", SYS_memfd_create, { P(none), 0 }, { ALONE } },
	{ "fcntl seals", SYS_fcntl, { 3, F_ADD_SEALS, F_SEAL_WRITE }, { EINVAL } },
	{ "ftruncate", SYS_ftruncate, { 3, 0 }, { EINVAL } },
	{ "fallocate", SYS_fallocate, { 3, 0, 0, 4096 }, { ENODEV } },
	{ "socket inet", SYS_socket, { AF_INET, SOCK_STREAM, 0 }, { ALONE } },
	{ "socket inet6", SYS_socket, { AF_INET6, SOCK_RAW, 58 }, { EPERM } },
	{ "socket unix", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 }, { ALONE } },
	{ "socket netlink", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 }, { ALONE } },
	{ "socket packet", SYS_socket, { AF_PACKET, SOCK_RAW, 0 }, { EPERM } },
	{ "socket vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 }, { ALONE } },
	{ "connect", SYS_connect, { 3, P(nothing), 16 }, { ENOTSOCK } },
	{ "sendmsg", SYS_sendmsg, { 3, P(nothing), 0 }, { ENOTSOCK } },
	{ "clone", SYS_clone, { SIGCHLD }, { EAGAIN } },
	{ "fork", SYS_fork, { 0 }, { EAGAIN } },
	{ "vfork", SYS_vfork, { 0 }, { EAGAIN } },
	{ "clone3", SYS_clone3, { P(nothing), 64 }, { EAGAIN } },
	{ "execve", SYS_execve, { P("/bin/sh"), 0, 0 }, { ENOENT } },
	{ "execveat", SYS_execveat, { AT_FDCWD, P("/bin/sh"), 0, 0, 0 }, { ENOENT } },
	{ "kill", SYS_kill, { TARGET, SIGKILL }, { EPERM } },
	{ "tgkill", SYS_tgkill, { TARGET, TARGET, SIGKILL }, { EPERM } },
	{ "pidfd_open", SYS_pidfd_open, { TARGET, 0 }, { ALONE } },
	{ "ptrace", SYS_ptrace, { PTRACE_ATTACH, TARGET }, { EPERM } },
	{ "process_vm_readv", SYS_process_vm_readv, { TARGET, P(&piece), 1, P(&piece), 1, 0 }, { EPERM } },
	{ "kcmp", SYS_kcmp, { TARGET, TARGET, 0, 0, 0 }, { EPERM, ENOSYS } },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, P(nothing) }, { ENOMEM, EPERM, ENOSYS } },
	{ "io_uring_enter", SYS_io_uring_enter, { 3 }, { EOPNOTSUPP, ENOSYS } },
	{ "io_uring_register", SYS_io_uring_register, { 3 }, { EOPNOTSUPP, EINVAL, ENOSYS } },
	{ "userfaultfd", SYS_userfaultfd, { 0 }, { EPERM, ENOSYS } },
	{ "bpf", SYS_bpf, { 0, P(nothing), sizeof(nothing) }, { EPERM, EINVAL } },
	{ "perf_event_open", SYS_perf_event_open, { P(nothing), 0, -1, -1, 0 }, { EACCES, EPERM, ENOENT } },
	{ "keyctl", SYS_keyctl, { 0, -3, 0 }, { ALONE } },
	{ "landlock_create_ruleset", SYS_landlock_create_ruleset, { P(nothing), 8, 0 }, { ENOMSG, ENOSYS, EOPNOTSUPP } },
	{ "unshare", SYS_unshare, { CLONE_NEWNET }, { EPERM } },
	{ "unshare user", SYS_unshare, { CLONE_NEWUSER }, { ALONE } },
	{ "setns", SYS_setns, { 3, 0 }, { EINVAL } },
	{ "pivot_root", SYS_pivot_root, { P("/"), P("/") }, { EPERM } },
	{ "mount", SYS_mount, { P(none), P("/"), P("tmpfs"), 0, 0 }, { EPERM } },
	{ "chroot", SYS_chroot, { P("/") }, { EPERM } },
	{ "prctl", SYS_prctl, { 38 /* PR_SET_NO_NEW_PRIVS */, 0, 0, 0, 0 }, { EINVAL } },
	{ "seccomp", SYS_seccomp, { 1, 0xff, P(nothing) }, { EINVAL } },
	{ "setuid", SYS_setuid, { 0 }, { EPERM } },
	{ "capset", SYS_capset, { P(nothing), P(nothing) }, { EINVAL } },
	{ "setrlimit", SYS_setrlimit, { RLIMIT_NOFILE, P(nothing) }, { ALONE } },
};
#define ATTEMPTS (sizeof(attempt) / sizeof(attempt[0]))

static long
argument(const struct attempt *a, unsigned i)
{
	return a->argument[i] == TARGET ? target : a->argument[i];
}

static bool apart;			/* the worker is one with two devices */

static int
shut(void)
{
	uint32_t missing;

	return apart ? birth_close_doors(doors_apart, doors_apart_count, &missing) :
		       birth_close_doors(doors_open, doors_count, &missing);
}

/* Run act(x) behind the worker's filter. Returns minus the signal that ended it, or its exit status. */
static int
behind(int (*act)(long), long x)
{
	return numbers_behind(shut, act, x);
}

/* With -1 for each argument: no descriptor, no clock, no count that a worker has. */
static bool
worker_lives(long nr)
{
	return nr == SYS_exit_group;
}

/* Every number there is: as a call of this architecture, of x32 and of i386. */
static void
every_number(void **state)
{
	(void)state;
#ifdef SANITIZED
	skip();
#endif
	numbers_die(shut, worker_lives);
}

static int
reads(long fd)
{
	syscall(SYS_read, fd, word, sizeof(word));
	return 0;
}

static int
writes(long fd)
{
	static const uint64_t one = 1;

	syscall(SYS_write, fd, &one, sizeof(one));
	return 0;
}

static int
writes_parts(long fd)
{
	syscall(SYS_writev, fd, &piece, 1L);
	return 0;
}

static int
polls(long n)
{
	struct pollfd wait[3] = { { .fd = HERITAGE_QUEUE }, { .fd = HERITAGE_BELL }, { .fd = HERITAGE_QUEUE4 } };

	syscall(SYS_ppoll, wait, n, &moment, NULL, 0);
	return 0;
}

static int
asks_clock(long clock)
{
	return syscall(SYS_clock_gettime, clock, &moment) != 0;
}

/* The calls that are allowed, with every descriptor that is not. */
static void
descriptors(void)
{
	for (long fd = 0; fd < 1024; fd += fd < 100 ? 1 : 59) {
		bool bells = fd >= HERITAGE_BELLS && fd < HERITAGE_BELLS + CONFIG_MAX_WORKERS;
		bool queues = fd == HERITAGE_QUEUE || (apart && fd == HERITAGE_QUEUE4);

		if (behind(reads, fd) != (queues || fd == HERITAGE_BELL ? 0 : -SIGSYS))
			fail_msg("read %ld: %d", fd, behind(reads, fd));
		if (behind(writes, fd) != (queues || bells ? 0 : -SIGSYS))
			fail_msg("write %ld: %d", fd, behind(writes, fd));
		if (behind(writes_parts, fd) != (queues ? 0 : -SIGSYS))
			fail_msg("writev %ld: %d", fd, behind(writes_parts, fd));
	}
}

/* A worker with two devices may read and write one queue more, and wait for it. */
static void
two_devices(void **state)
{
	(void)state;
#ifdef SANITIZED
	skip();
#endif
	apart = true;
	descriptors();
	assert_int_equal(behind(reads, (1L << 32) + HERITAGE_QUEUE4), -SIGSYS);
	assert_int_equal(behind(writes, (1L << 32) + HERITAGE_QUEUE4), -SIGSYS);
	for (long n = 0; n < 64; n++)
		assert_int_equal(behind(polls, n), n == 2 || n == 3 ? 0 : -SIGSYS);
	apart = false;
	assert_int_equal(doors_apart_count, doors_count + 4);
}

/* The calls that are allowed, with every argument that is not. */
static void
arguments(void **state)
{
	(void)state;
#ifdef SANITIZED
	skip();
#endif
	descriptors();
	assert_int_equal(behind(reads, (1L << 32) + HERITAGE_QUEUE), -SIGSYS);
	assert_int_equal(behind(writes, (1L << 32) + HERITAGE_QUEUE), -SIGSYS);
	assert_int_equal(behind(polls, 2), 0);
	for (long n = 0; n < 64; n++)
		if (n != 2)
			assert_int_equal(behind(polls, n), -SIGSYS);
	assert_int_equal(behind(polls, 1L << 31), -SIGSYS);
	for (long clock = 0; clock < 12; clock++)
		assert_int_equal(behind(asks_clock, clock), clock == CLOCK_BOOTTIME ? 0 : -SIGSYS);
}

static int
tries(long i)
{
	const struct attempt *a = &attempt[i];

	syscall(a->call, argument(a, 0), argument(a, 1), argument(a, 2), argument(a, 3), argument(a, 4), argument(a, 5));
	return 1;
}

static void
attempts(void **state)
{
	(void)state;
#ifdef SANITIZED
	skip();
#endif
	target = getpid();
	for (long i = 0; i < (long)ATTEMPTS; i++)
		if (behind(tries, i) != -SIGSYS)
			fail_msg("%s lives", attempt[i].name);
	print_message("%zu attempts die\n", ATTEMPTS);
}

/* Attempt i after a real birth, but with no filter. Returns the errno, or 0 when it was done. */
static int
unfiltered(long i)
{
	const struct attempt *a = &attempt[i];
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct heritage h = { .kind = HERITAGE_WORKER, .uid = 64999, .gid = 64998, .workers = 16 };
		const char *step = NULL;
		uint32_t missing;

		dup2(queue, HERITAGE_QUEUES);
		for (int w = 0; w < CONFIG_MAX_WORKERS; w++)
			dup2(eventfd(0, EFD_NONBLOCK), HERITAGE_BELLS + w);
		dup2(HERITAGE_BELLS, HERITAGE_ASSIGN);
		if (birth_isolate(&h, &missing, &step) != 0)
			_exit(201);
		if (heritage_settle_worker(&h, 0) != 0)
			_exit(202);
		errno = 0;
		_exit(syscall(a->call, argument(a, 0), argument(a, 1), argument(a, 2), argument(a, 3), argument(a, 4),
			      argument(a, 5)) == -1 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 203;
}

/* The layers behind the filter. */
static void
without_the_filter(void **state)
{
	unsigned refused = 0;
	char device[TUN_NAME];

	(void)state;
#ifdef SANITIZED
	skip();
#endif
	if (geteuid() != 0)
		skip();
	target = getpid();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(tun_open(device, "nat64", TUN_BARE, 1, &queue), 0);
	for (long i = 0; i < (long)ATTEMPTS; i++) {
		const int *want = attempt[i].without;
		int got = unfiltered(i);

		if (got != want[0] && (got == 0 || (got != want[1] && got != want[2])))
			fail_msg("%s: %s, not %s", attempt[i].name, strerror(got), strerror(want[0]));
		refused += got != 0;
	}
	print_message("%u of %zu attempts are refused without the filter, the others only by it\n", refused, ATTEMPTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number), cmocka_unit_test(arguments), cmocka_unit_test(two_devices), cmocka_unit_test(attempts),
		cmocka_unit_test(without_the_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
