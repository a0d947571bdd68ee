/*
 * import.h - bindings of an old region, brought into the shards of the new one
 */
#ifndef XLAT_IMPORT_H
#define XLAT_IMPORT_H

#include "shm/foreign.h"
#include "worker/xlat/nat64.h"

/*
 * Bring into the shards of this worker what the same shards of the old region have, as far as the configuration of *n still
 * allows it, and go on with the old counts. The new region was made by layout_init_heir. Call after nat64_configure, before
 * nat64_adopt; again after a death, as often as need be: what is there already is not brought twice. Of the old region
 * header, secrets, counters and these shards must be mapped, and nobody writes them any more.
 * With lasting set only established TCP sessions come over: after a reboot nothing else can be relied on.
 * The counts of the worker are set once more as long as it goes on, so this must not be called when it has read a packet.
 */
void nat64_import(struct nat64 *n, const struct foreign *old, bool lasting, uint32_t now);

#endif
