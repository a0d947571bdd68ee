#!/usr/bin/env bash
# 126-supervisor.sh - nat64d is killed and its workers live: they go on, and a new nat64d takes everything over from them
# alone: 5,000 packets a second, and it waits for queues to empty
source "$(dirname "$0")/../lib.sh"

remember_all()
{
	remember
	worker_pids | tr ' ' '\n' | sort >"$T/workers"
}

# All that was remembered is there, in other hands; the old ones are gone.
taken_over()
{
	local pid

	all_there
	comm -12 "$T/workers" <(worker_pids | tr ' ' '\n' | sort) | tee "$T/same"
	[ ! -s "$T/same" ]
	while read -r pid; do
		wait_for 5 gone "$pid"
	done <"$T/workers"
	wait_for 5 five
}

# A window of a house that is gone would show old things as if they were true.
window_shut()
{
	wait_for 3 no_ctld
	exits 3 ctl show status
}

no_ctld()
{
	! ours | xargs -r ps -o comm= -p | grep ctld
}

# under_load - killed, and a second later started again, in the middle of 5,000 datagrams a second: none is lost
under_load()
{
	local again

	talk
	flood_start 5000
	sleep 1
	remember_all
	kill_nat64d
	sleep 1
	gateway_start
	taken_over
	flood_end
	grep -q ' lost 0 ' "$T/flood"
	again=$(sed 's/.* duplicated \([0-9]*\) .*/\1/' "$T/flood")
	[ "$again" -le 128 ] # a batch for each worker that was ended
	grep -q 'has left its estate and 2 workers; taking over' "$T/gateway-nat64d.log"
	grep -q 'goes on with the bindings' "$T/gateway-nat64d.log"
	[ "$(talk)" = "$1" ]
}

# The one that takes over is killed, too, at whatever moment: the next one finds what it needs.
in_the_middle()
{
	local after

	remember_all
	for after in 0 0.005 0.01 0.015 0.02 0.025 0.03 0.04 0.06 0.1; do
		kill -9 "$(cat "$T/nat64d.pid")" 2>/dev/null || true
		: >"$T/gateway-nat64d.log"
		start gateway "$B/nat64d" -c "$T/nat64.ini"
		cp "$T/pid" "$T/nat64d.pid"
		sleep "$after"
	done
	kill_nat64d
	gateway_start
	taken_over
	[ "$(talk)" = "$1" ]
}

still_upgrades()
{
	remember_all
	exits 0 ctl upgrade
	taken_over
}

# Keys that a reload changes may have changed meanwhile.
live_key()
{
	remember_all
	kill_nat64d
	config 'udp-timeout = 150'
	gateway_start
	taken_over
	expect udp-timeout,150 -- ctl --csv show config
	config 'udp-timeout = 160'
	exits 0 ctl reload
	kill_nat64d
	gateway_start
	taken_over
}

# there FILE - every binding in it is there, but for those of pings, which may be over
there()
{
	bindings | comm -23 "$1" - | sed '/^icmp/d' | tee "$T/missing"
	[ ! -s "$T/missing" ]
}

# settled_with N - so many workers, and nat64d, nat64-ctld and a spare; of files only estate, table, lock and socket
settled_with()
{
	[ "$(ours | wc -l)" = $(($1 + 3)) ]
	[ "$(find "$SHM" -mindepth 1 | wc -l)" = 4 ]
}

# brought WORKERS - they have all that was remembered, in a new table
brought()
{
	grep -q 'brought over into a new table' "$T/gateway-nat64d.log"
	wait_for 5 running "$1"
	there "$T/bindings"
	ctl --json show counters >"$T/counters-now"
	counters_grow "$T/counters" "$T/counters-now"
	wait_for 5 settled_with "$1"
	law1
	ping_server
}

# Other workers, more addresses, a static binding: under load, what was there stays. Lost is at most what workers had in
# hand: other workers of another table cannot go on with it. (At a rate at which the queues hold all that waits.)
table_keys()
{
	local lost

	flood_start 1000
	sleep 1
	remember_all
	kill_nat64d
	WORKERS=3 config 'pool = 198.51.100.16/29' 'static = tcp 198.51.100.9:80 [2001:db8:1::2]:8080'
	sleep 0.5
	gateway_start
	brought 3
	flood_end
	lost=$(sed 's/.* lost \([0-9]*\) .*/\1/' "$T/flood")
	((lost <= 2 * 65))
	[ "$(talk)" = "$1" ]
	[ "$(ip -n "n64t-$$-gateway" route show 198.51.100.16/29 | wc -l)" = 1 ]
	WORKERS=1
	config 'mtu = 1400' 'steering = off'
	remember_all
	sed -i '/^tcp .* 198.51.100.9 80$/d' "$T/bindings" # the static one, which is no more
	kill_nat64d
	gateway_start
	brought 1
	[ "$(talk)" = "$1" ]
	[ -z "$(ip -n "n64t-$$-gateway" route show 198.51.100.16/29)" ]
	WORKERS=2
	config
	kill_nat64d
	gateway_start
	brought 2
	[ "$(talk)" = "$1" ]
}

# One address of the pool stays, with half of its ports: so do their bindings, and no others.
fewer_ports()
{
	local address low=1024 high=65535 port

	for port in {7100..7130}; do
		peer client udp "$SERVER" 7 hello "$port" >"$T/talked"
	done
	read -r address port _ <<<"$1"
	((port < 32768)) && high=32767 || low=32768
	bindings | grep '^udp' >"$T/all"
	kill_nat64d
	sed -i "s/^pool.*/pool = $address ports $low-$high/" "$T/nat64.ini"
	gateway_start
	bindings | grep '^udp' >"$T/now"
	diff "$T/now" <(awk -v a="$address" -v low=$low -v high=$high '$4 == a && $5 >= low && $5 <= high' "$T/all")
	[ "$(wc -l <"$T/now")" -lt "$(wc -l <"$T/all")" ]
	[ "$(talk)" = "$1" ]
	config
	kill_nat64d
	gateway_start
	remember_all
	there "$T/now"
}

# The device is called otherwise now: the bindings are there all the same.
other_device()
{
	remember_all
	kill_nat64d
	sed -i 's/^device.*/device = other64/' "$T/nat64.ini"
	gateway_start
	there "$T/bindings"
	[ "$(talk)" = "$1" ]
	[ "$(ip -n "n64t-$$-gateway" -o link show type tun | wc -l)" = 1 ]
	config
	kill_nat64d
	gateway_start
	there "$T/bindings"
}

# Killed while the bindings are brought over, at any moment, each time to other workers: the next one finds them all.
moved_in_the_middle()
{
	local after n=2

	remember_all
	kill_nat64d
	for after in 0.01 0.02 0.03 0.04 0.05 0.06 0.07 0.08 0.09 0.1 0.11 0.12 0.14 0.16 0.18 0.2; do
		n=$((n % 4 + 1))
		WORKERS=$n config
		: >"$T/gateway-nat64d.log"
		start gateway "$B/nat64d" -c "$T/nat64.ini"
		cp "$T/pid" "$T/nat64d.pid"
		sleep "$after"
		cat "$T/gateway-nat64d.log"
		kill_nat64d
	done
	config
	gateway_start
	there "$T/bindings"
	[ "$(talk)" = "$1" ]
	wait_for 5 settled_with 2
}

# A reload made a new table, nat64d died, and a reload makes a new one again: its file is another one.
file_names()
{
	local i

	for i in 1 2 3; do
		remember_all
		config "max-sessions = $((i + 1))M"
		exits 0 ctl reload
		wait_for 5 settled_with 2
		kill_nat64d
		gateway_start
		there "$T/bindings"
	done
	config
	exits 0 ctl reload
}

# A worker died before nat64d could replace it: its queue is gone, so all are opened anew.
one_missing()
{
	local pid

	remember_all
	pid=$(head -1 "$T/workers")
	kill -STOP "$(cat "$T/nat64d.pid")"
	kill -9 "$pid"
	kill_nat64d
	gateway_start
	taken_over
	[ "$(talk)" = "$1" ]
}

# A start that fails before it has taken over changes nothing.
refused_start()
{
	kill_nat64d
	talk
	start gateway python3 -m http.server --bind 127.0.0.1 9641
	wait_for 5 listening gateway 9641
	sed 's/^metrics.*/metrics = 127.0.0.1:9641/' "$T/nat64.ini" >"$T/other.ini"
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/other.ini"
	grep -q 9641 "$T/said"
	end "$(cat "$T/pid")"
	[ "$(talk)" = "$1" ]
	gateway_start
	taken_over
}

device_deleted()
{
	ip -n "n64t-$$-gateway" link delete nat64
	wait_for 5 grep -q 'device nat64 was deleted' "$T/gateway-nat64d.log"
	wait_for 5 backing_off
}

backing_off()
{
	ctl --json show workers | pick "d['workers'][0]['state']" | grep backoff
}

# Processor time of all of ours over a second, in hundredths.
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

	for pid in $(ours); do
		sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$pid/stat" 2>/dev/null || echo 0)))
	done
	echo $sum
}

stops()
{
	gateway_stop
	nothing_left
}

# Nobody starts another nat64d while there is one.
only_one()
{
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/nat64.ini"
	grep -q 'another nat64d runs' "$T/said"
	ping_server
}

net_up
RUN=$SHM
mkdir "$RUN"
WORKERS=2
GATEWAY='metrics = off'
config
echo_server server 203.0.113.2 7
wait_for 10 settled
host >"$T/before"
begin
port=$(talk)
check 'nat64d is killed outright' kill_nat64d
check 'its workers go on' talk
check 'its window does not' window_shut
check 'it is started again' gateway_start
check 'another one is not' only_one
check 'killed under load, started again: nothing is lost' under_load "$port"
check 'and once more' under_load "$port"
check 'killed during the take-over, ten times' in_the_middle "$port"
check 'an upgrade still works' still_upgrades
check 'killed, and nat64.ini was edited meanwhile' live_key
check 'killed with one of the workers' one_missing "$port"
check 'killed, and keys that shape the table were edited meanwhile' table_keys "$port"
check 'killed, and addresses and ports were taken out meanwhile' fewer_ports "$port"
check 'killed, and the device has another name' other_device "$port"
check 'killed while it brings the bindings over, sixteen times' moved_in_the_middle "$port"
check 'killed after a reload, three times' file_names
check 'a start that cannot go on leaves the workers alone' refused_start "$port"
check 'law 1' law1
check 'it stops, and nothing is left' stops
check 'started again' gateway_start
check 'the device is deleted: it says so' device_deleted
check 'and nothing spins' idle
check 'it stops, and nothing is left' stops
finish
