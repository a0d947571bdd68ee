/*
 * doors.c - syscalls.def as the table that birth_close_doors takes
 *
 * Must never: hold a row that is not in syscalls.def.
 */
#include <seccomp.h>
#include <time.h>
#include "worker/doors.h"

const struct birth_call doors_open[] = {
#define CALL(name, why) { .nr = SCMP_SYS(name), .arg = -1 },
#define CALL_ARG(name, arg_, mask_, value_, why) { .nr = SCMP_SYS(name), .arg = arg_, .mask = mask_, .value = value_ },
#include "worker/syscalls.def"
};
const size_t doors_count = sizeof(doors_open) / sizeof(doors_open[0]);
