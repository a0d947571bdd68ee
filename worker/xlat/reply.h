/*
 * reply.h - the gateway's own ICMP errors
 */
#ifndef XLAT_REPLY_H
#define XLAT_REPLY_H

#include "worker/xlat/nat64.h"
#include "worker/xlat/pkt.h"

/*
 * Turn the packet p, whose verdict has the action REPLY, into the ICMP error that tells its sender why, from router6 or
 * router4 (RFC 4443, RFC 792, RFC 7915 sections 4.4 and 5.4). mtu is for too_big. Sets out->data and out->len; len is
 * 0 when no error may be sent: to an ICMP error, to a source or destination that is not one host, to a side that
 * icmp-errors leaves out (RFC 5508 REQ-9), or beyond icmp-rate or icmp-rate-total (counted as icmp_limited).
 */
void reply_error(struct nat64 *n, const struct pkt *p, enum nat64_verdict why, uint32_t mtu, uint32_t now,
		 struct nat64_packet *out);

#endif
