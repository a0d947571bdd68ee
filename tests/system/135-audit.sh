#!/usr/bin/env bash
# 135-audit.sh - the table is audited for ever and at once when asked; damage is named, and what is whole is called whole
source "$(dirname "$0")/../lib.sh"

# found KEY - of the only row of the last `ctl --json audit`, in $T/audit
found()
{
	pick "d['audit'][0]['$1']" <"$T/audit"
}

by_itself()
{
	wait_for 15 finished
	ctl show audit
}

finished()
{
	ctl --json show audit >"$T/audit" && [ "$(found shards)" = "$shards" ]
}

on_request()
{
	ctl --json audit >"$T/audit"
	[ "$(found shards)" = "$shards" ]
	[ "$(found records)" -ge 3 ]
	[ "$(found violations) $(found first)" = '0 None' ]
	[ "$(found age_seconds)" -le 60 ]
	ctl --csv audit tenant=lab | head -1 | grep '^tenant,shards,records,violations'
	ctl audit | grep '^lab  *'"$shards"
}

words()
{
	exits 2 ctl audit tenant=nobody
	exits 2 ctl audit everything
	exits 2 ctl audit tenant=lab tenant=lab
}

# A successor answers what the dead one was asked.
across_deaths()
{
	local pid

	for _ in {1..5}; do
		ctl --json audit >"$T/audit" &
		for pid in $(pgrep -P "$(cat "$T/nat64d.pid")" nat64-worker); do
			kill -9 "$pid" 2>/dev/null || true
		done
		wait $!
		[ "$(found shards) $(found violations)" = "$shards 0" ]
	done
	wait_for 10 running 2
}

# damage BY - add that to the IPv4 port that the ping's binding names, in the table of the running gateway
damage()
{
	python3 - "$(cat "$T/nat64d.pid")" "$1" <<-'END'
		import os, socket, sys
		pid, change = int(sys.argv[1]), int(sys.argv[2])
		names = [f"/proc/{pid}/fd/{n}" for n in os.listdir(f"/proc/{pid}/fd")]
		fd = os.open([n for n in names if "region" in os.readlink(n)][0], os.O_RDWR)
		at, end = 0, os.fstat(fd).st_size
		want = socket.inet_pton(socket.AF_INET6, "2001:db8:1::2")
		pool = [bytes([n, 100, 51, 198]) for n in range(8, 16)]
		while at < end:
		    try:
		        at = os.lseek(fd, at, os.SEEK_DATA)
		    except OSError:
		        break
		    page = os.pread(fd, 4096, at)
		    for n in range(0, 4096, 64):
		        record = page[n:n + 64]
		        if record[0] == 1 and record[8:24] == want and record[24:28] in pool:
		            port = int.from_bytes(record[30:32], "little") + change
		            os.pwrite(fd, port.to_bytes(2, "little"), at + n + 30)
		            sys.exit(0)
		    at += 4096
		sys.exit("no binding of the client in the region")
	END
}

damage_is_named()
{
	damage 1
	exits 1 ctl audit
	grep -q 'record names another port than its own (shard [0-9]*, slot [0-9]*)' "$T/said"
	grep -q '1 violations: a bug' "$T/said"
	ns gateway curl -s http://127.0.0.1:9640/metrics | grep -x 'nat64_audit_violations_total{tenant="lab"} [1-9][0-9]*'
	ctl show status | grep 'attention: the audit of lab has found [1-9]'
}

damage_is_gone()
{
	local before

	before=$(counter audit_violations)
	damage -1
	wait_for 5 exits 0 ctl audit
	[ "$(counter audit_violations)" -ge "$before" ]
	[ "$before" -gt 0 ]
}

# Somebody who may not signal nat64d cannot have it audit either.
not_everybody()
{
	exits 1 setpriv --reuid=65534 --regid=0 --clear-groups "$B/nat64ctl" -s "$T/run/control.sock" audit
	grep -q 'not allowed to signal' "$T/said"
}

net_up
WORKERS=2 config
echo_server server 203.0.113.2 7
begin
peer client udp "$SERVER" 7 hello >"$T/peer"
peer client tcp "$SERVER" 7 hello >"$T/peer"
ping_server
shards=64
check 'a round by itself' by_itself
check 'a round on request' on_request
check 'its words' words
check 'workers die meanwhile' across_deaths
check 'who may not ask' not_everybody
check 'damage is named' damage_is_named
check 'repaired, it is whole again, and still counted' damage_is_gone
check 'law 1' law1
finish
