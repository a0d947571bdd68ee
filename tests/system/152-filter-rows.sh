#!/usr/bin/env bash
# 152-filter-rows.sh - no row of the workers' filter is dead: without any one of them ordinary work kills a worker
#
# tests/stress/narrow.c is the real worker, but for one row. A row that nobody needs would let it live.
source "$(dirname "$0")/../lib.sh"

real=$B

# rows PATTERN - the calls of worker/syscalls.def of these kinds, one a line, as "NUMBER KIND CALL ARGUMENT"
rows()
{
	sed -n 's/^\(CALL[A-Z_]*\)(\([a-z_]*\),\(.*\)$/\1 \2 \3/p' "$top/worker/syscalls.def" | grep -E "^($1) " |
		awk '{ print NR - 1, $0 }'
}

# burst - datagrams of some flows that wait together, so that those of each leave as one where its owner reads them
burst()
{
	local pids

	pids=$(worker_pids)
	# shellcheck disable=SC2086 # pids are words
	kill -STOP $pids
	ns client python3 -c "
import socket
for _ in range(16):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    for _ in range(4):
        s.sendto(bytes(100), ('$SERVER', 9))"
	# shellcheck disable=SC2086
	kill -CONT $pids
}

# What workers do in ordinary life: packets, packets for each other, packets that belong together, rest, and the end.
work()
{
	local i

	for i in {1..8}; do
		grep -q sigsys "$T/gateway-nat64d.log" && return
		peer client send "$SERVER" 7 "hello $i"
		ns client ping -6 -n -c 1 -W 1 "$SERVER"
	done
	burst
	ctl restart
}

# missed ROW [WORD] - the row's absence kills a worker
missed()
{
	B=$T/${2-}bin$1
	mkdir "$B"
	cp "$real/nat64d" "$real/nat64-ctld" "$real/nat64ctl" "$B"
	cp "$real/tests/stress/narrow/nat64-worker" "$B"
	: >"$T/gateway-nat64d.log"
	start gateway "$B/nat64d" -c "$T/nat64.ini"
	cp "$T/pid" "$T/nat64d.pid"
	wait_for 20 said_or_ready
	work >"$T/work" 2>&1 || true
	wait_for 10 grep -q sigsys "$T/gateway-nat64d.log"
	gateway_stop || true
}

said_or_ready()
{
	grep -qE 'nat64d: ready|sigsys' "$T/gateway-nat64d.log"
}

net_up
WORKERS=2 OFFLOAD=auto config 'steering = off' # writev is for packets that leave as one
echo_server server 203.0.113.2 7
while read -r row _ call; do
	case $call in
	clock_gettime*) echo "row $row, clock_gettime: missed only where the vDSO does not serve the clock" ;;
	*) check "row $row, ${call%%\"*}" missed "$row" ;;
	esac
	if [ -e "/proc/$(cat "$T/nat64d.pid")" ]; then
		gateway_stop || true
	fi
done < <(rows 'CALL(_ARG)?')
# And those of a worker with two devices: the IPv4 side is in the router.
OFFLOAD=auto config 'steering = off' "netns4 = n64t-$$-router"
while read -r row kind call; do
	if [ "$kind" = CALL_ARG_APART ]; then
		check "two devices: row $row, ${call%%\"*}" missed "$row" apart
		gateway_stop || true
	fi
done < <(rows 'CALL[A-Z_]*')
finish
