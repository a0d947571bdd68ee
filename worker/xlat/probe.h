/*
 * probe.h - is anybody still there? An established TCP session that was silent for its time (RFC 6146 section 3.5.2.2)
 */
#ifndef XLAT_PROBE_H
#define XLAT_PROBE_H

#include "worker/xlat/nat64.h"

/*
 * The time of session number of the live binding in slot is over. If it is an established TCP session, it goes on as TRANS
 * for tcp-closing-timeout, n->probe gets the segment that asks the IPv6 host, and true is returned; also, with the session
 * left as it is, when n->probe holds one already. Otherwise false: the session may be ended.
 */
bool probe_owner(struct nat64 *n, struct shard *s, uint32_t slot, uint32_t number, uint32_t now);

#endif
