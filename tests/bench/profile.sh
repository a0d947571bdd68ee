#!/usr/bin/env bash
# profile.sh - where the time of a worker goes under load: stages, functions, system calls
#
# With perf, which samples the worker's stack 999 times a second of its own time. Where perf does not work (no rights, no
# such package), callgrind counts the instructions of libnat64 while it translates: it sees nothing of the kernel.
# FLOWS=1000, FRAME=84: of the UDP load. After it the same for one TCP stream.
source "$(dirname "$0")/rig.sh"

flows=${FLOWS:-1000} frame=${FRAME:-84}

# worker - its pid
worker()
{
	"$B/nat64ctl" -s "$SHM/single/control.sock" --json show workers | pick "d['workers'][0]['pid']"
}

# udp SECONDS - the load, in the background
udp()
{
	# shellcheck disable=SC2046 # it is words
	"$B/tests/bench/blast" flood $(traffic single) "pids=$(worker)" "flows=$flows" "frame=$frame" "seconds=$1" >"$T/run" &
}

# ticks PID - processor time of it so far
ticks()
{
	awk '{ print $14 + $15 }' "/proc/$1/stat"
}

# tcp SECONDS - likewise; what it says is brought into the form of blast's, a packet being 1440 bytes of payload
tcp()
{
	local before pid

	pid=$(worker)
	(
		before=$(ticks "$pid")
		ns client iperf3 -6 -J -C "${CONGESTION:-cubic}" -t "$1" -c "$(address single)" >"$T/iperf"
		pick "'{\"delivered\": %d, \"cpu\": %f}' % (d['end']['sum_received']['bytes'] / 1440,
			$(($(ticks "$pid") - before)) / 100)" <"$T/iperf" >"$T/run"
	) &
}

# sampled LOAD - the table of a load
sampled()
{
	local pid load

	"$1" 5
	load=$!
	pid=$(worker)
	sleep 1.5
	perf record -q -F 999 -e cpu-clock -g -p "$pid" -o "$T/perf.data" -- sleep 3
	wait "$load"
	perf script -i "$T/perf.data" -F ip,sym,dso >"$T/script" 2>"$T/perf.log"
	python3 "$top/tests/bench/profile.py" "$T/script" "$B/nat64-worker" "$T/run"
}

# called LOAD - system calls and page faults per packet: of all that the worker does from before the load until after it
called()
{
	local events packets perf load

	events=$(printf 'syscalls:sys_enter_%s,' read write readv writev ppoll clock_gettime)page-faults,context-switches
	packets=$(received)
	perf stat -x, -e "$events" -p "$(worker)" -o "$T/stat" -- sleep 6 &
	perf=$!
	sleep 1
	"$1" 2
	load=$!
	wait $load
	wait $perf
	packets=$(($(received) - packets))
	awk -F, -v packets="$packets" '$1 ~ /^[0-9]+$/ { printf "%-44s %8.3f a packet\n", $3, $1 / packets }' "$T/stat"
}

# received - packets that the worker has read so far
received()
{
	"$B/nat64ctl" -s "$SHM/single/control.sock" --json show status | pick "d['tenants'][0]['received']"
}

counted()
{
	valgrind --quiet --tool=callgrind --callgrind-out-file="$T/callgrind" "$B/tests/bench/bench_xlat" \
		>"$T/callgrind.log" 2>&1
	callgrind_annotate "$T/callgrind" | sed -n '/Ir/,$p' | head -40
}

if ! perf record -q -e cpu-clock -g -o "$T/perf.data" -- true 2>"$T/perf.log"; then
	echo "perf does not work here ($(head -1 "$T/perf.log")): instructions by callgrind, of libnat64 alone"
	counted
	exit
fi
rig_up single
start server iperf3 -s
wait_for 5 listening server 5201
echo "UDP, $frame-byte frames, $flows flows, IPv6 to IPv4, as fast as they come"
sampled udp
called udp
echo
echo 'TCP, one stream, IPv6 to IPv4'
sampled tcp
called tcp
