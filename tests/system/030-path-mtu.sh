#!/usr/bin/env bash
# 030-path-mtu.sh - links narrower than the hosts believe: they learn it, and data arrives
source "$(dirname "$0")/../lib.sh"

# data [-R] - 3 MB from the client to the server, or back
data()
{
	timeout 30 ip netns exec "n64t-$$-client" iperf3 -6 -c "$SERVER" -n 3M "$@" >"$T/iperf"
}

# forget - what the hosts know of the path
forget()
{
	ip -6 -n "n64t-$$-client" route flush cache
	ip -n "n64t-$$-server" route flush cache
}

# Behind the gateway the router's link to the server takes 1300 bytes, so the client may send 1320.
narrow_ip4()
{
	ip -n "n64t-$$-router" link set to-server mtu 1300
	expect 'mtu=1320' -- sh -c "ip netns exec n64t-$$-client ping -6 -n -c 1 -W 5 -M do -s 1400 $SERVER || true"
	forget
	data
	expect 'mtu 1320' -- ip -6 -n "n64t-$$-client" route get "$SERVER"
	ip -n "n64t-$$-router" link set to-server mtu 1500
}

# Before the gateway its link to the client takes 1280 bytes, so the server may send 1260.
narrow_ip6()
{
	ip -n "n64t-$$-gateway" link set to-client mtu 1280
	data -R
	expect 'mtu 1260' -- ip -n "n64t-$$-server" route get "$(pool_address)"
	ip -n "n64t-$$-gateway" link set to-client mtu 1500
}

# cable A B MTU - the cable between two of them, at both ends
cable()
{
	ip -n "n64t-$$-$1" link set "to-$2" mtu "$3"
	ip -n "n64t-$$-$2" link set "to-$1" mtu "$3"
}

# narrow A B MTU LEARNS6 LEARNS4 - data both ways over a narrow cable, of which each side learns so much; - for nothing
narrow()
{
	forget
	cable "$1" "$2" "$3"
	data
	[ "$4" = - ] || expect "mtu $4" -- ip -6 -n "n64t-$$-client" route get "$SERVER"
	forget	# the client would ask for less than the server has to learn
	data -R
	[ "$5" = - ] || expect "mtu $5" -- ip -n "n64t-$$-server" route get "$(pool_address)"
	cable "$1" "$2" 1500
}

# The pool address that the client has
pool_address()
{
	ctl --json show bindings protocol=tcp | pick "d['bindings'][0]['ip4']"
}

# The same, known from the configuration: the gateway itself says so.
configured()
{
	forget
	data -R
	expect 'mtu 1260' -- ip -n "n64t-$$-server" route get "$(pool_address)"
	[ "$(counter too_big)" -gt 0 ]
}

net_up
config
start server iperf3 -s
wait_for 5 listening server 5201
begin
check 'narrow IPv4 link' narrow_ip4
check 'narrow IPv6 link' narrow_ip6
check 'an IPv4 cable of 1280, both ways' narrow gateway router 1280 1300 1280
check 'an IPv4 cable narrower than IPv6 may be, both ways' narrow gateway router 576 1280 576
check 'an IPv6 cable of 1280, both ways' narrow client gateway 1280 - -
check 'law 1' law1
check 'the gateway stops' gateway_stop
config 'mtu6 = 1280'
check 'start with mtu6 = 1280' gateway_start
check 'mtu6' configured
check 'law 1 with mtu6' law1
finish
