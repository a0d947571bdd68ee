/*
 * narrow.c - a child whose filter lacks one row of its syscalls.def: the last number in the path it was started from
 *
 * Linked into a nat64-worker and a nat64-ctld of the tests, with -Wl,--wrap for what makes the filter: birth_make_door of a worker,
 * birth_close_doors of nat64-ctld. If nothing it does misses the row, the row is dead.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "supervisor/birth/birth.h"

int __real_birth_make_door(void **door, const struct birth_call *calls, size_t n);
int __wrap_birth_make_door(void **door, const struct birth_call *calls, size_t n);
int __real_birth_close_doors(const struct birth_call *calls, size_t n, uint32_t *missing);
int __wrap_birth_close_doors(const struct birth_call *calls, size_t n, uint32_t *missing);

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

/* The rows but for that one. */
static const struct birth_call *
narrow(const struct birth_call *calls, size_t n)
{
	struct birth_call *fewer = calloc(n, sizeof(*fewer));

	if (!fewer || missing_row >= n)
		_exit(9);
	memcpy(fewer, calls, missing_row * sizeof(*fewer));
	memcpy(fewer + missing_row, calls + missing_row + 1, (n - missing_row - 1) * sizeof(*fewer));
	return fewer;
}

int
__wrap_birth_make_door(void **door, const struct birth_call *calls, size_t n)
{
	return __real_birth_make_door(door, narrow(calls, n), n - 1);
}

int
__wrap_birth_close_doors(const struct birth_call *calls, size_t n, uint32_t *missing)
{
	return __real_birth_close_doors(narrow(calls, n), n - 1, missing);
}
