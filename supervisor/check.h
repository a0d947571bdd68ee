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

#endif
