/*
 * narrow.c - a worker whose filter lacks one row of worker/syscalls.def: the last number in the path it was started from
 *
 * Linked into a nat64-worker of the tests with -Wl,--wrap=birth_make_door. If nothing it does misses the row, the row is dead.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/birth/birth.h"

int __real_birth_make_door(void **door, const struct birth_call *calls, size_t n);
int __wrap_birth_make_door(void **door, const struct birth_call *calls, size_t n);

static size_t missing_row;

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

int
__wrap_birth_make_door(void **door, const struct birth_call *calls, size_t n)
{
	struct birth_call *fewer = calloc(n, sizeof(*fewer));

	if (!fewer || missing_row >= n)
		_exit(9);
	memcpy(fewer, calls, missing_row * sizeof(*fewer));
	memcpy(fewer + missing_row, calls + missing_row + 1, (n - missing_row - 1) * sizeof(*fewer));
	return __real_birth_make_door(door, fewer, n - 1);
}
