/*
 * starve.h - does a process do nothing, or is it given no processor?
 */
#ifndef SUPERVISOR_STARVE_H
#define SUPERVISOR_STARVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What was seen of a process that makes no progress. All zero: nothing yet. */
struct starve {
	uint64_t progress;		/* where it stood */
	uint64_t used;			/* clock ticks of processor time that it had had then */
	bool seen;
};

/*
 * Process pid still stands where `progress` says. Returns whether that may be for want of a processor: it is runnable, and has
 * had less than STARVE_FAIR ms of it since the first call with this progress. A process that sleeps, is stopped or is
 * gone is not starved, nor is one that turns in a loop.
 */
#define STARVE_FAIR 50
bool starve_look(struct starve *s, pid_t pid, uint64_t progress);

#endif
