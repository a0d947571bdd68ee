#!/usr/bin/env bash
# 121-new-table.sh - pools, prefixes, static bindings, workers change under load: what did not change loses nothing
#
# 5,000 numbered datagrams a second go through the gateway while one reload after the other gives it another
# table. Bindings and counters stay; an address that is taken out drains; a change that cannot be made changes nothing.
# alone: 5,000 packets a second, and it waits for queues to empty
source "$(dirname "$0")/../lib.sh"

# pool LINE... - $T/nat64.ini with these instead of the usual pool
pool()
{
	config
	sed -i '/^pool/d' "$T/nat64.ini"
	printf '%s\n' "$@" >>"$T/nat64.ini"
}

# bindings - dynamic ones, without those of pings and downloads that come and go
bindings()
{
	ctl --json show bindings | pick "sorted(' '.join(str(b[k]) for k in
		('protocol', 'ip6', 'port6', 'ip4', 'port4')) for b in d['bindings'] if b['protocol'] == 'udp')"
}

# moved LINE... - reload with these lines more: done, same bindings, counters do not step back
moved()
{
	bindings >"$T/bindings-before"
	ctl --json show counters >"$T/counters-before"
	config "$@"
	exits 0 ctl reload
	cat "$T/said"
	wait_for 5 ctl show status
	bindings >"$T/bindings-after"
	diff "$T/bindings-before" "$T/bindings-after"
	[ -s "$T/bindings-after" ]
	ctl --json show counters >"$T/counters-after"
	counters_grow "$T/counters-before" "$T/counters-after"
	ping_server
}

# under_load COMMAND... - while numbered datagrams flow: nothing is lost
under_load()
{
	local worked=0

	flood_start 5000
	sleep 0.5
	"$@" || worked=$?
	flood_end
	grep -q ' lost 0 ' "$T/flood"
	[ $worked = 0 ]
}

# queues N - has the device so many?
queues()
{
	[ "$(ns gateway find /sys/class/net/nat64/queues -name 'tx-*' | wc -l)" = "$1" ]
}

everything()
{
	moved 'pool = 198.51.100.16/29'
	[ "$(ip -n "n64t-$$-gateway" route show 198.51.100.16/29 | wc -l)" = 1 ]
	moved 'pool = 198.51.100.16/29' 'static = tcp 198.51.100.9:80 [2001:db8:1::2]:8080'
	expect hello -- peer server tcp 198.51.100.9 80 hello
	moved 'pool = 198.51.100.16/29' 'prefix = 64:ff9b::/96' 'prefix = 2001:db8:64::/96'
	expect ' 0% packet loss' -- ns client ping -6 -n -c 1 -W 5 2001:db8:64::203.0.113.2
	WORKERS=3 moved 'pool = 198.51.100.16/29'
	[ "$(worker_pids | wc -w)" = 3 ]
	queues 3
	WORKERS=1 moved 'mtu = 2000'
	[ "$(worker_pids | wc -w)" = 1 ]
	[ "$(ns gateway cat /sys/class/net/nat64/mtu)" = 2000 ]
	queues 1
	moved 'max-sessions = 100k'
	WORKERS=2 moved
}

# Workers die while they move, old ones and new ones.
with_deaths()
{
	local i pids killer

	(
		while :; do
			mapfile -t pids < <(pgrep -P "$(cat "$T/nat64d.pid")" nat64-worker)
			[ ${#pids[@]} = 0 ] || kill -9 "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null || true
			sleep "0.0$((RANDOM % 9 + 1))"
		done
	) &
	killer=$!
	for i in 16 24 16 24 16 24; do
		config "pool = 198.51.100.$i/29"
		ctl reload >>"$T/reloads" 2>&1 || true
	done
	kill $killer
	wait $killer 2>/dev/null || true
	cat "$T/reloads"
	[ "$(grep -c '^reloaded' "$T/reloads")" -ge 3 ]
	wait_for 10 running 2
	ping_server
}

# A route that somebody else has: no part of the change is made.
in_the_way()
{
	local before

	wait_for 10 running 2 # those that were killed last have their successors
	before=$(worker_pids)
	ip -n "n64t-$$-gateway" route add unreachable 198.51.100.32/29
	config 'pool = 198.51.100.40/29' 'pool = 198.51.100.32/29' 'udp-timeout = 222'
	exits 1 ctl reload
	grep "route to 198.51.100.32/29 already" "$T/said"
	grep 'nothing was changed' "$T/said"
	[ "$(worker_pids)" = "$before" ]
	[ -z "$(ip -n "n64t-$$-gateway" route show 198.51.100.40/29)" ]
	expect udp-timeout,300 -- ctl --csv show config
	ip -n "n64t-$$-gateway" route del unreachable 198.51.100.32/29
	ping_server
}

# taken_out - the pool address of our one UDP binding leaves the pool
address()
{
	ctl --json show bindings protocol=udp port=7001 | pick "d['bindings'][0]['ip4']"
}

talks()
{
	expect hello -- peer client udp "$SERVER" 7 hello 7001
}

drains()
{
	local ip4

	pool 'pool = 198.51.100.8/31'
	exits 0 ctl reload
	talks
	ip4=$(address)
	pool 'pool = 198.51.100.24/31' 'icmp-timeout = 60'
	exits 0 ctl reload
	talks
	[ "$(address)" = "$ip4" ]
	[ -n "$(ip -n "n64t-$$-gateway" route show "$ip4")" ] || ip -n "n64t-$$-gateway" route get "$ip4" | grep nat64
	expect hello -- peer client udp "$SERVER" 7 hello 7002
	[ "$(ctl --json show bindings protocol=udp port=7002 | pick "d['bindings'][0]['ip4']")" != "$ip4" ]
	ping_server
}

cut_now()
{
	local ip4

	ip4=$(address)
	pool 'pool = 198.51.100.24/31' 'drain-timeout = 0'
	exits 0 ctl reload
	cat "$T/said"
	[ "$(ctl --json show bindings "ip4=$ip4" | pick "len(d['bindings'])")" = 0 ]
	[ -z "$(ip -n "n64t-$$-gateway" route show 198.51.100.8/31)" ]
	[ "$(counter bindings_cut)" -gt 0 ]
	talks
	[ "$(address)" != "$ip4" ]
}

# nat64d is killed in the middle of reloads, at any moment: the next one finds the old table or the new one, whole.
killed()
{
	local i

	for i in {1..8}; do
		pool 'pool = 198.51.100.24/31' "pool = 198.51.100.$((16 + i % 2 * 2))/31"
		kill -HUP "$(cat "$T/nat64d.pid")"
		sleep "0.0$((RANDOM % 9 + 1))"
		kill -9 "$(cat "$T/nat64d.pid")"
		wait_for 5 gone "$(cat "$T/nat64d.pid")"
		gateway_start
		talks
		[ "$(address)" = "$1" ]
		exits 0 ctl audit
	done
}

# Addresses that leave go on leaving after that.
killed_while_leaving()
{
	local ip4

	ip4=$(address)
	pool 'pool = 198.51.100.32/31'
	exits 0 ctl reload
	kill -9 "$(cat "$T/nat64d.pid")"
	wait_for 5 gone "$(cat "$T/nat64d.pid")"
	gateway_start
	talks
	[ "$(address)" = "$ip4" ]
	pool 'pool = 198.51.100.32/31' 'drain-timeout = 0'
	exits 0 ctl reload
	talks
	[ "$(address)" != "$ip4" ]
}

# With nothing on it, an address that was taken out goes by itself.
goes_when_empty()
{
	pool 'pool = 198.51.100.32/31' 'pool = 198.51.100.16/32'
	exits 0 ctl reload
	pool 'pool = 198.51.100.32/31'
	exits 0 ctl reload
	wait_for 20 no_route 198.51.100.16
	talks
}

no_route()
{
	[ -z "$(ip -n "n64t-$$-gateway" route show "$1")" ]
}

net_up
WORKERS=2
RUN=$SHM
mkdir "$RUN"
config
begin
echo_server server 203.0.113.2 7
echo_server client 2001:db8:1::2 8080
check 'a binding' talks
check 'every kind of change, one after the other, under load' under_load everything
check 'law 1' law1
check 'workers are killed while they move' under_load with_deaths
check 'a change that cannot be made' in_the_way
check 'an address that is taken out drains' drains
check 'with drain-timeout 0 it is cut' cut_now
check 'nat64d is killed in the middle of reloads' killed "$(address)"
check 'nat64d is killed while addresses leave' killed_while_leaving
check 'an empty one goes by itself' goes_when_empty
finish
