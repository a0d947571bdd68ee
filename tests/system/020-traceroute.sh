#!/usr/bin/env bash
# 020-traceroute.sh - every hop of the path is seen, whatever the probes are made of
#
# An IPv6 host sees IPv4 routers as their addresses in the prefix (RFC 7915 section 5.2): the gateway's kernel, the
# translator itself, the gateway's IPv4 side, the router behind it, the server.
source "$(dirname "$0")/../lib.sh"

hops()
{
	local seen want

	want=$(printf '%s\n' 2001:db8:1::1 64:ff9b::c633:6408 64:ff9b::c000:201 64:ff9b::c000:202 64:ff9b::cb00:7102)
	ns client traceroute -6 -n -q 1 -w 3 -N 1 -m 8 "$@" "$SERVER" | tee "$T/hops"
	seen=$(awk 'NR > 1 { print $2 }' "$T/hops")
	[ "$seen" = "$want" ] || { diff <(echo "$want") <(echo "$seen"); return 1; }
}

net_up
config
begin
check 'UDP traceroute' hops
check 'ICMP traceroute' hops -I
check 'TCP traceroute' hops -T -p 80
check 'law 1' law1
finish
