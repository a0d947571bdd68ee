#!/usr/bin/env bash
# 070-hairpin.sh - two IPv6 hosts meet by way of their pool addresses, and each sees the other's (RFC 6146 section 3.8)
source "$(dirname "$0")/../lib.sh"

# The other host's source, as the client sees it, is a pool address in the prefix: 198.51.100.8/29.
hairpin()
{
	expect 64:ff9b::c633:64 hello -- peer other "$1" 64:ff9b::198.51.100.9 "$2" hello
}

# The client opens a binding, and says in its log which.
dynamic()
{
	: >"$T/client-python3.log"
	start client python3 "$top/tests/net.py" pinhole "$SERVER" 7 7000
	wait_for 5 grep -q open "$T/client-python3.log"
}

hairpin_dynamic()
{
	local address port

	dynamic
	read -r address port _ <"$T/client-python3.log"
	expect 64:ff9b::c633:64 hello -- peer other udp "64:ff9b::$address" "$port" hello
	end "$(cat "$T/pid")"
}

hairpin_self()
{
	expect 64:ff9b::c633:64 hello -- peer client tcp 64:ff9b::198.51.100.9 80 hello
}

hairpin_closed()
{
	expect refused -- peer other udp 64:ff9b::198.51.100.9 5001 hello
}

# What a host sends to its own pool address and its own identifier comes back.
hairpin_ping()
{
	local address

	address=$(ctl --json show bindings | pick "[b['ip4'] for b in d['bindings'] if b['ip6'] == '2001:db8:1::2'][0]")
	expect ' 0% packet loss' -- ns client ping -6 -n -c 2 -i 0.2 -W 5 "64:ff9b::$address"
}

# Who has a binding, and was not sent to by the other, is not heard.
hairpin_stranger()
{
	local address port before

	before=$(counter filtered)
	dynamic
	read -r address port _ <"$T/client-python3.log"
	peer other send "64:ff9b::$address" "$port" hello
	wait_for 5 filtered "$((before + 1))"
	end "$(cat "$T/pid")"
}

filtered()
{
	[ "$(counter filtered)" = "$1" ]
}

# all_of_it FILTERING DYNAMIC - with as many workers as WORKERS says; DYNAMIC is what becomes of a stranger
all_of_it()
{
	local with="workers = $WORKERS, $1"

	config "filtering = $1" 'static = tcp 198.51.100.9:80 [2001:db8:1::2]:8080' \
		'static = udp 198.51.100.9:5000 [2001:db8:1::2]:8080' 'static = udp 198.51.100.9:5001 [2001:db8:1::2]:9'
	begin
	check "$with: TCP to a static binding" hairpin tcp 80
	check "$with: UDP to a static binding" hairpin udp 5000
	check "$with: UDP to a dynamic binding" "$2"
	check "$with: a host meets itself" hairpin_self
	check "$with: a host pings itself" hairpin_ping
	check "$with: errors make the turn too" hairpin_closed
	check "$with: law 1" law1
	check "$with: the gateway stops" gateway_stop
}

net_up
echo_server client 2001:db8:1::2 8080
echo_server server 203.0.113.2 7
WORKERS=1
all_of_it endpoint-independent hairpin_dynamic
WORKERS=2
all_of_it endpoint-independent hairpin_dynamic
all_of_it address-dependent hairpin_stranger
finish
