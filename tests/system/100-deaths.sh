#!/usr/bin/env bash
# 100-deaths.sh - any child of nat64d may be killed at any time: connections, bindings and counts stay
source "$(dirname "$0")/../lib.sh"

# fetch KILLS - a download during which the worker is killed that often; every kill is proven to be in the middle
fetch()
{
	local at pid download

	rm -f "$T/got"
	start client curl -sS --max-time 120 -o "$T/got" "http://[$SERVER]/file"
	download=$(cat "$T/pid")
	for ((i = 1; i <= $1; i++)); do
		at=$((i * 4000000 / $1))
		wait_for 60 has "$at"
		pid=$(worker_pids)
		kill -9 "$pid"
		echo "killed $pid after $(stat -c %s "$T/got") bytes"
		alive "$download"
		wait_for 10 running 1
	done
	kill -USR1 "$(cat "$T/drip.pid")"
	wait_for 60 gone "$download"
	cmp "$T/got" "$T/www/file"
}

has()
{
	[ "$(stat -c %s "$T/got" 2>/dev/null || echo 0)" -ge "$1" ]
}

counted()
{
	local before after

	before=$(ctl --json show workers | pick "d['workers'][0]['restarts']")
	kill -9 "$(worker_pids)"
	wait_for 10 restarted $((before + 1))
	ctl --json show workers | pick "d['workers'][0]['last_death']" | tee "$T/death"
	grep -qi sigkill "$T/death"
	wait_for 10 running 1
}

restarted()
{
	[ "$(ctl --json show workers | pick "d['workers'][0]['restarts']")" -ge "$1" ]
}

# The pool port that a socket has is the same after the worker's death.
bindings_stay()
{
	local first second

	first=$(peer client udp "$SERVER" 7 hello 7001)
	kill -9 "$(worker_pids)"
	wait_for 10 running 1
	second=$(peer client udp "$SERVER" 7 hello 7001)
	echo "$first, then $second"
	[ "$first" = "$second" ]
}

counts_stay()
{
	local before after

	before=$(counter queue_packets)
	kill -9 "$(worker_pids)"
	wait_for 10 running 1
	after=$(counter queue_packets)
	echo "$before, then $after"
	[ "$before" -gt 0 ] && [ "$after" -ge "$before" ]
}

# workers_born - pids of all nat64-worker processes of this gateway, spares too
workers_born()
{
	pgrep -P "$(cat "$T/nat64d.pid")" nat64-worker || true
}

born()
{
	[ "$(workers_born | wc -l)" = "$1" ]
}

# Since Linux 6.11 an idle worker's successor need not wait until the kernel has taken its predecessor apart.
early()
{
	local pid

	if [ "$(printf '%s\n' 6.11 "$(uname -r)" | sort -V | head -1)" != 6.11 ]; then
		return 0
	fi
	pid=$(worker_pids)
	kill -9 "$pid"
	wait_for 10 grep "(pid $pid) runs no more" "$T/gateway-nat64d.log"
	wait_for 10 grep "(pid $pid) died: sigkill" "$T/gateway-nat64d.log"
	wait_for 10 running 1
}

spare_killed()
{
	local busy pid spare='' # the one with the greater number, but for a kernel that counts anew

	wait_for 10 born 2
	busy=$(worker_pids)
	for pid in $(workers_born); do
		if [ "$pid" != "$busy" ]; then
			spare=$pid
			kill -9 "$spare"
		fi
	done
	ping_server
	wait_for 10 gone "$spare"
	wait_for 10 born 2
	[ "$(worker_pids)" = "$busy" ]
}

both_killed()
{
	local pids

	wait_for 10 born 2
	mapfile -t pids < <(workers_born)
	kill -9 "${pids[@]}"
	wait_for 10 running 1
	wait_for 10 ping_server
	wait_for 10 born 2
}

ctl_killed()
{
	local pid

	pid=$(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld)
	kill -9 "$pid"
	ping_server
	wait_for 10 ctl show status
	[ "$(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld)" != "$pid" ]
}

net_up
WORKERS=1 # whose death is looked at
GATEWAY='log-level = debug' config
mkdir "$T/www"
head -c 60000000 /dev/urandom >"$T/www/file"
start server python3 "$top/tests/net.py" drip 203.0.113.2 80 "$T/www/file" 1000000
cp "$T/pid" "$T/drip.pid"
echo_server server 203.0.113.2 7
wait_for 5 listening server 80
begin
check 'a worker killed during a download' fetch 1
check 'eight workers killed during a download' fetch 8
check 'the death is counted and told' counted
check 'bindings stay' bindings_stay
check 'counts stay' counts_stay
check 'the successor of an idle one does not wait' early
check 'a spare killed' spare_killed
check 'worker and spare killed together' both_killed
check 'nat64-ctld killed' ctl_killed
check 'the gateway stops' gateway_stop
GATEWAY='spares = 0' config
check 'start without spares' gateway_start
check 'no spare is there' born 1
check 'a worker killed during a download, no spare' fetch 1
check 'bindings stay, no spare' bindings_stay
check 'the gateway without spares stops' gateway_stop
finish
