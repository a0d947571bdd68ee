// links: tests/unit/numbers.o ctl/doors.o supervisor/birth/birth.o supervisor/birth/nowhere.o -lseccomp -lcap-ng
/*
 * test_ctl_doors.c - behind the filter of nat64-ctld every system call dies but those of ctl/syscalls.def, whichever way it is made
 */
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "ctl/doors.h"
#include "tests/unit/numbers.h"
#include "tests/unit/unit.h"

static int
shut(void)
{
	uint32_t missing;

	return doors_close(&missing);
}

/* With -1 for each argument, which no row that looks at one allows. */
static bool
ctld_lives(long nr)
{
	static const long any[] = {
#define CALL(name, why) SYS_##name,
#define CALL_ARG(name, arg, mask, value, why)
#include "ctl/syscalls.def"
	};

	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
		if (nr == any[i])
			return true;
	return false;
}

static void
every_number(void **state)
{
	(void)state;
#ifdef SANITIZED
	skip();
#endif
	numbers_die(shut, ctld_lives);
}

static int
accepts(long fd)
{
	syscall(SYS_accept4, fd, -1L, -1L, -1L);
	return 1;
}

static int
sets_option(long level)
{
	syscall(SYS_setsockopt, -1L, level, -1L, -1L, -1L);
	return 1;
}

/* Alive or not, as it must be. */
static void
tried(const char *what, int (*act)(long), long x, bool lives)
{
	int got = numbers_behind(shut, act, x);

	if (got != (lives ? 1 : -SIGSYS))
		fail_msg("%s, %#lx: %d", what, (unsigned long)x, got);
}

/* The rows that look at an argument, with others. Descriptors 0 to 7: of those only sockets that listen can be accepted from. */
static void
arguments(void **state)
{
	static const long far[] = { 1L << 31, 1L << 32, (1L << 32) + 3, (1L << 32) + IPPROTO_TCP, 1L << 62, -1, -2, 0xffffffff };

	(void)state;
#ifdef SANITIZED
	skip();
#endif
	for (long x = 0; x < 40; x++) {
		tried("accept4 from", accepts, x, x < 8);
		tried("setsockopt, level", sets_option, x, x == IPPROTO_TCP);
	}
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		tried("accept4 from", accepts, far[i], false);
		tried("setsockopt, level", sets_option, far[i], false);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_number), cmocka_unit_test(arguments) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
