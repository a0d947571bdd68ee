#!/usr/bin/env bash
# 107-left-behind.sh - nat64d killed outright, or its device deleted: nothing spins, nothing lies, and a start works again
source "$(dirname "$0")/../lib.sh"

# children - of ours: nat64-worker and nat64-ctld in the session that gateway_start began
children()
{
	pgrep -s "$(cat "$T/nat64d.pid")" "${1-nat64}" || true
}

no_children()
{
	[ -z "$(children "${1-nat64}")" ]
}

kill_outright()
{
	kill -9 "$(cat "$T/nat64d.pid")"
	wait_for 5 gone "$(cat "$T/nat64d.pid")"
}

# A window of a house that is gone would show old things as if they were true.
window_shut()
{
	wait_for 3 no_children nat64-ctld
	exits 3 ctl show status
}

# What the error message says is enough for the next start.
start_again()
{
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/nat64.ini"
	grep -q 'ip link delete nat64' "$T/said"
	ip -n "n64t-$$-gateway" link delete nat64
	wait_for 5 no_children
	gateway_start
	ping_server
}

device_deleted()
{
	ip -n "n64t-$$-gateway" link delete nat64
	wait_for 5 grep -q 'device nat64 was deleted' "$T/gateway-nat64d.log"
	wait_for 5 backing_off
}

backing_off()
{
	ctl --json show workers | pick "d['workers'][0]['state']" | grep -q backoff
}

# Processor time of all children over a second, in hundredths.
idle()
{
	local before after

	before=$(ticks)
	sleep 1
	after=$(ticks)
	echo "$before, then $after"
	((after - before < 20))
}

ticks()
{
	local pid sum=0

	for pid in $(children); do
		sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$pid/stat" 2>/dev/null || echo 0)))
	done
	echo $sum
}

net_up
config
begin
check 'traffic flows' ping_server
check 'nat64d is killed outright' kill_outright
check 'its workers go on' ping_server
check 'its window does not' window_shut
check 'a start says what to do, and then works' start_again
check 'the device is deleted: it says so' device_deleted
check 'and nothing spins' idle
check 'the gateway stops' gateway_stop
check 'and starts again' gateway_start
check 'traffic flows again' ping_server
check 'law 1' law1
check 'it stops' gateway_stop
finish
