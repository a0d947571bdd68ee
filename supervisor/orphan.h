/*
 * orphan.h - children of a nat64d that is no more: known again for certain, asked for a descriptor, ended
 *
 * Usable alone: this file and orphan.c.
 */
#ifndef SUPERVISOR_ORPHAN_H
#define SUPERVISOR_ORPHAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A process as one word: its pid, when it started, and a check of the two. Nobody gets the same one until the next
 * reboot, so a word that was noted long ago names that process or none. 0: no process.
 */
uint64_t orphan_word(pid_t pid);

/* Is it a word that orphan_word can have returned, or 0? */
bool orphan_whole(uint64_t word);

/*
 * A pidfd of the process that the word names, if it still runs a program of that name (as ps -o comm shows it) as user uid,
 * or as root, which it is at birth, or if it is a child of nat64d that is about to execute it. Returns it; or -ESRCH when it is
 * gone; or another -errno, and it may be there.
 */
int orphan_open(uint64_t word, const char *program, uint32_t uid);

/* A duplicate of its descriptor number fd. Should: hold CAP_SYS_PTRACE. Returns it, closed on exec, or -errno. */
int orphan_take(int pidfd, int fd);

/* Kill it. Should: hold CAP_KILL. */
void orphan_kill(int pidfd);

/* Has it ended, with its memory unmapped and its descriptors closed? Waits at most that many milliseconds. */
bool orphan_gone(int pidfd, int patience);

#endif
