#!/usr/bin/env bash
# 020-traceroute.sh - every hop of the path is seen, from either side, whatever the probes are made of
#
# An IPv6 host sees IPv4 routers as their addresses in the prefix (RFC 7915 section 5.2): the gateway's kernel, the
# translator itself, the gateway's IPv4 side, the router behind it, the server. An IPv4 host sees, of all that is on the
# IPv6 side and has no pool address, the translator. traceroute asks each hop once, mtr again and again.
source "$(dirname "$0")/../lib.sh"

OUT=(2001:db8:1::1 64:ff9b::c633:6408 64:ff9b::c000:201 64:ff9b::c000:202 64:ff9b::cb00:7102)
IN=(203.0.113.1 192.0.2.1 198.51.100.8 198.51.100.8 198.51.100.9)

# these HOP... - are these, and no others, in $T/seen?
these()
{
	printf '%s\n' "$@" | diff - "$T/seen"
}

trace()
{
	ns "$1" traceroute -n -q 1 -w 3 -N 1 -m 8 "${@:2}" | tee "$T/hops"
	awk 'NR > 1 { print $2 }' "$T/hops" >"$T/seen"
}

# The seventh field of a hop says how much was lost.
report()
{
	ns "$1" mtr -n -C -c 3 -i 0.2 -G 1 "${@:2}" | tee "$T/hops"
	awk -F, 'NR > 1 { print $7 == "0.00" ? $6 : $6 " lost " $7 "%" }' "$T/hops" >"$T/seen"
}

outward()
{
	"$1" client -6 "${@:2}" "$SERVER"
	these "${OUT[@]}"
}

inward()
{
	"$1" server -4 "${@:2}" 198.51.100.9
	these "${IN[@]}"
}

net_up
config 'static = udp 198.51.100.9:5000 [2001:db8:1::2]:9' 'static = tcp 198.51.100.9:80 [2001:db8:1::2]:9'
begin
check 'UDP traceroute' outward trace
check 'ICMP traceroute' outward trace -I
check 'TCP traceroute' outward trace -T -p 80
check 'UDP mtr' outward report -u
check 'ICMP mtr' outward report
check 'TCP mtr' outward report -T -P 80
check 'UDP traceroute from outside' inward trace -U -p 5000
check 'TCP traceroute from outside' inward trace -T -p 80
check 'UDP mtr from outside' inward report -u -P 5000
check 'TCP mtr from outside' inward report -T -P 80
check 'law 1' law1
finish
