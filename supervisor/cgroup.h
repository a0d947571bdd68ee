/*
 * cgroup.h - a cgroup for each tenant, below the one that nat64d was given
 *
 * Before cgroup_open, and where that finds none to be used, the others do nothing.
 */
#ifndef SUPERVISOR_CGROUP_H
#define SUPERVISOR_CGROUP_H

#include <stdio.h>
#include "shm/status.h"

#define CGROUP_PATH 4096

/*
 * At a start, when no child lives: take the cgroup that nat64d was given, if it is nat64d's to use, and go into a leaf of
 * it. Returns STATUS_cgroup_on, with where it is in why; STATUS_cgroup_partial, with what it cannot do; or STATUS_cgroup_off,
 * with why not, and nothing was changed.
 */
enum status_cgroup cgroup_open(char *why, size_t size);

/* Instead, after an exec of a nat64d that was in such a leaf. Returns false when this process is in none. */
bool cgroup_adopt(void);

/* At a stop, when no child lives: leave it as it was found. */
void cgroup_close(void);

/* Has nat64d one? */
bool cgroup_held(void);

/*
 * Make the cgroup of a tenant, or set up the one that there is. Returns STATUS_cgroup_off: nat64d has none itself;
 * STATUS_cgroup_on; STATUS_cgroup_partial, with the controllers it lacks in why; or STATUS_cgroup_refused, with what was tried
 * and what the kernel said.
 */
enum status_cgroup cgroup_make(const char *tenant, char *why, size_t size);

/* Remove it. Should: be called when no process is left in it; one that has a process stays. */
void cgroup_remove(const char *tenant);

/*
 * The way into it, to be owned by the caller: who writes 0 there is in it. It is made again if somebody has removed it. Returns
 * -1 when there is none.
 */
int cgroup_door(const char *tenant);

/* Has somebody frozen it? */
bool cgroup_frozen(const char *tenant);

/*
 * The directory of the caller's cgroup, from /proc/self/cgroup and /proc/self/mountinfo. Returns false when no mount of cgroup2
 * shows it.
 */
bool cgroup_place(char path[CGROUP_PATH], FILE *cgroup, FILE *mounts);

/*
 * cgroup_open, when the directory is known. managed: systemd runs, and marks what may be used. The descriptor is taken over,
 * unless STATUS_cgroup_off is returned.
 */
enum status_cgroup cgroup_use(int base, bool managed, char *why, size_t size);

#endif
