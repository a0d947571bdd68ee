#!/usr/bin/env bash
# 085-fragments.sh - datagrams larger than any link, both ways, in order and not, and a worker killed while it keeps some
source "$(dirname "$0")/../lib.sh"

large_ping()
{
	expect ' 0% packet loss' -- ns client ping -6 -n -c 5 -i 0.2 -W 5 -s "$1" "$SERVER"
}

# From outside: what has no DF is cut on its way in, and the client's answer comes in fragments of its own.
large_ping_inward()
{
	expect ' 0% packet loss' -- ns server ping -n -e 77 -c 5 -i 0.2 -W 5 -s "$1" 198.51.100.9
}

large_udp()
{
	expect 20 -- peer "$1" large "$2" "$3" "$4" 20
	[ "$(peer "$1" large "$2" "$3" "$4" 20)" = 20 ]
}

# The server's datagrams have no checksum, so they are gathered.
unsummed()
{
	[ "$(peer client large "$SERVER" 8 8000 10)" = 10 ]
	[ "$(counter kept)" -gt 50 ]
}

# Two IPv6 hosts meet.
hairpin()
{
	[ "$(peer other large 64:ff9b::198.51.100.9 7 8000 10)" = 10 ]
}

# More than the IPv6 side takes, without DF: cut to lowest-ipv6-mtu. The client's reassembly counts the pieces.
cut()
{
	local before after

	before=$(ns client nstat -asz Ip6ReasmReqds | awk '/Reasm/ { print $2 }')
	[ "$(peer client large "$SERVER" 7 4000 5)" = 5 ]
	after=$(ns client nstat -asz Ip6ReasmReqds | awk '/Reasm/ { print $2 }')
	[ $((after - before)) -ge 25 ]	# three IPv4 fragments, two of them in two pieces
}

# Seven fragments out of order wait when all workers are killed; their successors let them go when the first one comes.
killed_while_kept()
{
	local before

	before=$(counter kept)
	rm -f "$T/go" "$T/client-python3.log"
	start client python3 "$top/tests/net.py" reversed "$SERVER" 7 9000 "$T/go"
	wait_for 5 kept_since "$((before + 7))"
	for pid in $(worker_pids); do
		kill -9 "$pid"
	done
	wait_for 10 running "$1"
	touch "$T/go"
	wait_for 10 grep -q right "$T/client-python3.log"
	[ "$(counter fragment_timeout)" = 0 ]
}

kept_since()
{
	[ "$(counter kept)" -ge "$1" ]
}

# What never becomes whole is let go, and counted.
never_whole()
{
	local before

	before=$(counter fragment_timeout)
	start client python3 "$top/tests/net.py" reversed "$SERVER" 7 9000 "$T/never"
	wait_for 20 timed_out_since "$((before + 7))"
	end "$(cat "$T/pid")"
}

timed_out_since()
{
	[ "$(counter fragment_timeout)" -ge "$1" ]
}

# Nothing is left in the stores.
all_released()
{
	wait_for 15 released
}

released()
{
	[ "$(counter kept)" = "$(counter released_packets)" ]
}

all_of_it()
{
	config 'fragment-timeout = 5' 'static = udp 198.51.100.9:7 [2001:db8:1::2]:7000' \
		'static = icmp 198.51.100.9:77 [2001:db8:1::2]:77'
	begin
	check "$1: ping -s 3000" large_ping 3000
	check "$1: ping -s 20000" large_ping 20000
	check "$1: ping -s 3000 from outside" large_ping_inward 3000
	check "$1: UDP of 8,000 bytes" large_udp client "$SERVER" 7 8000
	check "$1: UDP of 60,000 bytes" large_udp client "$SERVER" 7 60000
	check "$1: UDP of 8,000 bytes from outside" large_udp server 198.51.100.9 7 8000
	check "$1: UDP without checksum" unsummed
	check "$1: two IPv6 hosts" hairpin
	check "$1: pieces of at most 1280 bytes" cut
	check "$1: workers killed while they keep fragments" killed_while_kept "$WORKERS"
	check "$1: what never becomes whole" never_whole
	check "$1: nothing stays" all_released
	check "$1: law 1" law1
	check "$1: the gateway stops" gateway_stop
}

net_up
echo_server server 203.0.113.2 7
start server python3 "$top/tests/net.py" unsummed 203.0.113.2 8
echo_server client 2001:db8:1::2 7000
WORKERS=1
all_of_it '1 worker'
WORKERS=2
all_of_it '2 workers'
finish
