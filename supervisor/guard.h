/*
 * guard.h - what may come out of a tenant's device: the kernel drops all that has another source
 *
 * A worker that was taken over can write what it likes into its queue. The kernel lets pass from the device: IPv4 from
 * the tenant's pool and its router4, IPv6 from its prefixes and its router6; and no IPv4 to the host's own addresses, but
 * to those that are allowed one by one. It is a table of nf_tables per device, in the network namespace of the caller,
 * which stays when nat64d dies. Should: hold CAP_NET_ADMIN.
 */
#ifndef SUPERVISOR_GUARD_H
#define SUPERVISOR_GUARD_H

#include "shm/config.h"

enum guard_families { GUARD_IP6 = 1, GUARD_IP4 = 2 };

/*
 * Let pass what this tenant may send, and with `also` what that one may, too: the same tenant while it changes from one to the
 * other. device is its name, index its number, families the GUARD_ bits of those that it carries; of another family nothing
 * passes. Makes the table, or changes it in one step; counters go on. Returns 0; or
 * -errno and nothing has changed.
 */
int guard_set(const char *device, unsigned index, unsigned families, const struct config_tenant *config,
	      const struct config_tenant *also);

/* Remove the table of this device. Returns 0, also when there was none, or -errno. */
int guard_remove(const char *device);

/*
 * Packets dropped so far: [0] IPv4, [1] IPv6 for their source, [2] for being to this host. Returns 0 or -errno: -ENOENT when
 * somebody has removed the table.
 */
int guard_dropped(const char *device, uint64_t dropped[3]);

#endif
