#!/usr/bin/env bash
# 120-reload.sh - SIGHUP takes over what may change while running; a reload that fails changes nothing
source "$(dirname "$0")/../lib.sh"

status()
{
	ctl --json show status | pick "$1"
}

generation()
{
	[ "$(status "d['generation']")" = "$1" ]
}

reloaded()
{
	[ "$(status "d['last_reload']['ok']")" = "$1" ]
}

good()
{
	config 'udp-timeout = 150'
	kill -HUP "$(cat "$T/nat64d.pid")"
	wait_for 5 generation 2
	reloaded True
	expect udp-timeout,150 -- ctl --csv show config
	ping_server
}

takes_effect()
{
	config 'deny = 203.0.113.3/32'
	exits 0 ctl reload
	wait_for 5 generation 3
	ping_server
	wait_for 5 denied
}

denied()
{
	expect prohibited -- sh -c "ip netns exec n64t-$$-client ping -6 -n -c 1 -W 1 64:ff9b::203.0.113.3 || true"
}

# A bad file, or a change that needs a start: status 1, and the running configuration stays.
bad()
{
	config "$@"
	exits 1 ctl reload
	cat "$T/said"
	wait_for 5 reloaded False
	generation 3
	wait_for 5 denied
	ping_server
}

workers_live()
{
	[ "$(worker_pids)" = "$1" ]
}

restart()
{
	local before

	before=$(worker_pids)
	exits 0 ctl restart
	wait_for 10 restarted "$before"
	wait_for 10 running "${WORKERS-1}"
	ping_server
}

restarted()
{
	[ "$(worker_pids)" != "$1" ]
}

stop()
{
	exits 0 ctl stop
	wait_for 15 gone "$(cat "$T/nat64d.pid")"
}

net_up
config
begin
before=$(worker_pids)
check 'a live key by SIGHUP' good
check 'a live key by nat64ctl reload' takes_effect
check 'an unknown key' bad 'no-such-key = 1'
check 'a value out of range' bad 'udp-timeout = 5'
check 'a key that needs a start' bad 'subscriber-prefix = 56'
check 'the same worker all the while' workers_live "$before"
check 'law 1' law1
config
check 'nat64ctl restart' restart
check 'nat64ctl stop' stop
finish
