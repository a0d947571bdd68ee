#!/usr/bin/env bash
# 106-stuck.sh - a worker that does nothing while packets wait is killed and replaced; one that merely idles is not
# alone: who is stuck is a matter of time
source "$(dirname "$0")/../lib.sh"

stuck_since()
{
	[ "$(ctl --json show workers | pick "d['workers'][0]['restarts']")" -gt "$1" ]
}

# The ping that wakes the supervisor's attention waits in the queue, and is answered by the successor.
stopped()
{
	local before

	before=$(ctl --json show workers | pick "d['workers'][0]['restarts']")
	kill -STOP "$(worker_pids)"
	expect ' 0% packet loss' -- ns client ping -6 -n -c 3 -i 0.3 -W 10 "$SERVER"
	wait_for 10 stuck_since "$before"
	ctl --json show workers | pick "d['workers'][0]['last_death']" | tee "$T/death"
	grep -q stuck "$T/death"
	running 1
}

# Nothing waits for it, so nobody minds that it sleeps; the bindings of before are still there.
idle()
{
	local before

	before=$(worker_pids)
	kill -STOP "$before"
	sleep 1.5
	kill -CONT "$before"
	ping_server
	[ "$(worker_pids)" = "$before" ]
}

net_up
WORKERS=1 config
begin
check 'traffic flows' ping_server
check 'a stopped worker is replaced, no packet is lost' stopped
check 'and again' stopped
check 'an idle one is left alone' idle
check 'every packet has its verdict' law1
check 'the gateway stops' gateway_stop
finish
