#!/usr/bin/env bash
# 160-refused.sh - what must not pass: private destinations, foreign sources; and that truly nothing left the gateway
source "$(dirname "$0")/../lib.sh"

# denied ADDRESS - a datagram to it is refused by an ICMPv6 error that says prohibited, and counted
denied()
{
	local before

	before=$(counter destination_denied)
	expect prohibited -- peer client udp "64:ff9b::$1" 53 hello
	[ "$(counter destination_denied)" -gt "$before" ]
}

# A source that the tenant does not serve
spoofed()
{
	local before

	before=$(counter source_denied)
	ip -6 -n "n64t-$$-client" addr add 3fff:bad::1/128 dev lo
	exits 1 ns client ping -6 -n -c 2 -i 0.1 -W 1 -I 3fff:bad::1 "$SERVER"
	wait_for 3 denied_above "$before"
}

denied_above()
{
	[ "$(counter source_denied)" -gt "$1" ]
}

# Of all that was captured between gateway and router, only the good packet may be there.
nothing_left()
{
	peer client udp "$SERVER" 7 hello
	wait_for 5 captured
	end "$(cat "$T/tcpdump.pid")"
	tcpdump -n -r "$T/left.pcap" | tee "$T/left"
	! grep -vE '203\.0\.113\.2' "$T/left"
}

captured()
{
	tcpdump -n -r "$T/left.pcap" 2>/dev/null | grep 203.0.113.2
}

net_up
config
echo_server server 203.0.113.2 7
start gateway tcpdump -n -U -i to-router -w "$T/left.pcap" ip and not src host 203.0.113.2
cp "$T/pid" "$T/tcpdump.pid"
wait_for 5 grep -q 'listening on' "$T/gateway-tcpdump.log"
begin
for address in 169.254.169.254 127.0.0.1 10.0.0.1 172.16.1.1 192.168.1.1 100.64.0.1 0.0.0.1 224.0.0.1 \
	255.255.255.255; do
	check "destination $address" denied $address
done
finish
check 'a source outside source' spoofed
check 'nothing but the good packet left' nothing_left
check 'law 1' law1
finish
