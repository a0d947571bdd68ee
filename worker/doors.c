/*
 * doors.c - syscalls.def as the table that birth_close_doors takes
 *
 * Must never: hold a row that is not in syscalls.def.
 */
#include <seccomp.h>
#include <time.h>
#include "worker/doors.h"

#define ANY(name) { .nr = SCMP_SYS(name), .arg = -1 },
#define ONLY(name, arg_, mask_, value_) { .nr = SCMP_SYS(name), .arg = arg_, .mask = mask_, .value = value_ },

const struct birth_call doors_open[] = {
#define CALL(name, why) ANY(name)
#define CALL_ARG(name, arg, mask, value, why) ONLY(name, arg, mask, value)
#include "worker/syscalls.def"
};
const size_t doors_count = sizeof(doors_open) / sizeof(doors_open[0]);

const struct birth_call doors_apart[] = {
#define CALL(name, why) ANY(name)
#define CALL_ARG(name, arg, mask, value, why) ONLY(name, arg, mask, value)
#define CALL_ARG_APART(name, arg, mask, value, why) ONLY(name, arg, mask, value)
#include "worker/syscalls.def"
};
const size_t doors_apart_count = sizeof(doors_apart) / sizeof(doors_apart[0]);
