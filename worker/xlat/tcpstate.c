/*
 * tcpstate.c - the TCP state machine of RFC 6146 section 3.5.2.2
 *
 * One row per state, one column per event. TCP_none stands for a session that does not exist yet: its row says what
 * the packet that creates it makes of it. A reset never ends a session, it only shortens its life (RFC 7857 section
 * 2.2), and the next segment takes that back; so a forged reset costs nothing.
 * What is TCP_TRANS there are two timers here: of opening, and of closing (RFC 7857 section 2.1).
 */
#include "worker/xlat/pkt.h"
#include "worker/xlat/tcpstate.h"

enum event { SYN6, FIN6, RST6, OTHER6, SYN4, FIN4, RST4, OTHER4, N_EVENTS };

#define STAY(s) { TCP_##s, TCPSTATE_KEEP }
#define OPENING(s) { TCP_##s, TCPSTATE_OPENING }
#define CLOSING(s) { TCP_##s, TCPSTATE_CLOSING }
#define EST(s) { TCP_##s, TCPSTATE_ESTABLISHED }

static const struct tcpstate_move machine[TCP_N_STATES][N_EVENTS] = {
	[TCP_none] = {
		[SYN6] = OPENING(v6_init), [FIN6] = STAY(none), [RST6] = STAY(none), [OTHER6] = STAY(none),
		[SYN4] = OPENING(v4_init), [FIN4] = STAY(none), [RST4] = STAY(none), [OTHER4] = STAY(none),
	},
	[TCP_v4_init] = {
		[SYN6] = EST(established), [FIN6] = STAY(v4_init), [RST6] = STAY(v4_init), [OTHER6] = STAY(v4_init),
		[SYN4] = STAY(v4_init), [FIN4] = STAY(v4_init), [RST4] = STAY(v4_init), [OTHER4] = STAY(v4_init),
	},
	[TCP_v6_init] = {
		[SYN6] = OPENING(v6_init), [FIN6] = STAY(v6_init), [RST6] = STAY(v6_init), [OTHER6] = STAY(v6_init),
		[SYN4] = EST(established), [FIN4] = STAY(v6_init), [RST4] = STAY(v6_init), [OTHER4] = STAY(v6_init),
	},
	[TCP_established] = {
		[SYN6] = EST(established), [FIN6] = EST(v6_fin_rcv), [RST6] = CLOSING(trans), [OTHER6] = EST(established),
		[SYN4] = EST(established), [FIN4] = EST(v4_fin_rcv), [RST4] = CLOSING(trans), [OTHER4] = EST(established),
	},
	[TCP_v4_fin_rcv] = {
		[SYN6] = EST(v4_fin_rcv), [FIN6] = CLOSING(v4_v6_fin_rcv), [RST6] = EST(v4_fin_rcv), [OTHER6] = EST(v4_fin_rcv),
		[SYN4] = EST(v4_fin_rcv), [FIN4] = EST(v4_fin_rcv), [RST4] = EST(v4_fin_rcv), [OTHER4] = EST(v4_fin_rcv),
	},
	[TCP_v6_fin_rcv] = {
		[SYN6] = EST(v6_fin_rcv), [FIN6] = EST(v6_fin_rcv), [RST6] = EST(v6_fin_rcv), [OTHER6] = EST(v6_fin_rcv),
		[SYN4] = EST(v6_fin_rcv), [FIN4] = CLOSING(v4_v6_fin_rcv), [RST4] = EST(v6_fin_rcv), [OTHER4] = EST(v6_fin_rcv),
	},
	[TCP_v4_v6_fin_rcv] = {
		[SYN6] = STAY(v4_v6_fin_rcv), [FIN6] = STAY(v4_v6_fin_rcv), [RST6] = STAY(v4_v6_fin_rcv),
		[OTHER6] = STAY(v4_v6_fin_rcv), [SYN4] = STAY(v4_v6_fin_rcv), [FIN4] = STAY(v4_v6_fin_rcv),
		[RST4] = STAY(v4_v6_fin_rcv), [OTHER4] = STAY(v4_v6_fin_rcv),
	},
	[TCP_trans] = {
		[SYN6] = EST(established), [FIN6] = EST(established), [RST6] = STAY(trans), [OTHER6] = EST(established),
		[SYN4] = EST(established), [FIN4] = EST(established), [RST4] = STAY(trans), [OTHER4] = EST(established),
	},
};

struct tcpstate_move
tcpstate_next(enum tcpname state, enum nat64_side from, uint8_t tcp_flags)
{
	unsigned event = OTHER6;

	if (tcp_flags & PKT_RST)
		event = RST6;
	else if (tcp_flags & PKT_SYN)
		event = SYN6;
	else if (tcp_flags & PKT_FIN)
		event = FIN6;
	return machine[state][event + (from == NAT64_FROM_IP4 ? N_EVENTS / 2 : 0)];
}
