/*
 * doors.h - the system calls a worker may make, from syscalls.def
 */
#ifndef WORKER_DOORS_H
#define WORKER_DOORS_H

#include <stddef.h>
#include "supervisor/birth/birth.h"

extern const struct birth_call doors_open[];
extern const size_t doors_count;

#endif
