/*
 * ctld.h - the one nat64-ctld: started, watched, started again
 */
#ifndef SUPERVISOR_CTLD_H
#define SUPERVISOR_CTLD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct gateway;

struct ctld {
	pid_t pid;			/* 0: none */
	bool up;			/* it has shut its doors and serves */
	bool stopping;
	bool renew;			/* ended by us, to be replaced at once */
	unsigned quick;			/* deaths in a row that came too soon */
	uint64_t since, retry;		/* milliseconds of CLOCK_MONOTONIC */
};

/* Start it. Returns 0 or -errno; then it is tried again later. */
int ctld_start(struct gateway *g, uint64_t now);

/* A child ended. Returns false when it was not this one. */
bool ctld_reaped(struct gateway *g, pid_t pid, int code, int value, uint64_t now);

/* Do what is due. Returns when to be called again at the latest. */
uint64_t ctld_tick(struct gateway *g, uint64_t now);

/* Replace it by a new one, at once. */
void ctld_renew(struct gateway *g);

/* Ask it to end; then kill it. Should: hold CAP_KILL. */
void ctld_stop(struct gateway *g, bool kill_it);

#endif
