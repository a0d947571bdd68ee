/*
 * doors.c - the last thing before the first request
 *
 * Some libraries open a file the first time they need it. After the doors are closed that would kill us, so it is done
 * here, or before: doors_close is called when everything has been used once.
 *
 * Must never: allow a call that syscalls.def does not give a reason for.
 */
#include <seccomp.h>
#include "ctl/doors.h"
#include "supervisor/birth/birth.h"

int
doors_close(uint32_t *missing)
{
	static const struct birth_call calls[] = {
#define CALL(name, why) { SCMP_SYS(name), -1, 0, 0 },
#define CALL_ARG(name, arg, mask, value, why) { SCMP_SYS(name), arg, mask, value },
#include "ctl/syscalls.def"
	};

	return birth_close_doors(calls, sizeof(calls) / sizeof(calls[0]), missing);
}
