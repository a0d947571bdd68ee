/*
 * snapshot.h - a table on a disk, while the host reboots
 */
#ifndef SUPERVISOR_SNAPSHOT_H
#define SUPERVISOR_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Write what is in the region of size bytes that fd shows, which nobody changes meanwhile, to a file of the tenant in
 * directory, in place of an earlier one. Returns how many bytes that took, or -errno; then there is none.
 */
int64_t snapshot_save(int fd, uint64_t size, const char *directory, const char *tenant);

/*
 * The region that was saved there, in memory of its own (memory_create), its time gone on by as long as the wall clock says.
 * What it says has been checked for having been written by snapshot_save, not for sense. Returns the descriptor; or -ENOENT;
 * or another -errno and why not in *wrong.
 */
int snapshot_load(const char *directory, const char *tenant, const char **wrong);

/* It has done its duty: remove it. */
void snapshot_forget(const char *directory, const char *tenant);

#endif
