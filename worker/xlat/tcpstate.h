/*
 * tcpstate.h - the TCP state machine of RFC 6146 section 3.5.2.2, as a table
 */
#ifndef XLAT_TCPSTATE_H
#define XLAT_TCPSTATE_H

#include <stdint.h>
#include "shm/counters.h"
#include "shm/tcpname.h"

/* Which timer a packet sets. */
enum tcpstate_timer { TCPSTATE_KEEP, TCPSTATE_OPENING, TCPSTATE_CLOSING, TCPSTATE_ESTABLISHED };

struct tcpstate_move {
	uint8_t state;			/* enum tcpname: the new one */
	uint8_t timer;			/* enum tcpstate_timer */
};

/* What a segment with these flags, read from this side, does to a session in this state (below TCP_N_STATES). */
struct tcpstate_move tcpstate_next(enum tcpname state, enum nat64_side from, uint8_t tcp_flags);

#endif
