/*
 * doors.h - nat64-ctld's system call filter
 */
#ifndef CTL_DOORS_H
#define CTL_DOORS_H

#include <stdint.h>

/* Allow what syscalls.def lists and nothing else, for ever. Returns 0 or -errno; see birth_close_doors. */
int doors_close(uint32_t *missing);

#endif
