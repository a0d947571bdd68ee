#!/usr/bin/env bash
# 152-filter-rows.sh - no row of a filter is dead: without it ordinary work kills a worker, nat64-ctld, or who parses nat64.ini
#
# tests/stress/narrow.c makes of each the real one, but for one row. A row that nobody needs would let it live.
source "$(dirname "$0")/../lib.sh"

real=$B

# rows PATTERN [ROOM] - the rows of worker/syscalls.def of these kinds, one a line, as "NUMBER KIND CALL ARGUMENT"
rows()
{
	sed -n 's/^\([A-Z_]*\)(\([a-z_0-9]*\),\(.*\)$/\1 \2 \3/p' "$top/${2-worker}/syscalls.def" | grep -E "^($1) " |
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

# narrow_work ROW [WORD] - ordinary life with workers that lack this row
narrow_work()
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
}

# missed ROW [WORD] - the row's absence kills a worker
missed()
{
	narrow_work "$@"
	wait_for 10 grep -q sigsys "$T/gateway-nat64d.log"
	gateway_stop || true
}

# spared - there is no such row, so nobody is killed. What follows would prove nothing otherwise.
spared()
{
	narrow_work 999 "$@"
	gateway_stop
	! grep -q sigsys "$T/gateway-nat64d.log"
}

said_or_ready()
{
	grep -qE 'nat64d: ready|sigsys' "$T/gateway-nat64d.log"
}

# missed_by_ctld ROW - the row's absence kills nat64-ctld. Its supervisor is made up, and dies in the end.
missed_by_ctld()
{
	mkdir "$T/ctld$1"
	cp "$real/tests/stress/narrow/nat64-ctld" "$T/ctld$1"
	timeout 30 python3 - "$T/ctl_parent" "$T/ctld$1" <<-'END'
		import ctypes, os, signal, socket, subprocess, sys, time

		parent, directory = sys.argv[1:]
		ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: nat64-ctld is ours when its supervisor is dead
		p = subprocess.Popen([parent, directory + "/nat64-ctld", directory, "3000"], stderr=subprocess.PIPE)
		ports = []
		while len(ports) < 2:
		    time.sleep(0.01)
		    ports = open(directory + "/ports").read().split() if os.path.exists(directory + "/ports") else []
		port = int(ports[0])

		def ask(family, address, request, readers=1):
		    try:  # silence, or the end: both are told by how it ends
		        held = [socket.socket(family) for _ in range(readers)]
		        for s in held:
		            s.settimeout(1)
		            s.connect(address)
		            s.sendall(request)
		        for s in held:
		            while s.recv(65536):
		                pass
		    except OSError:
		        pass

		for readers in 1, 30:
		    ask(socket.AF_UNIX, directory + "/control.sock", b"json show sessions\n")
		    for page in b"/metrics", b"/":
		        request = b"GET " + page + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
		        ask(socket.AF_INET, ("127.0.0.1", port), request, readers)
		p.kill()
		ends = {}
		while True:
		    try:
		        pid, status = os.wait()
		    except ChildProcessError:
		        break
		    ends[pid] = status
		said = p.stderr.read().decode()
		of_it = sorted(-os.waitstatus_to_exitcode(status) for status in ends.values())
		print(said, "ends:", of_it)
		sys.exit("signal 31" not in said and signal.SIGSYS not in of_it)
	END
}

# spared_ctld - likewise: it ends by itself, after its supervisor was killed
spared_ctld()
{
	exits 1 missed_by_ctld 999
	grep 'ends: \[0, 9\]' "$T/said"
}

# narrow_reader ROW - a nat64d whose reader lacks this row; no row: one that lacks none
narrow_reader()
{
	mkdir -p "$T/reader$1"
	cp "$real/tests/stress/narrow/nat64d" "$T/reader$1"
	echo "$T/reader$1/nat64d"
}

# long_file - a configuration that is right, and has a line for which memory is enlarged again and again
long_file()
{
	config
	awk 'BEGIN { printf "# "; for (i = 0; i < 60000; i++) printf "a comment "; print "" }' >>"$T/nat64.ini"
	exits 0 "$(narrow_reader 999)" --check -c "$T/nat64.ini"
}

# missed_by_reader ROW - the row's absence kills the reader, and nat64d says so
missed_by_reader()
{
	exits 2 "$(narrow_reader "$1")" --check -c "$T/nat64.ini"
	grep 'died of signal 31' "$T/said"
}

check 'the reader with all of its rows' long_file
while read -r row _ call; do
	check "the reader: row $row, ${call%%\"*}" missed_by_reader "$row"
done < <(rows READER supervisor)
net_up
WORKERS=2 OFFLOAD=auto config 'steering = off' # writev is for packets that leave as one
echo_server server 203.0.113.2 7
check 'a worker with all of its rows' spared
while read -r row _ call; do
	check "row $row, ${call%%\"*}" missed "$row"
	if [ -e "/proc/$(cat "$T/nat64d.pid")" ]; then
		gateway_stop || true
	fi
done < <(rows 'CALL(_ARG)?')
# And those of a worker with two devices: the IPv4 side is in the router.
OFFLOAD=auto config 'steering = off' "netns4 = n64t-$$-router"
check 'two devices: a worker with all of its rows' spared apart
while read -r row kind call; do
	if [ "$kind" = CALL_ARG_APART ]; then
		check "two devices: row $row, ${call%%\"*}" missed "$row" apart
		gateway_stop || true
	fi
done < <(rows 'CALL[A-Z_]*')
gcc -std=c17 -D_GNU_SOURCE -iquote "$top" -O1 -o "$T/ctl_parent" "$top/tests/system/ctl_parent.c" "$real/libnat64.a"
check 'nat64-ctld with all of its rows' spared_ctld
while read -r row _ call; do
	check "nat64-ctld: row $row, ${call%%\"*}" missed_by_ctld "$row"
done < <(rows 'CALL(_ARG)?' ctl)
finish
