/*
 * host.h - can this configuration run on this host, now?
 */
#ifndef SUPERVISOR_HOST_H
#define SUPERVISOR_HOST_H

#include "supervisor/config.h"

/*
 * Look at rights, namespaces, devices, addresses, groups and programs, and log every obstacle as an error. Returns how many
 * there were. config was read from file; worker and ctld are paths of the programs.
 */
unsigned host_check(const struct config *config, const char *file, const char *worker, const char *ctld);

/*
 * Is anything that config claims this host's own: an address of a pool, in a prefix, router4, or a device that a tenant
 * is to make? Adds to problems. before is what is in force, with the same numbers, and its tenants have their devices;
 * NULL: nothing is.
 */
void host_config(const struct config *config, const struct config *before, struct problem_list *problems);

/* Warn of each namespace in which the kernel does not forward packets: nat64d does not switch that on. */
void host_warn_forwarding(const struct config *config);

/* The number of a group, by its name or as digits. Returns 0, or -ENOENT. */
int host_group(uint32_t *gid, const char *name);

#endif
