#!/usr/bin/env bash
# 070-hairpin.sh - two IPv6 hosts meet by way of their pool addresses, and each sees the other's (RFC 6146 section 3.8)
source "$(dirname "$0")/../lib.sh"

# The other host's source, as the client sees it, is a pool address in the prefix: 198.51.100.8/29.
hairpin()
{
	expect 64:ff9b::c633:64 hello -- peer other "$1" 64:ff9b::198.51.100.9 "$2" hello
}

hairpin_dynamic()
{
	local address port

	start client python3 "$top/tests/net.py" pinhole "$SERVER" 7 7000
	wait_for 5 grep -q open "$T/client-python3.log"
	read -r address port _ < <(grep open "$T/client-python3.log")
	expect 64:ff9b::c633:64 hello -- peer other udp "64:ff9b::$address" "$port" hello
}

hairpin_self()
{
	expect 64:ff9b::c633:64 hello -- peer client tcp 64:ff9b::198.51.100.9 80 hello
}

hairpin_closed()
{
	expect refused -- peer other udp 64:ff9b::198.51.100.9 5001 hello
}

net_up
config 'static = tcp 198.51.100.9:80 [2001:db8:1::2]:8080' 'static = udp 198.51.100.9:5000 [2001:db8:1::2]:8080' \
	'static = udp 198.51.100.9:5001 [2001:db8:1::2]:9'
echo_server client 2001:db8:1::2 8080
echo_server server 203.0.113.2 7
begin
check 'TCP to a static binding' hairpin tcp 80
check 'UDP to a static binding' hairpin udp 5000
check 'UDP to a dynamic binding' hairpin_dynamic
check 'a host meets itself' hairpin_self
check 'errors make the turn too' hairpin_closed
check 'law 1' law1
finish
