#!/usr/bin/env bash
# 108-carried.sh - a worker dies at every start: the others carry its shards, until one lives in its place again
#
# The worker is the real one, but for slot 1, where it dies as soon as it has shards while udp-timeout is 666
# (tests/stress/poisonable.c).
source "$(dirname "$0")/../lib.sh"

said()
{
	[ "$(grep -c "$1" "$T/gateway-nat64d.log")" -ge "$2" ]
}

talks()
{
	expect hello -- peer client udp "$SERVER" 7 hello 7001
	expect hello -- peer other udp "$SERVER" 7 hello 7002
}

bindings()
{
	ctl --json show bindings protocol=udp | pick "chr(10).join(sorted(' '.join(str(b[k]) for k in
		('ip6', 'port6', 'ip4', 'port4')) for b in d['bindings']))"
}

# Sixteen subscribers, so that each worker has some.
flood()
{
	"$tests/flood" "/run/netns/n64t-$$-client" "/run/netns/n64t-$$-server" "$SERVER" 9 2000 3 16 >"$T/flood" 2>&1
	cat "$T/flood"
	grep -q ' lost 0 ' "$T/flood"
}

second()
{
	ctl --json show workers | pick "d['workers'][1]['pid']"
}

carried()
{
	flood
	talks
	bindings >"$T/before"
	config 'udp-timeout = 666'
	exits 0 ctl reload
	kill -9 "$(second)"
	wait_for 20 said 'worker 1 dies at every start; the others carry its shards' 1
	wait_for 10 ctl show status
	bindings >"$T/after"
	diff "$T/before" "$T/after"
	[ "$(wc -l <"$T/after")" -ge 16 ]
	talks
	flood
}

# With shards it would die again: before a packet has met the new table, it is found out, and nothing changes.
tried_again()
{
	wait_for 40 said 'the new workers do not bring the bindings over; nothing was changed' 1
	wait_for 10 ctl show status
	talks
	flood
}

healed()
{
	config
	wait_for 10 ctl show status
	exits 0 ctl reload
	wait_for 60 said 'worker 1 lives again and gets shards back' 1
	wait_for 10 ctl show status
	wait_for 10 running 2
	sleep 1
	running 2
	flood
	talks
	bindings >"$T/after"
	[ -z "$(comm -23 "$T/before" "$T/after")" ]
	[ "$(grep -c 'dies at every start' "$T/gateway-nat64d.log")" = 1 ]
}

audited()
{
	exits 0 ctl audit
}

tests=$B/tests/stress
mkdir "$T/bin"
cp "$B/nat64d" "$B/nat64-ctld" "$T/bin"
cp "$B/tests/stress/nat64-worker" "$T/bin"
ln -s "$B/nat64ctl" "$T/bin"
B=$T/bin
net_up
WORKERS=2
config
echo_server server 203.0.113.2 7
begin
check 'it dies at every start, and the others carry its shards' carried
check 'it gets them back, and dies again' tried_again
check 'it lives, and gets them back' healed
check 'the table is whole' audited
check 'law 1' law1
finish
