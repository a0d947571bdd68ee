/*
 * narrow.c - a program whose filter lacks one row of its syscalls.def: the last number in the path it was started from
 *
 * Linked into a nat64-worker, a nat64-ctld and a nat64d of the tests, with -Wl,--wrap for what a filter is made with. Of the list of
 * what nat64d is denied nothing is left out: only rows that allow are counted, from the beginning of each filter. If nothing the
 * program does misses the row, the row is dead. The time comes from a system call, as on a machine whose clock cannot be read
 * without one.
 */
#include <limits.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

scmp_filter_ctx __real_seccomp_init(uint32_t otherwise);
scmp_filter_ctx __wrap_seccomp_init(uint32_t otherwise);
int __real_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int nr, unsigned n, const struct scmp_arg_cmp *args);
int __wrap_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int nr, unsigned n, const struct scmp_arg_cmp *args);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

static size_t missing_row, row;

/* Before birth, which takes /proc away. */
__attribute__((constructor)) static void
find_row(void)
{
	char path[PATH_MAX] = "";
	char *name = readlink("/proc/self/exe", path, sizeof(path) - 1) > 0 ? strrchr(path, '/') : NULL;

	if (!name)
		_exit(9);
	while (name > path && name[-1] >= '0' && name[-1] <= '9')
		name--;
	missing_row = strtoul(name, NULL, 10);
}

scmp_filter_ctx
__wrap_seccomp_init(uint32_t otherwise)
{
	row = 0;
	return __real_seccomp_init(otherwise);
}

int
__wrap_seccomp_rule_add_array(scmp_filter_ctx filter, uint32_t action, int nr, unsigned n, const struct scmp_arg_cmp *args)
{
	if (action == SCMP_ACT_ALLOW && row++ == missing_row)
		return 0;
	return __real_seccomp_rule_add_array(filter, action, nr, n, args);
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	return (int)syscall(SYS_clock_gettime, clock, ts);
}
