#!/usr/bin/env bash
# 010-ping.sh - the least that must work: ICMP echo through the gateway, from the smallest to the largest packet
source "$(dirname "$0")/../lib.sh"

echo_of()
{
	expect ' 0% packet loss' -- ns client ping -6 -n -c 2 -i 0.3 -W 5 -s "$1" "$SERVER"
}

several_hosts()
{
	expect ' 0% packet loss' -- ns client ping -6 -n -c 1 -W 5 64:ff9b::203.0.113.3
	expect ' 0% packet loss' -- ns client ping -6 -n -c 1 -W 5 64:ff9b::192.0.2.2
	ping_server other
}

net_up
config
begin
for size in 0 56 512 1024 1232 1451 1452; do
	check "echo of $size bytes" echo_of $size
done
check 'several hosts' several_hosts
check 'law 1' law1
check 'the gateway stops' gateway_stop
finish
