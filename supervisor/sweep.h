/*
 * sweep.h - remove what predecessors left and nobody goes on with
 */
#ifndef SUPERVISOR_SWEEP_H
#define SUPERVISOR_SWEEP_H

struct gateway;

/*
 * Remove devices of ours that no tenant goes on with, in all network namespaces that the predecessor used or we shall use.
 * Returns how many went. Should: hold CAPS_NETWORK; be called when g->legacy has decided.
 */
unsigned sweep_devices(const struct gateway *g);

/* Remove regions that do not go on from the run directory, and files that were never finished. */
void sweep_files(const struct gateway *g);

#endif
