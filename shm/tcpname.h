/*
 * tcpname.h - the states of a session, as `state` in `nat64ctl show sessions`
 *
 * The machine that moves between them is worker/xlat/tcpstate.c; the names are here because ctl prints them.
 */
#ifndef SHM_TCPNAME_H
#define SHM_TCPNAME_H

#define TCPNAME_STATES \
	STATE(none)		/* UDP and ICMP */ \
	STATE(v4_init) STATE(v6_init) STATE(established) STATE(v4_fin_rcv) STATE(v6_fin_rcv) STATE(v4_v6_fin_rcv) \
	STATE(trans)

enum tcpname {
#define STATE(name) TCP_##name,
	TCPNAME_STATES
#undef STATE
	TCP_N_STATES
};

#endif
