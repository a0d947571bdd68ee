/*
 * check.h - does the configuration make sense as a whole?
 */
#ifndef SUPERVISOR_CHECK_H
#define SUPERVISOR_CHECK_H

#include "supervisor/config.h"

/*
 * Look at a resolved configuration as a whole and add what contradicts itself to problems. Looks at nothing but the
 * configuration, so it says the same on every host and needs no rights.
 */
void check_config(const struct config *config, struct problem_list *problems);

/*
 * Can new follow old by a reload? Both have each tenant at the same number. An address, a prefix or a device can be given to a
 * tenant when nobody has it any more: one that stays may have it until the very end of the reload, its addresses for
 * drain-timeout, and one that goes its device. Adds what is in the way to problems.
 */
void check_reload(const struct config *new, const struct config *old, struct problem_list *problems);

/* Are there packets that routes of both tenants would claim? */
bool check_routes_meet(const struct config_tenant *a, const struct config_tenant *b);

#endif
