/*
 * rundir.h - the run directory with its pid file, and the sockets nat64-ctld listens on
 */
#ifndef SUPERVISOR_RUNDIR_H
#define SUPERVISOR_RUNDIR_H

#include <stdbool.h>
#include "shm/config.h"

struct rundir {
	char pid_file[128];
	int lock;			/* the pid file, locked as long as it is open; -1: none */
	char control[108];		/* path of the socket we made; empty: none */
};

/* Does another nat64d run with this run directory? Changes nothing; rundir_open asks again. */
bool rundir_busy(const struct config_gateway *config);

/*
 * Create the directory if need be, and the pid file in it. Returns 0, or -errno with what was tried in why: -EEXIST
 * when another nat64d runs with this directory.
 */
int rundir_open(struct rundir *r, const struct config_gateway *config, char *why, size_t size);

/* The lock and the control socket are ours, from before an exec. */
void rundir_adopt(struct rundir *r, const struct config_gateway *config, int lock);

/*
 * Listen on the control socket, for root and for gid. One that a dead nat64d left is replaced. Returns the descriptor, or
 * -errno with what was tried in why: -EADDRINUSE when somebody answers there.
 */
int rundir_control(struct rundir *r, const char *path, uint32_t gid, char *why, size_t size);

/* Listen for /metrics. Returns the descriptor, or -errno with what was tried in why. */
int rundir_metrics(const struct config_listen *listener, char *why, size_t size);

/* Remove socket and pid file. The directory stays: it may not be ours alone. */
void rundir_close(struct rundir *r);

#endif
