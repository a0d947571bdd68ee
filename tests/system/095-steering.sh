#!/usr/bin/env bash
# 095-steering.sh - the kernel puts packets into the queue of the worker they belong to, so none is handed over
#
# The same traffic with steering and without: flows of many subscribers in both directions, inbound services, echoes and
# ICMP errors about packets of either side. What is handed over is counted, not timed.
source "$(dirname "$0")/../lib.sh"

build=$B

# 64 flows, each from a /64 of its own, which is a subscriber of its own; and their answers.
flows()
{
	expect 64 -- peer client flows "$SERVER" 7 64 2001:db8:100::/48
}

# To hosts of several subscribers, whose shards have nothing to do with the ports.
inbound()
{
	local port

	for port in {80..85}; do
		expect hello -- peer server udp 198.51.100.9 "$port" hello
	done
	expect 64:ff9b::cb00:7102 hello -- peer server tcp 198.51.100.10 80 hello
	expect ' 0% packet loss' -- ns server ping -n -c 2 -i 0.3 -W 5 -e 77 198.51.100.9
}

# ICMP errors of IPv4 routers and, for a port where nobody listens, of the IPv6 host.
errors()
{
	local name

	for name in client other; do
		ns $name traceroute -6 -n -q 1 -w 3 -N 1 -m 8 "$SERVER" | tee "$T/hops"
		[ "$(grep -c 64:ff9b:: "$T/hops")" -ge 3 ]
		ns $name ping -6 -n -c 4 -i 0.3 -W 5 "$SERVER"
	done
	expect refused -- peer server udp 198.51.100.9 88 hello
}

traffic()
{
	flows
	flows
	inbound
	errors
	flows
}

handed_over()
{
	counter handed_over
}

# none_handed_over COMMAND... - while it runs
none_handed_over()
{
	local before after

	before=$(handed_over)
	"$@"
	after=$(handed_over)
	echo "handed over: $before before, $after after"
	[ "$after" = "$before" ]
}

steering()
{
	[ "$(ctl --json show tenants | pick "d['tenants'][0]['steering']")" = "$1" ]
	[ "$(ctl --json show status | pick "d['tenants'][0]['steering']")" = "$1" ]
}

# One that takes any queue would hand nothing over either if the other had nothing to do.
both_received()
{
	[ "$(ctl --json show workers | pick "sum(w['received'] > 50 for w in d['workers'])")" = 2 ]
}

restarted()
{
	kill -USR1 "$(cat "$T/nat64d.pid")"
	wait_for 20 grep -q 'all workers have been restarted' "$T/gateway-nat64d.log"
	wait_for 10 running 2
}

killed()
{
	local pid

	for pid in $(worker_pids); do
		kill -9 "$pid"
	done
	wait_for 10 replaced
}

replaced()
{
	running 2 && [ "$(ctl --json show workers | pick "sum(w['restarts'] > 1 for w in d['workers'])")" = 2 ]
}

upgraded()
{
	exits 0 ctl upgrade
	wait_for 10 running 2
	steering on
}

# Neither a worker nor ctl has a descriptor of the program or its tables; nat64d has all three.
nobodys()
{
	local pid

	[ "$(bpf_descriptors "$(cat "$T/nat64d.pid")")" = 3 ]
	for pid in $(pgrep -P "$(cat "$T/nat64d.pid")" nat64); do
		[ "$(bpf_descriptors "$pid")" = 0 ]
	done
}

bpf_descriptors()
{
	find "/proc/$1/fd" -type l -printf '%l\n' | grep -c bpf || true
}

again()
{
	gateway_stop
	gateway_start
}

many_handed_over()
{
	local before after

	before=$(handed_over)
	traffic
	after=$(handed_over)
	echo "handed over: $before before, $after after"
	[ $((after - before)) -ge 20 ]
}

# Without CAP_BPF: one line that says what is missing and what it means, and all works.
refused()
{
	mkdir "$T/bin"
	ln -s "$build/nat64ctl" "$T/bin"
	printf '%s\n' '#!/bin/sh' "exec setpriv --bounding-set -bpf --inh-caps -bpf '$build/nat64d' \"\$@\"" >"$T/bin/nat64d"
	chmod 755 "$T/bin/nat64d"
	B=$T/bin
	gateway_stop
	gateway_start
	cat "$T/gateway-nat64d.log"
	[ "$(grep -c 'not steered' "$T/gateway-nat64d.log")" = 1 ]
	grep 'not steered' "$T/gateway-nat64d.log" | grep 'not permitted' | grep 'hand them over' | grep CAP_BPF
	steering refused
	expect 'attention: lab' 'not steered' 'not permitted' -- ctl show status
}

alone()
{
	WORKERS=1 config
	again
	steering off
	ping_server
	! grep 'not steered' "$T/gateway-nat64d.log"
}

net_up
statics=()
for port in {80..85}; do
	statics+=("static = udp 198.51.100.9:$port [2001:db8:101:$port::9]:8080")
done
statics+=('static = udp 198.51.100.9:88 [2001:db8:1::2]:8088' 'static = icmp 198.51.100.9:77 [2001:db8:1::2]:77'
	'static = tcp 198.51.100.10:80 [2001:db8:2::2]:8080')
WORKERS=2
config "${statics[@]}"
ip -6 -n "n64t-$$-client" route add local 2001:db8:100::/48 dev lo
ip -6 -n "n64t-$$-gateway" route add 2001:db8:100::/47 via 2001:db8:1::2
echo_server server 203.0.113.2 7
for port in {80..85}; do
	ip -6 -n "n64t-$$-client" addr add "2001:db8:101:$port::9/128" dev lo
	echo_server client "2001:db8:101:$port::9" 8080
done
echo_server other 2001:db8:2::2 8080
begin
check 'show says on' steering on
check 'nothing is handed over' none_handed_over traffic
check 'both workers received' both_received
check 'nobody else has the tables' nobodys
check 'workers restarted' restarted
check 'nothing is handed over after it' none_handed_over traffic
check 'workers killed' killed
check 'nothing is handed over after that' none_handed_over traffic
check 'upgraded' upgraded
check 'nothing is handed over by the new one' none_handed_over traffic
check 'law 1' law1
config "${statics[@]}" 'steering = off'
check 'steering = off' again
check 'show says off' steering off
check 'much is handed over' many_handed_over
check 'law 1 without it' law1
config "${statics[@]}"
check 'without CAP_BPF: one line' refused
check 'and all works' many_handed_over
check 'law 1 at the end' law1
check 'one worker needs none' alone
finish
