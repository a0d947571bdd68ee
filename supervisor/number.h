/*
 * number.h - every tenant has a number for as long as it lives, whatever comes and goes beside it
 *
 * The uid of its workers, its place in the status memory, in the estate and in every array of nat64d follow from that
 * number. What an operator sees is the name.
 */
#ifndef SUPERVISOR_NUMBER_H
#define SUPERVISOR_NUMBER_H

#include "supervisor/config.h"

/* Names by number; an empty one: nobody has that number. */
struct number_names {
	char name[CONFIG_MAX_TENANTS][CONFIG_NAME_MAX];
};

/*
 * Bring the tenants of config to their numbers: who is called names->name[n] becomes tenant n; who is new gets the lowest
 * number that nobody has. With reuse a number whose name is not in config any more is given away when there is no other.
 * Afterwards there may be holes (config_has). Returns NULL; or the name of a tenant there is no number for, and config is as it
 * was.
 */
const char *number_place(struct config *config, const struct number_names *names, bool reuse);

#endif
