/*
 * pkt.h - a packet after parse: one struct for both families
 *
 * parse is the only room that reads lengths. Whoever holds a struct pkt may touch data[0 .. len) and rely on every
 * field below; nothing in it points outside the packet.
 */
#ifndef XLAT_PKT_H
#define XLAT_PKT_H

#include "shm/addr.h"
#include "shm/counters.h"

#define PKT_IP6_HEADER 40
#define PKT_IP4_HEADER 20
#define PKT_ICMP_HEADER 8
#define PKT_PROTO_ICMP 1
#define PKT_PROTO_TCP 6
#define PKT_PROTO_UDP 17
#define PKT_PROTO_ICMP6 58

enum pkt_tcp_flag { PKT_FIN = 0x01, PKT_SYN = 0x02, PKT_RST = 0x04, PKT_ACK = 0x10 };

/* A transport address of either family; which one, the context says. */
struct pkt_end {
	struct ip6 ip6;
	uint32_t ip4;
	uint16_t port;			/* ICMP query: the identifier on the subscriber's end, 0 on the remote one */
};

struct pkt {
	uint8_t *data;			/* the IP header's first byte */
	uint32_t len;			/* of the packet as its IP header says; what lies behind is not of it */
	uint32_t l4;			/* offset of the transport header */
	uint8_t from;			/* enum nat64_side: its family */
	uint8_t proto;			/* enum nat64_proto; of an ICMP error: NAT64_ICMP */
	uint8_t tos;			/* TOS or traffic class */
	uint8_t ttl;			/* TTL or hop limit */
	uint8_t tcp_flags;		/* enum pkt_tcp_flag bits and others */
	uint8_t icmp_type, icmp_code;
	bool icmp_error;		/* carries a packet at l4 + PKT_ICMP_HEADER */
	uint16_t quoted;		/* ... of so many bytes, with an extension structure behind them (RFC 4884); or 0 */
	bool has_check;			/* the transport checksum lies inside the packet (an inner packet may be cut short) */
	bool df;			/* IPv4: don't fragment. IPv6: no fragment header was there. */
	bool fragment;			/* a part of a packet, from byte `at` on; an atomic fragment is none (RFC 6946) */
	bool more;			/* not the last part */
	uint16_t at;			/* a multiple of 8; but for 0 there is no transport header, and kin know the ports */
	uint32_t whole;			/* bytes of the transport message; of a fragment: 0 when not known */
	uint32_t id;			/* of IPv4, or of a fragment header */
	bool partial;			/* the transport checksum is that of the pseudo-header only; the device does the rest */
	uint8_t ecn;			/* with segment: LAYOUT_ECN or 0 */
	uint16_t segment;		/* it stands for several packets of so many bytes behind their headers; 0: for itself */
	uint32_t header;		/* with segment: bytes of the transport header */
	uint32_t cut;			/* emit_check: it leaves in pieces of at most this; 0: in one */
	uint16_t pointer;		/* with verdict routing_header: the offset of Segments Left */
	struct pkt_end src, dst;
};

#endif
