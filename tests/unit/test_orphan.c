// links: supervisor/orphan.o
/*
 * test_orphan.c - a process is known by what was noted of it, and no other one is taken for it
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "supervisor/orphan.h"
#include "tests/unit/unit.h"

/* A child that runs cat on a pipe whose other end is ours, until it is killed. */
static pid_t
child(int *end)
{
	int ends[2], ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[0], 0);
		execlp("cat", "cat", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 0);	/* closed by the exec */
	close(ready[0]);
	*end = ends[1];
	return pid;
}

static void
words(void **state)
{
	uint64_t word = orphan_word(getpid());
	void *more;

	(void)state;
	assert_true(word != 0 && orphan_whole(word));
	more = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(more, 1, 64 << 20);
	assert_true(orphan_word(getpid()) == word);	/* nothing that changes while it lives is in it */
	munmap(more, 64 << 20);
	for (unsigned bit = 0; bit < 64; bit++)
		assert_false(orphan_whole(word ^ UINT64_C(1) << bit));
	assert_true(orphan_whole(0));
	assert_true(orphan_word(0) == 0);
	assert_true(orphan_word(-1) == 0);
	assert_int_equal(orphan_open(0, "cat", 0), -ESRCH);
}

static void
known(void **state)
{
	uint32_t uid = (uint32_t)geteuid();
	int end, pidfd;
	pid_t pid = child(&end);
	uint64_t word = orphan_word(pid), other;

	(void)state;
	pidfd = orphan_open(word, "cat", uid);
	assert_true(pidfd >= 0);
	assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(orphan_open(word, "dog", uid), -ESRCH);
	if (uid != 0)
		assert_int_equal(orphan_open(word, "cat", uid + 1), -ESRCH);
	/* The same pid, started at another time: our own start time with its pid. */
	other = (word & 0x3fffff) | (orphan_word(1) & ~UINT64_C(0x3fffff));
	assert_int_equal(orphan_open(other, "cat", uid), -ESRCH);
	assert_false(orphan_gone(pidfd, 0));
	orphan_kill(pidfd);
	assert_true(orphan_gone(pidfd, 5000));
	assert_int_equal(orphan_open(word, "cat", uid), -ESRCH);	/* it still has its pid, but nothing else */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(orphan_open(word, "cat", uid), -ESRCH);
	close(pidfd);
	close(end);
}

/* A child that has not executed its program yet is still called as its parent, and still root; it will, and then work. */
static void
before_its_exec(void **state)
{
	int end[2], pidfd;
	pid_t pid;
	char byte;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, "nat64d");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(end[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(end[0], &byte, 1), 1);
	pidfd = orphan_open(orphan_word(pid), "cat", 4711);
	assert_true(pidfd >= 0);
	orphan_kill(pidfd);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(pidfd);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NAME, "nat64d");
		if (setresuid(4711, 4711, 4711) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && write(end[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(end[0], &byte, 1), 1);
	assert_int_equal(orphan_open(orphan_word(pid), "cat", 4711), -ESRCH);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(end[0]);
	close(end[1]);
}

static void
taken(void **state)
{
	int end, pidfd, fd;
	pid_t pid = child(&end);
	char text[8] = "";

	(void)state;
	pidfd = orphan_open(orphan_word(pid), "cat", (uint32_t)geteuid());
	assert_true(pidfd >= 0);
	fd = orphan_take(pidfd, 0);
	orphan_kill(pidfd);
	waitpid(pid, NULL, 0);
	if (fd == -EPERM)
		skip();
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(end, "packet", 6), 6);
	assert_int_equal(read(fd, text, sizeof(text)), 6);	/* which waited, and nobody lived */
	assert_true(orphan_take(pidfd, 77) < 0);
	close(fd);
	close(pidfd);
	close(end);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(words), cmocka_unit_test(known), cmocka_unit_test(before_its_exec),
					     cmocka_unit_test(taken) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
