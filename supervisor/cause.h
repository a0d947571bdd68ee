/*
 * cause.h - why a worker ended, by what the kernel says of it
 */
#ifndef SUPERVISOR_CAUSE_H
#define SUPERVISOR_CAUSE_H

#include "supervisor/crew.h"

/*
 * The cause of a death by its waitid code and value, and in words: "sigsegv", "exit status 3". slot is the place it had at
 * work, or NULL for a spare.
 */
enum status_cause cause_of(int code, int value, const struct crew_slot *slot, char how[32]);

#endif
