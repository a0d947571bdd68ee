#!/usr/bin/env bash
# 137-reboot.sh - a table waits on a disk while the host is down: established TCP goes on, UDP only where it is wanted
#
# A stop and a start with nothing left in memory is all that nat64d sees of a reboot.
source "$(dirname "$0")/../lib.sh"

# bindings PROTOCOL - one per line
bindings()
{
	ctl --json show bindings "protocol=$1" | pick "chr(10).join(sorted(' '.join(str(b[k]) for k in
		('ip6', 'port6', 'ip4', 'port4')) for b in d['bindings']))"
}

stopped()
{
	gateway_stop
	[ "$(stat -c '%a %U' "$T/snapshots/lab.snapshot")" = '600 root' ]
	[ ! -e "$T/run/lab.region" ]
}

# A download goes on behind the reboot.
connection()
{
	local download

	start client curl -sS --max-time 60 -o "$T/got" "http://[$SERVER]/file"
	download=$(cat "$T/pid")
	sleep 1
	expect hello -- peer client udp "$SERVER" 7 hello 7001
	bindings tcp >"$T/tcp"
	[ -s "$T/tcp" ]
	stopped
	gateway_start
	[ ! -e "$T/snapshots/lab.snapshot" ]
	bindings tcp >"$T/tcp-now"
	diff "$T/tcp" "$T/tcp-now"
	[ "$(ctl --json show bindings protocol=udp | pick "len(d['bindings'])")" = 0 ]
	alive "$download"
	wait_for 60 gone "$download"
	cmp "$T/got" "$T/www/file"
	exits 0 ctl audit
}

everything()
{
	config 'snapshot-all = yes'
	exits 0 ctl reload
	expect hello -- peer client udp "$SERVER" 7 hello 7001
	bindings udp >"$T/udp"
	stopped
	gateway_start
	bindings udp >"$T/udp-now"
	diff "$T/udp" "$T/udp-now"
	[ "$(ctl --json show sessions protocol=udp | pick "max(s['expires_seconds'] for s in d['sessions'])")" -le 300 ]
}

# What the new configuration does not allow stays away.
other_pool()
{
	expect hello -- peer client udp "$SERVER" 7 hello 7001
	stopped
	config 'snapshot-all = yes'
	sed -i 's,^pool.*,pool = 198.51.100.64/29,' "$T/nat64.ini"
	gateway_start
	[ "$(ctl --json show bindings | pick "len(d['bindings'])")" = 0 ]
	expect hello -- peer client udp "$SERVER" 7 hello 7001
}

damaged()
{
	stopped
	printf 'X' | dd of="$T/snapshots/lab.snapshot" bs=1 seek=5000 conv=notrunc status=none
	gateway_start
	grep 'lab.snapshot is refused: it is damaged; starting afresh' "$T/gateway-nat64d.log"
	[ "$(ctl --json show bindings | pick "len(d['bindings'])")" = 0 ]
	ping_server
}

foreign()
{
	stopped
	chown 1000 "$T/snapshots/lab.snapshot"
	gateway_start
	grep 'lab.snapshot is refused' "$T/gateway-nat64d.log"
	ping_server
}

off()
{
	gateway_stop
	rm "$T/snapshots/lab.snapshot"
	GATEWAY='snapshot-dir = off' config
	gateway_start
	gateway_stop
	[ -z "$(ls "$T/snapshots")" ]
}

net_up
mkdir -m 700 "$T/snapshots"
mkdir "$T/www"
head -c 9000000 /dev/urandom >"$T/www/file"
GATEWAY="snapshot-dir = $T/snapshots"
config
start server python3 "$top/tests/net.py" drip 203.0.113.2 80 "$T/www/file" 1000000
wait_for 10 listening server 80
echo_server server 203.0.113.2 7
begin
check 'an established connection goes on' connection
check 'law 1' law1
check 'with snapshot-all, UDP too' everything
check 'not what another pool does not have' other_pool
check 'a damaged one is refused' damaged
check 'one of somebody else is refused' foreign
check 'off: nothing is written' off
finish
