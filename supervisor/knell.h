/*
 * knell.h - hear that a child will never run again, before the kernel has taken it apart
 *
 * A knell is a number that stands for one birth and is never given again; 0 is none. All of them are heard by one descriptor.
 * What takes a system call may be missing (another's listener, a kernel without them): then nothing tolls, and deaths are
 * heard of by SIGCHLD alone, which comes for each of them anyway.
 */
#ifndef SUPERVISOR_KNELL_H
#define SUPERVISOR_KNELL_H

#include <stdint.h>

/* Make the descriptor that can be read (poll) when a knell may have tolled. Returns it, or -errno; the module keeps it. */
int knell_open(void);

/* Before a fork. *rope is for the child, or -1; the caller closes it after the fork. Returns the number, or 0: none. */
uint32_t knell_hang(int *rope);

/* In the child, before it executes anything. Should: hold CAP_SYS_ADMIN in effect. */
void knell_tie(int rope);

/*
 * The number of a child that will never again execute an instruction of its own, nor will anything that descends from it; or
 * 0: no other has tolled. It may not be possible to reap it yet. Each number is told once. Linux before 6.11 tells it when the
 * child has been reaped.
 */
uint32_t knell_tolled(void);

#endif
