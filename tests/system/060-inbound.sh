#!/usr/bin/env bash
# 060-inbound.sh - static bindings: an IPv4 host reaches services of an IPv6-only host; anything else is dropped
source "$(dirname "$0")/../lib.sh"

inbound_tcp()
{
	expect 64:ff9b::cb00:7102 hello -- peer server tcp 198.51.100.9 80 hello
}

inbound_udp()
{
	expect 64:ff9b::cb00:7102 hello -- peer server udp 198.51.100.9 5000 hello
}

inbound_icmp()
{
	expect ' 0% packet loss' -- ns server ping -n -c 2 -i 0.3 -W 5 -e 77 198.51.100.9
}

no_binding()
{
	local before

	before=$(counter no_binding)
	exits 1 peer server udp 198.51.100.10 4000 hello
	[ "$(counter no_binding)" -gt "$before" ]
}

listed()
{
	[ "$(ctl --json show bindings | pick "len([b for b in d['bindings'] if b['kind'] == 'static'])")" = 3 ]
}

# Endpoint-independent filtering: a port that a binding holds is open to every IPv4 host.
filtering()
{
	local address port

	start client python3 "$top/tests/net.py" pinhole "$SERVER" 7 7000
	wait_for 5 grep -q open "$T/client-python3.log"
	read -r address port _ < <(grep open "$T/client-python3.log")
	expect 64:ff9b::c000:202 hello -- peer router udp "$address" "$port" hello
}

net_up
config 'static = tcp 198.51.100.9:80 [2001:db8:1::2]:8080' 'static = udp 198.51.100.9:5000 [2001:db8:1::2]:8080' \
	'static = icmp 198.51.100.9:77 [2001:db8:1::2]:77'
echo_server client 2001:db8:1::2 8080
echo_server server 203.0.113.2 7
begin
check 'TCP from outside' inbound_tcp
check 'UDP from outside' inbound_udp
check 'ICMP from outside' inbound_icmp
check 'they are listed' listed
check 'a port without binding' no_binding
check 'endpoint-independent filtering' filtering
check 'law 1' law1
finish
