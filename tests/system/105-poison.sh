#!/usr/bin/env bash
# 105-poison.sh - a packet that crashes a worker does so once: it is dropped, counted and kept, and traffic goes on
#
# The worker is the real one, but for a trap on packets that say POISON (tests/stress/poisonable.c).
source "$(dirname "$0")/../lib.sh"

poisoned()
{
	[ "$(counter poison)" = "$1" ] && running 1
}

one_poison()
{
	local before

	before=$(ctl --json show workers | pick "d['workers'][0]['restarts']")
	peer client send "$SERVER" 7 "this is POISON"
	wait_for 10 poisoned "$1"
	[ "$(ctl --json show workers | pick "d['workers'][0]['restarts']")" = $((before + 1)) ]
	ctl --json show workers | pick "d['workers'][0]['last_death']" | grep sigill
	ping_server
}

evidence()
{
	[ "$(stat -c '%a %U' "$T/run/poison-lab-$1.pcap")" = '600 root' ]
	tcpdump -nn -A -r "$T/run/poison-lab-$1.pcap" 2>"$T/tcpdump" | tee "$T/shown"
	grep -q 'IP6 2001:db8:1::2.*> 64:ff9b::cb00:7102.7: UDP' "$T/shown"
	grep -q 'this is POISON' "$T/shown"
}

net_up
WORKERS=1 config
mkdir "$T/bin"
cp "$B/nat64d" "$B/nat64-ctld" "$T/bin"
cp "$B/tests/stress/nat64-worker" "$T/bin"
ln -s "$B/nat64ctl" "$T/bin"
echo_server server 203.0.113.2 7
B=$T/bin
begin
check 'traffic flows' ping_server
check 'a poisonous packet kills one worker' one_poison 1
check 'it is kept as evidence' evidence 1
check 'and another one' one_poison 2
check 'kept too' evidence 2
check 'every packet has its verdict' law1
check 'the gateway stops' gateway_stop
finish
