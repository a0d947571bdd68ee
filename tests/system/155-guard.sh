#!/usr/bin/env bash
# 155-guard.sh - a worker that was taken over cannot send from addresses that are not its tenant's
#
# The worker is the real one in its real sandbox, but on a packet that says SPOOF it sends 100 IPv4 and 100 IPv6 packets
# from wrong sources (tests/stress/hostile.c). With the guard none passes and all are counted, whatever becomes of nat64d;
# without it all arrive, so that this says something.
source "$(dirname "$0")/../lib.sh"

# watch NAMESPACE - count what arrives there for the port of the spoofed packets
watch()
{
	ns "$1" nft 'add table inet seen; add counter inet seen arrived
		add chain inet seen look { type filter hook prerouting priority raw; }
		add rule inet seen look udp dport 9998 counter name arrived'
}

# arrived NAMESPACE
arrived()
{
	ns "$1" nft -j list counters | pick "[c['counter']['packets'] for c in d['nftables'] if 'counter' in c][0]"
}

guard()
{
	[ "$(ctl --json show tenants | pick "d['tenants'][0]['guard']")" = "$1" ]
	[ "$(ctl --json show status | pick "d['tenants'][0]['guard']")" = "$1" ]
}

attack()
{
	for _ in {1..10}; do
		peer client send "$SERVER" 7 SPOOF
	done
}

# dropped N - so many of each family, as the kernel counts
dropped()
{
	[ "$(guard_drops 4) $(guard_drops 6)" = "$1 $1" ]
}

# The port that is told, and what nat64d tells, a second later.
told()
{
	[ "$(ctl --json show tenants | pick "d['tenants'][0]['spoofed']")" = $(($1 * 2)) ]
	ns gateway curl -s http://127.0.0.1:9640/metrics >"$T/metrics"
	grep -qx "nat64_spoofed_packets_total{tenant=\"lab\",family=\"ip6\"} $1" "$T/metrics"
	expect "sent $(($1 * 2)) packets" -- ctl show status
}

# attacked N - once more; N of each family have been dropped by then, and nothing has passed, while others talk
attacked()
{
	local before

	before="$(arrived server) $(arrived client)"
	attack
	wait_for 5 dropped "$1"
	ping_server
	expect 'hello' -- talk
	dropped "$1"
	[ "$(arrived server) $(arrived client)" = "$before" ]
}

sources()
{
	ns gateway nft list table inet nat64d-nat64 | tee "$T/table"
	grep -q "$1" "$T/table"
}

not_sources()
{
	! sources "$1"
}

# answers IPV4 SECONDS - does it, through the prefix?
answers()
{
	ns client ping -6 -n -c 1 -W "$2" "64:ff9b::$1"
}

silent()
{
	if answers "$1" 1; then
		return 1
	fi
}

# The gateway's own IPv4 address through the prefix: only when it is allowed as such, not within a network.
own_address()
{
	silent 192.0.2.1
	silent c000:201
	ns gateway ip addr add 192.0.2.77/32 dev lo
	silent 192.0.2.77
	silent 192.0.2.3 # broadcast, which every socket of the gateway hears
	[ "$(guard_counter to_host4)" = 4 ]
	wait_for 3 own_told 4
	config 'allow = 192.0.2.77/32'
	ctl reload
	answers 192.0.2.77 5
	silent 192.0.2.1
	ns gateway ip addr del 192.0.2.77/32 dev lo
}

own_told()
{
	[ "$(ctl --json show tenants | pick "d['tenants'][0]['to_host']")" = "$1" ]
}

# A pool that was changed: the old address may send while bindings live on it, and then no more.
reloaded()
{
	config 'drain-timeout = 3' 'router4 = 192.0.2.129' 'router6 = 2001:db8:fff::1' 'prefix = 64:ff9b::/96' \
		'prefix = 2001:db8:64::/48'
	sed -i 's,^pool.*,pool = 198.51.100.24/29,' "$T/nat64.ini"
	ctl reload
	sources 198.51.100.24
	sources 198.51.100.8
	sources 192.0.2.129
	sources 2001:db8:fff::1
	sources 2001:db8:64::
	wait_for 20 not_sources '198.51.100.8'
}

back()
{
	config
	ctl reload
	wait_for 5 sources 198.51.100.8
	not_sources 2001:db8:fff::1
	guard on
}

killed()
{
	kill_nat64d
	attack
	wait_for 5 dropped "$1"
	gateway_start
	guard on
	dropped "$1"
}

upgraded()
{
	ctl upgrade
	guard on
	dropped "$1"
	not_sources 2001:db8:fff::1
}

# Somebody loads the rules of the host anew.
flushed()
{
	ns gateway nft flush ruleset
	wait_for 5 sources 198.51.100.8
	grep 'warning.*somebody has removed the table nat64d-nat64' "$T/gateway-nat64d.log"
	guard on
}

off()
{
	config 'source-guard = off'
	ctl reload
	guard off
	no_rules
}

all_arrive()
{
	[ "$(arrived server) $(arrived client)" = '1000 1000' ]
}

unguarded()
{
	attack
	wait_for 5 all_arrive
}

on_again()
{
	config
	ctl reload
	guard on
	attacked 1000
}

no_rules()
{
	ns gateway nft list ruleset >"$T/rules"
	[ ! -s "$T/rules" ]
}

left_nothing()
{
	gateway_stop
	no_rules
}

# What the kernel refuses is said, and the gateway works all the same.
refused()
{
	ns gateway nft 'add table inet nat64d-nat64; add chain inet nat64d-nat64 source'
	gateway_start
	guard refused
	grep 'warning: tenant lab: the kernel does not take the rules' "$T/gateway-nat64d.log"
	expect 'attention: lab, the kernel does not look at the sources' -- ctl show status
	ns gateway curl -s http://127.0.0.1:9640/metrics | grep -x 'nat64_source_guard{tenant="lab"} 0'
	ping_server
	ns gateway nft delete table inet nat64d-nat64
	config 'udp-timeout = 301'
	ctl reload
	guard on
}

net_up
watch server
watch client
config
RUN=$SHM
mkdir "$T/bin"
cp "$B/nat64d" "$B/nat64-ctld" "$T/bin"
cp "$B/tests/stress/hostile/nat64-worker" "$T/bin"
ln -s "$B/nat64ctl" "$T/bin"
echo_server server 203.0.113.2 7
B=$T/bin
config
begin
check 'the guard is there' guard on
check '2,000 spoofed packets: none passes' attacked 1000
check 'it is told' wait_for 5 told 1000
check 'the own addresses of the gateway' own_address
check 'a reload changes it' reloaded
check 'and it still holds' attacked 2000
check 'back again' back
check 'nat64d killed: it holds; a start takes it over' killed 3000
check 'and it still holds' attacked 4000
check 'an upgrade leaves it' upgraded 4000
check 'and it still holds' attacked 5000
check 'the rules of the host flushed: it comes back' flushed
check 'and it still holds' attacked 1000
check 'source-guard = off' off
check 'without it, all arrive' unguarded
check 'on again' on_again
check 'a stop removes it' left_nothing
check 'refused, said, made when it can be' refused
check 'the gateway stops' left_nothing
finish
