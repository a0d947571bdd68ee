/*
 * shortage.h - says that packets of a tenant are refused for want of ports or sessions, or by a quota
 */
#ifndef SUPERVISOR_SHORTAGE_H
#define SUPERVISOR_SHORTAGE_H

#include "supervisor/region.h"

#define SHORTAGE_KINDS 8

struct shortage {
	uint64_t at;			/* ms of CLOCK_MONOTONIC: when to look again */
	uint64_t quiet;			/* until when nothing is said */
	bool begun;			/* what was counted before the first look is no news */
	uint64_t said[SHORTAGE_KINDS];	/* packets of each kind that were told of */
};

/*
 * Look at what the workers of this region have counted, and say so in a line of the log, one a minute at most, when there is
 * news (RFC 6888 REQ-11 c). Names no subscriber. Returns when to look again.
 */
uint64_t shortage_look(struct shortage *s, const char *tenant, const struct region *region, uint64_t now);

#endif
