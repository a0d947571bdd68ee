#!/usr/bin/env bash
# 065-filtering.sh - what an application finds out about the gateway (RFC 5780), and two hosts that open to each other
source "$(dirname "$0")/../lib.sh"

# behaviour MAPPING FILTERING - does a client find both?
behaviour()
{
	expect "mapping $1" "filtering $2" -- peer client nat "$SERVER" 3478 64:ff9b::203.0.113.3 3479
}

filtering()
{
	config "filtering = $1"
	kill -HUP "$(cat "$T/nat64d.pid")"
	wait_for 5 filtering_is "$1"
}

filtering_is()
{
	ctl show config | grep -q "filtering.*$1"
}

# The server's SYN waits in the gateway, that of the client meets it: both kernels see a simultaneous open.
simultaneous()
{
	local address port

	read -r address port < <(peer client seen "$SERVER" 7 7000)
	start server python3 "$top/tests/net.py" opens "$address" "$port" 203.0.113.3 5555 from-the-server
	wait_for 5 counted kept 1
	[ "$(counter syn_discarded)" = 0 ]
	expect from-the-server -- peer client opens 64:ff9b::203.0.113.3 5555 2001:db8:1::2 7000 from-the-client
	wait_for 5 grep -q from-the-client "$T/server-python3.log"
	wait_for 5 counted syn_discarded 1
	[ "$(counter syn_unanswered)" = 0 ]
}

counted()
{
	[ "$(counter "$1")" = "$2" ]
}

# Not before 6 seconds, and then a host is told.
unanswered()
{
	local address port word seconds

	read -r address port < <(peer client seen "$SERVER" 7 7001)
	read -r word seconds < <(peer server opens "$address" "$port" 203.0.113.3 5556 hello)
	echo "$word after $seconds s"
	[ "$word" = refused ] && [ "$seconds" -ge 5 ] && [ "$seconds" -le 9 ]
	[ "$(counter syn_unanswered)" = 1 ]
}

# A worker dies while a SYN is kept: its successor answers it.
death()
{
	local address port word seconds

	read -r address port < <(peer client seen "$SERVER" 7 7002)
	start server python3 "$top/tests/net.py" opens "$address" "$port" 203.0.113.3 5557 hello
	wait_for 5 counted kept 3
	kill -9 "$(worker_pids)"
	wait_for 15 grep -q refused "$T/server-python3.log"
	[ "$(counter syn_unanswered)" = 2 ]
}

net_up
config
echo_server server 203.0.113.2 7
start server python3 "$top/tests/net.py" stun 203.0.113.2 3478 203.0.113.3 3479
wait_for 5 grep -q ready "$T/server-python3.log"
begin
check 'endpoint-independent' behaviour endpoint-independent endpoint-independent
check 'a reload' filtering address-dependent
check 'address-dependent' behaviour endpoint-independent address-dependent
check 'simultaneous open' simultaneous
check 'a SYN that nobody answers' unanswered
check 'a worker dies while a SYN waits' death
check 'back again' filtering endpoint-independent
check 'endpoint-independent, again' behaviour endpoint-independent endpoint-independent
check 'law 1' law1
finish
