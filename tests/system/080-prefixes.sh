#!/usr/bin/env bash
# 080-prefixes.sh - all six prefix lengths of RFC 6052 at once, TCP and ICMP through each
source "$(dirname "$0")/../lib.sh"

prefixes=(3fff:64::/32 3fff:100:100::/40 3fff:200:122::/48 3fff:300:122:300::/56 3fff:400:122:344::/64
	3fff:500:122:344::/96)

through()
{
	local address

	address=$(python3 "$top/tests/net.py" embed "$1" 203.0.113.2)
	expect hello -- peer client tcp "$address" 7 hello
	expect ' 0% packet loss' -- ns client ping -6 -n -c 1 -W 5 "$address"
}

net_up
config "${prefixes[@]/#/prefix = }"
echo_server server 203.0.113.2 7
begin
for prefix in "${prefixes[@]}"; do
	check "through $prefix" through "$prefix"
done
check 'law 1' law1
finish
