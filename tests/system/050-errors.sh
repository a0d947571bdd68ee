#!/usr/bin/env bash
# 050-errors.sh - errors come home: what the IPv4 side says of a packet reaches the socket that sent it
source "$(dirname "$0")/../lib.sh"

udp_closed()
{
	expect refused -- peer client udp "$SERVER" 9 hello
}

tcp_closed()
{
	exits 1 peer client tcp "$SERVER" 9 hello
	grep -q ConnectionRefused "$T/said"
}

# Nobody has 203.0.113.99, and the router says so after it asked.
host_unreachable()
{
	expect 'Destination unreachable' -- sh -c \
		"ip netns exec n64t-$$-client ping -6 -n -c 1 -W 8 64:ff9b::203.0.113.99 || true"
}

hop_limit()
{
	expect 'Time exceeded' 64:ff9b::c000:202 -- sh -c \
		"ip netns exec n64t-$$-client ping -6 -n -c 1 -W 5 -t 4 $SERVER || true"
}

# What the translator itself cannot carry is answered by its own address.
protocol()
{
	local before

	before=$(counter protocol_unsupported)
	ns client python3 -c "import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 132)
s.sendto(b'0123456789abcdef', ('$SERVER', 0))"
	wait_for 3 unsupported_above "$before"
}

unsupported_above()
{
	[ "$(counter protocol_unsupported)" -gt "$1" ]
}

net_up
config
begin
check 'UDP to a closed port' udp_closed
check 'TCP to a closed port' tcp_closed
check 'a host that is not there' host_unreachable
check 'hop limit runs out behind the gateway' hop_limit
check 'a protocol without translation' protocol
check 'law 1' law1
finish
