#!/usr/bin/env bash
# 065-filtering.sh - what an application finds out about the gateway, and two hosts that open to each other
#
# The application is a STUN client (RFC 3489). The answers name the server's other address, which is an IPv4 address, so
# the client is one that speaks IPv4, behind a CLAT, as on a mobile telephone. The CLAT takes only what comes from its own
# prefix, although that is the tenant's second one.
source "$(dirname "$0")/../lib.sh"

# behaviour FILTERING STATUS - does a client find this out, and that its mapping depends on nobody? A status of its own for
# each filtering says it too. What the client sends to its own pool address comes back either way.
behaviour()
{
	exits "$2" ns client timeout 20 stun 203.0.113.2
	expect "Independent Mapping, $1 Filter" 'will hairpin' -- cat "$T/said"
}

filtering()
{
	config "filtering = $1" "prefix = 64:ff9b::/96" "prefix = $CLAT_PREFIX"
	kill -HUP "$(cat "$T/nat64d.pid")"
	wait_for 5 filtering_is "$1"
}

filtering_is()
{
	ctl show config | grep "filtering.*$1"
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
	[ "$word" = refused ] && [ "$seconds" -ge 5 ]
	[ "$(counter syn_unanswered)" = 1 ]
}

# A worker dies while a SYN is kept: its successor answers it.
death()
{
	local address port word seconds

	read -r address port < <(peer client seen "$SERVER" 7 7002)
	start server python3 "$top/tests/net.py" opens "$address" "$port" 203.0.113.3 5557 hello
	wait_for 5 counted kept 3
	kill_workers
	wait_for 15 grep -q refused "$T/server-python3.log"
	[ "$(counter syn_unanswered)" = 2 ]
}

net_up
config 'prefix = 64:ff9b::/96' "prefix = $CLAT_PREFIX"
echo_server server 203.0.113.2 7
start server stund -h 203.0.113.2 -a 203.0.113.3
begin
check 'a CLAT' clat_start
check 'endpoint-independent' behaviour Independent 2
check 'a reload' filtering address-dependent
check 'address-dependent' behaviour 'Address Dependent' 4
check 'simultaneous open' simultaneous
check 'a SYN that nobody answers' unanswered
check 'a worker dies while a SYN waits' death
check 'back again' filtering endpoint-independent
check 'endpoint-independent, again' behaviour Independent 2
check 'law 1' law1
finish
