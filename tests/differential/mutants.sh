#!/usr/bin/env bash
# mutants.sh [PACKETS] - is the differential test able to fail? Each mutant is a mistake that could be made in the translator
#
# It has that many packets to be found out.
source "$(dirname "$0")/../mutants.sh"

packets=${1:-100000}
library=build/tests/vectors/vectors.so

# caught - the reference disagrees with what the copy makes
caught()
{
	make -C "$work/tree" -s -j2 CFLAGS=-Wno-error $library >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; return 2; }
	if /usr/bin/python3 -B tests/differential/run.py "$work/tree/$library" "$packets" 1 >"$work/log" 2>&1; then
		return 1
	fi
	sed -n 's/^differential: \([0-9]* packets\).*/\1/p' "$work/log"
}

sound
x=worker/xlat
mutant pointer-table $x/icmpmap.c 's/0, 1, 4, 4, -1, -1, -1, -1, 7, 6,/0, 1, 4, 4, -1, -1, -1, -1, 6, 7,/'
mutant pointer-table-6 $x/icmpmap.c 's/0, 1, -1, -1, 2, 2, 9, 8,/0, 1, -1, -1, 2, 2, 8, 9,/'
mutant unreachable-code $x/icmpmap.c 's/{ 3, 9, 10, 1, 1, UNUSED }/{ 3, 9, 10, 1, 0, UNUSED }/'
mutant prohibited-code $x/icmpmap.c 's/{ 1, 1, 1, 3, 10, UNUSED }/{ 1, 1, 1, 3, 1, UNUSED }/'
mutant mtu-plus-for-minus $x/icmpmap.c 's,m->word = least(mtu - (,m->word = least(mtu + (,'
mutant mtu-below-1280 $x/icmpmap.c 's/m->word = mtu < 1280 ? 1280 : mtu;/m->word = mtu;/'
mutant plateau-itself $x/icmpmap.c 's/if (plateaus\[i\] < inner_len)/if (plateaus[i] <= inner_len)/'
mutant next-hop-of-this-side $x/icmpmap.c 's/least(limits->mtu6, limits->mtu4 + 20)/limits->mtu6/'
mutant ttl-not-checked $x/emit.c 's/^\tif (p->ttl <= 1)$/\tif (p->ttl < 1)/'
mutant ttl-kept $x/emit.c 's/(uint8_t)(p->ttl - 1),$/p->ttl,/'
mutant inner-ttl-counted $x/emit.c 's/\.ttl = inner ? p->ttl :/.ttl =/'
mutant df-threshold $x/emit.c 's/^#define DF_ABOVE 1260/#define DF_ABOVE 1280/'
mutant df-of-atomic $x/emit.c 's/\.df = p->df && PKT_IP4/.df = PKT_IP4/'
mutant id-of-atomic $x/emit.c 's/ \.id = p->id,$/ .id = p->id + 1,/'
mutant udp-zero-result $x/emit.c 's/^\t\tput16(check, 0xffff);/\t\t;/'
mutant udp-zero-inner $x/emit.c 's/ && !(udp_zero && inner) && is_zero/ \&\& is_zero/'
mutant udp-length-of-packet $x/emit.c 's/len = (uint32_t)l4\[4\] << 8 | l4\[5\],/len = p->len - p->l4,/'
mutant pseudo-header-length $x/emit.c 's/csum_word(p->whole) +$/csum_word(0) +/'
mutant pseudo-header-of-a-fragment $x/emit.c 's/csum_word(p->whole) +$/csum_word(p->len - p->l4) +/'
mutant fixed-tos-inside $x/emit.c 's/\.tos = inner ? p->tos : tos_for/.tos = tos_for/'
mutant error-longer-than-1280 $x/emit.c 's/^#define ERROR6_MAX 1280/#define ERROR6_MAX 1300/'
mutant length-unit $x/emit.c 's/return padded \/ unit;/return padded \/ 4;/'
mutant length-not-adjusted $x/emit.c 's/padded = (padded + unit - 1) \/ unit \* unit;/;/'
mutant quoted-least $x/emit.c 's/^\tif (padded < ICMPMAP_QUOTED_LEAST)$/\tif (0)/'
mutant fragment-flags $x/parse.c 's/p->more = h\[3\] & 1;/p->more = h[3] \& 7;/'
mutant segments-left $x/parse.c 's/if (\*next == ROUTING && h\[3\] != 0)/if (0)/'
mutant source-route-pointer $x/parse.c 's/h\[at + 2\] <= step/h[at + 2] < step/'
mutant error-sum-not-checked $x/parse.c 's/csum_fold(sum) == 0xffff ? NAT64_translated/1 ? NAT64_translated/'
mutant udp-timer $x/flow.c 's/return c->udp_timeout;/return c->icmp_timeout;/'
mutant tcp-timer $x/flow.c 's/TCPSTATE_CLOSING ? c->tcp_closing_timeout/TCPSTATE_CLOSING ? c->tcp_opening_timeout/'
refresh='\tatomic_store_32(session_place(s, (uint32_t)f->slot, number).expires, UINT32_MAX);'
mutant error-refreshes $x/flow.c "/^flow_known/,/^}/s/^\tif (f->from == NAT64_FROM_IP4)$/$refresh\n&/"
mutant rst-not-known $x/tcpstate.c 's/^\tif (tcp_flags & PKT_RST)$/\tif (0)/'
mutant fin-of-one-side $x/tcpstate.c 's/\[FIN6\] = CLOSING(v4_v6_fin_rcv)/[FIN6] = EST(v4_fin_rcv)/'
mutant init-refreshed $x/tcpstate.c 's/\[OTHER6\] = STAY(v6_init)/[OTHER6] = OPENING(v6_init)/'
mutant prefix-of-answer $x/flow.c 's/^\t\tatomic_store_8(at.via, f->via);/\t\t;/'
mutant shortest-prefix $x/policy.c 's/if (net\[i\].len > best && /if (/'
mutant private-under-wkp $x/policy.c 's/return special && special->never_wkp && via == n->wkp ?/return 0 ?/'
mutant any-error-source $x/translate.c 's/from_host ? subscriber.ip4 : n->config->router4/subscriber.ip4/'
mutant error-to-another $x/translate.c 's/ || w->f.remote4 != w->outer4)/)/'
mutant u-octet shm/rfc6052.c 's/at >= 8);/at > 8);/'
mutant port-range $x/flow.c 's/if (f->proto == NAT64_ICMP)\t/if (f->proto != NAT64_TCP)\t/'
mutant filter-always $x/flow.c 's/CONFIG_FILTERING_ADDRESS &&$/CONFIG_FILTERING_ADDRESS ||/'
mutant static-filtered $x/flow.c '/^filters/,/^}/s/!(n->shard.*RECORD_STATIC);/true;/'
mutant inbound-always-refreshes $x/flow.c 's/ || n->config->inbound_refresh;/ || true;/'
mutant syn-goes-early $x/syn.c 's/\.until = now + n->config->tcp_incoming_syn_timeout/.until = now + 1/'
mutant syn-ack-kept $x/syn.c 's/(PKT_SYN | PKT_ACK | PKT_RST | PKT_FIN)) != PKT_SYN/PKT_SYN) != PKT_SYN/'
mutant syn-met-stays-init $x/syn.c '/^syn_met_owner/,/^}/s/return true;/return false;/'
mutant probed-again $x/probe.c 's/TCP_trans)/TCP_established)/'
mutant last-piece $x/piece.c 's/piece6(out, from, size, m.number, size == left)/piece6(out, from, size, m.number, false)/'
mutant cut-too-late $x/emit.c 's/if (!p->df && header + payload > next_hop)/if (!p->df \&\& header + payload > next_hop + 8)/'
mutant more-fragments $x/emit.c 's/h->at | h->more)/h->at)/'
mutant sum-of-datagram $x/frag.c 's/d.sum += csum_word(d.length) + /d.sum += /'
mutant fragment-header-in-mtu $x/icmpmap.c 's/limits->fragment_header ? 28 : 20/20/'
mutant no-hold-down $x/expire.c 's/release = now + n->config->port_hold_down;/release = now;/'
k=shm/kin.c
mutant overlap-passes $k 's/^\t\tif (from < end && at < to)$/\t\tif (0)/'
mutant two-ends $k 's/(k->whole \&\& end != k->whole) || end < furthest/0/'
mutant behind-the-end $k 's/k->whole \&\& end >= k->whole :/0 :/'
mutant any-number-of-fragments $k 's/return n == KIN_RANGES ? KIN_TOO_MANY : KIN_NEW/return KIN_NEW/'
mutant poison-forgotten $x/frag.c 's/^\tif (k->state == KIN_OVERLAP)$/\tif (0)/'
mutant two-firsts $x/frag.c 's/p->src.port != k->src_port || p->dst.port != k->dst_port || //'
mutant fragments-stay $x/frag.c 's/fragment_timeout + 1;/fragment_timeout + 2;/'
mutant copy-begins-anew $x/frag.c 's/ == KIN_AGAIN)))$/ == KIN_TOO_MANY)))/'
mutant tcp-flags-overwritten $x/parse.c 's/return p->at < 20 ? NAT64_tiny_fragment/return 0 ? NAT64_tiny_fragment/'
mutant no-home $x/frag.c 's/^\tif (\*owner != n->worker)$/\tif (0)/'
mutant nothing-brought-along $x/translate.c 's/ \.known = 1,$/ .known = 0,/'
mutant errors-to-the-other-side $x/reply.c 's/side == NAT64_FROM_IP6 ? CONFIG/side == NAT64_FROM_IP4 ? CONFIG/'
mutant one-error-more $x/reply.c 's/\.count >= most)/.count > most)/'
mutant no-total $x/reply.c 's/ && fill(n, NAT64_ICMP_BUCKETS, share(n, now), now);/;/'
mutant one-session-more shm/session.c 's/shard_sessions - (uint32_t)n : 0;/shard_sessions - (uint32_t)n + 1 : 1;/'
mutant code-of-exhaustion $x/reply.c 's/(struct message) { 1, 3 } : /(struct message) { 1, 0 } : /'
mutant own-errors-like-any-packet $x/reply.c 's/^#define CONTROL 0xc0/#define CONTROL 0x00/'
finish
