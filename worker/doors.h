/*
 * doors.h - the system calls a worker may make, from syscalls.def
 */
#ifndef WORKER_DOORS_H
#define WORKER_DOORS_H

#include <stddef.h>
#include "supervisor/birth/birth.h"

/* What every worker may do; and what one with two devices may. */
extern const struct birth_call doors_open[], doors_apart[];
extern const size_t doors_count, doors_apart_count;

#endif
