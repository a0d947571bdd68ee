#!/usr/bin/env bash
# 122-tenants.sh - tenants are added, changed and removed by a reload, while another one translates and loses nothing
#
# A tenant keeps its number, so its uid, whatever comes and goes beside it. All of a reload is done or nothing of it.
source "$(dirname "$0")/../lib.sh"

# section NAME - its part of the configuration. red is another one with what green has.
section()
{
	case $1 in
	lab) echo 'pool = 198.51.100.8/29'; echo 'device = nat64'; echo "workers = ${WORKERS-2}" ;;
	blue) echo 'pool = 198.51.100.16/30'; echo 'prefix = 2001:db8:b::/96'; echo 'workers = 1' ;;
	green | red) echo 'pool = 198.51.100.20/30'; echo 'prefix = 2001:db8:c::/96'; echo 'workers = 1' ;;
	esac
	printf '%s\n' 'source = 2001:db8::/32' 'allow = 203.0.113.0/24' 'max-sessions = 10k' 'queue-length = 20000' \
		"offload = ${OFFLOAD-auto}"
}

# tenants NAME... - $T/nat64.ini with these, in this order; MORE holds lines for the last one
tenants()
{
	local name

	printf '%s\n' '[gateway]' "run-dir = $RUN" 'metrics = 127.0.0.1:9640' >"$T/nat64.ini"
	for name; do
		echo "[tenant $name]"
		section "$name"
	done >>"$T/nat64.ini"
	printf '%s\n' "${MORE-}" >>"$T/nat64.ini"
}

reload()
{
	local from=$EPOCHREALTIME

	exits 0 ctl reload
	cat "$T/said"
	echo "$from $EPOCHREALTIME" | awk '{ print "in", $2 - $1 }'
}

# refused WORD - the reload is, because of that; nothing is other than it was
refused()
{
	wait_for 5 still
	cp "$T/state" "$T/state-before"
	exits 1 ctl reload
	cat "$T/said"
	grep -qF -- "$1" "$T/said"
	wait_for 5 still
	diff "$T/state-before" "$T/state"
}

# state - what a reload that fails must leave as it was: the host, files, processes, what is shown
state()
{
	host
	ours | wc -l
	ctl --json show workers | pick "[w['pid'] for w in d['workers']]"
	ctl --csv show tenants | cut -d, -f1-4
}

# still - $T/state is how it stays for a moment: no spare is on its way
still()
{
	state >"$T/state"
	sleep 0.2
	state | diff "$T/state" -
}

# uid NAME - of its workers and spares, which all have the same
uid()
{
	local pid

	for pid in $(ours); do
		if [ "$(ps -o args= -p "$pid")" = "nat64-worker $1" ]; then
			ps -o uid= -p "$pid" | tr -d ' '
		fi
	done | sort -u
}

# shown NAME... - these and no others, in this order, are what is shown
shown()
{
	[ "$(ctl --json show tenants | pick "[t['name'] for t in d['tenants']]")" = "$*" ]
	[ "$(ns gateway curl -s http://127.0.0.1:9640/metrics |
		sed -n 's/^nat64_worker_up{tenant="\([a-z]*\)",worker="0"} 1$/\1/p' | paste -sd' ')" = "$*" ]
}

# serves PREFIX - an echo there and back
serves()
{
	expect ' 0% packet loss' -- ns client ping -6 -n -c 1 -W 5 "$1::203.0.113.2"
}

# absent NAME - nothing of it is there: process, device, guard, table, route
absent()
{
	[ -z "$(uid "$1")" ]
	[ "$(host | grep -cw "$1")" = 0 ]
}

lab_pids()
{
	ctl --json show workers tenant=lab | pick "[w['pid'] for w in d['workers']]"
}

# under_load COMMAND... - while 5,000 numbered datagrams a second pass through lab: none is lost, nobody there is replaced
under_load()
{
	local before worked=0

	before=$(lab_pids)
	ctl --json show counters tenant=lab >"$T/counters-before"
	flood_start 5000
	sleep 0.5
	"$@" || worked=$?
	flood_end
	grep -q ' lost 0 ' "$T/flood"
	ctl --json show counters tenant=lab >"$T/counters-after"
	counters_grow "$T/counters-before" "$T/counters-after"
	[ "$(lab_pids)" = "$before" ]
	[ $worked = 0 ]
}

come_and_go()
{
	[ "$(uid blue) $(uid lab)" = '64641 64642' ]
	tenants lab
	reload
	absent blue
	shown lab
	[ "$(uid lab)" = 64642 ]
	tenants green lab # the number that blue had
	reload
	serves 2001:db8:c
	[ "$(uid green)" = 64641 ]
	shown green lab
	tenants lab blue green
	reload
	serves 2001:db8:b
	serves 2001:db8:c
	[ "$(uid green) $(uid lab) $(uid blue)" = '64641 64642 64643' ]
	shown green lab blue
	tenants blue green lab
	reload
	grep 'nothing has changed' "$T/said"
}

# One goes, one comes with the same pool and prefix, one changes a live key and one moves to a new table, all at once.
all_at_once()
{
	[ "$(uid green)" = 64641 ]
	MORE='pool = 198.51.100.24/30' tenants lab red blue
	sed -i '/tenant lab/a udp-timeout = 150' "$T/nat64.ini"
	reload
	absent green
	serves 2001:db8:c
	serves 2001:db8:b
	[ "$(uid red)" = 64644 ] # not the number of one that leaves in the same moment
	shown lab blue red
	expect lab,udp-timeout,150 -- ctl --csv show config
	[ -n "$(ip -n "n64t-$$-gateway" route show 198.51.100.24/30 dev blue)" ]
	ip -n "n64t-$$-gateway" route show 198.51.100.20/30 | grep -q 'dev red'
}

drained()
{
	[ -z "$(ip -n "n64t-$$-gateway" route show 198.51.100.24/30)" ]
}

# What is in the way is named, and nothing is done, for the others either.
in_the_way()
{
	MORE='drain-timeout = 0' tenants lab blue
	reload
	absent red
	wait_for 30 drained # what blue had more of, so that nothing changes by itself
	ip -n "n64t-$$-gateway" route replace unreachable 198.51.100.20/30
	MORE='pool = 198.51.100.24/30' tenants lab green blue
	refused '[tenant green] there is a route to 198.51.100.20/30 already'
	ip -n "n64t-$$-gateway" route del unreachable 198.51.100.20/30
	ip -n "n64t-$$-gateway" link add green type veth peer name neerg
	refused 'there is a device green already'
	ip -n "n64t-$$-gateway" link del green
	ip -n "n64t-$$-gateway" addr add 198.51.100.21/32 dev lo
	refused '198.51.100.21 is this host'
	ip -n "n64t-$$-gateway" addr del 198.51.100.21/32 dev lo
	ip -n "n64t-$$-gateway" route add unreachable 198.51.100.32/30
	MORE='pool = 198.51.100.32/30' tenants lab green blue
	refused '[tenant blue] there is a route to 198.51.100.32/30 already'
	ip -n "n64t-$$-gateway" route del unreachable 198.51.100.32/30
	MORE='device = blue' tenants lab green
	refused 'blue is the device of [tenant blue] until that is gone'
	MORE='pool = 198.51.100.16/31' tenants blue lab
	sed -i 's,^pool = 198.51.100.16/30,pool = 198.51.100.28/30,' "$T/nat64.ini"
	refused '[tenant blue] has addresses of it'
	serves 2001:db8:b
}

# The workers of one that is to come end as soon as they begin.
stillborn()
{
	mv "$B/nat64-worker" "$B/kept"
	printf '%s\n' '#!/bin/sh' 'exit 1' >"$B/nat64-worker"
	chmod 755 "$B/nat64-worker"
	tenants green blue lab
	refused '[tenant green] its workers do not come to work'
	mv "$B/kept" "$B/nat64-worker"
	serves 2001:db8:b
}

# Numbers with holes go through an upgrade, and through the death of nat64d.
holes()
{
	tenants lab green blue
	reload
	tenants blue lab
	reload
	uids="$(uid lab) $(uid blue)"
	[ "$uids" = '64642 64643' ]
	exits 0 ctl upgrade
	[ "$(uid lab) $(uid blue)" = "$uids" ]
	shown lab blue
	kill_nat64d
	gateway_start
	grep -q 'left its estate and 3 workers' "$T/gateway-nat64d.log"
	[ "$(uid lab) $(uid blue)" = "$uids" ]
	serves 2001:db8:b
	ping_server
	kill_nat64d
	tenants red lab # it takes the number that nobody had
	gateway_start
	absent blue
	[ "$(uid lab) $(uid red)" = '64642 64641' ]
	serves 2001:db8:c
	shown red lab
}

# only DEVICE ADDRESS - it has the route and may send from there, and no other
only()
{
	[ "$(ip -n "n64t-$$-gateway" -o route show "$2" | grep -o 'dev [a-z0-9]*')" = "dev $1" ]
	[ "$(ns gateway nft list ruleset | awk '/^table/ { table = $3 } /198\.51/ && set == "source4" { print table, $0 }
		/^\tset/ { set = $2 }' | grep -F "$2" | cut -d' ' -f1)" = "nat64d-$1" ]
}

# An address goes from one tenant to another that is made before it, while no nat64d runs; then one that was draining there.
given_away()
{
	MORE='pool = 198.51.100.40' tenants lab blue
	reload
	serves 2001:db8:b
	only blue 198.51.100.40
	kill_nat64d
	tenants lab blue
	sed -i '/tenant lab/a pool = 198.51.100.40' "$T/nat64.ini"
	gateway_start
	only nat64 198.51.100.40
	serves 2001:db8:b
	kill_nat64d
	sed -i 's,^pool = 198.51.100.16/30,pool = 198.51.100.44,' "$T/nat64.ini"
	gateway_start
	serves 2001:db8:b # by the only address that it has
	sed -i 's,^pool = 198.51.100.44,pool = 198.51.100.16/30,' "$T/nat64.ini"
	reload
	only blue 198.51.100.44
	kill_nat64d
	gateway_start
	only blue 198.51.100.44 # it still drains
	kill_nat64d
	sed -i '/tenant lab/a pool = 198.51.100.44' "$T/nat64.ini"
	gateway_start
	grep -F 'tenant blue: [tenant lab] has an address that was draining here' "$T/gateway-nat64d.log"
	only nat64 198.51.100.44
	serves 2001:db8:b
	ping_server
}

# keeps N - the last thing the service manager has said is that its service is ready, and that it keeps so many queues
keeps()
{
	tail -1 "$T/gateway-env.log" | grep -q "manager: ready .* keeps $1\$"
}

managed()
{
	: >"$T/gateway-env.log"
	tenants blue lab
	start gateway env PIDS="$T/pids" python3 "$top/tests/manager.py" "$B/nat64d" -c "$T/nat64.ini"
	wait_for 20 keeps 3
	tenants lab
	reload
	wait_for 20 keeps 2
	tenants green lab blue
	reload
	wait_for 20 keeps 4
	kill_all
	wait_for 20 keeps 4
	serves 2001:db8:b
	serves 2001:db8:c
	exits 0 ctl stop
	wait_for 10 grep -q 'manager: stopped, keeps 0' "$T/gateway-env.log"
	nothing_left
}

stops()
{
	gateway_stop
	nothing_left
}

net_up
RUN=$SHM
mkdir "$RUN" "$T/bin"
cp "$B"/nat64{d,-worker,-ctld,ctl} "$T/bin"
ln -s "$B/tests" "$T/bin/tests"
B=$T/bin
tenants blue lab
wait_for 10 settled
host >"$T/before"
begin
check 'tenants come and go under load, and keep their numbers' under_load come_and_go
check 'many changes in one reload, under load' under_load all_at_once
check 'what is in the way is named, and nothing is done' in_the_way
check 'a tenant whose workers do not live does not come' stillborn
check 'an upgrade and a death with holes in the numbers' holes
check 'an address is given away while no nat64d runs' given_away
check 'law 1' law1
check 'it stops, and nothing is left' stops
check 'a service manager keeps the queues of those that are there' managed
finish
