#!/usr/bin/env bash
# gap.sh [ROUNDS [SECONDS [RATE [FLOWS]]]] - how long a flow stands still when a worker is killed, beside the least that it could
#
# The same flood is killed at in the same way across the gateway and across least.c, by turns: what its flows wait for is what they
# would wait for anything on this machine. Prints the medians of the rounds, their smallest and largest, and how many times
# as long the gateway takes. Fails only when nothing could be measured, for the times are the machine's.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/killing.sh"

rounds=${1:-5} duration=${2:-6} rate=${3:-20000} flows=${4:-16}

# note WHO - median, 99th percentile and longest of the last flood, after a kill, with what was before it, and without a kill
note()
{
	local after kill calm

	after=$(spread after)
	kill=$(spread signals)
	calm=$(spread calm)
	[ -n "$kill" ]
	echo "$1 $after $kill ${calm:-- - -}" | tee -a "$T/rounds"
}

# as_gateway - a storm across the gateway
as_gateway()
{
	gateway_start
	flood_killed "$duration" "$rate" "$flows"
	gateway_stop
	note gateway
}

least_up()
{
	ns gateway ip tuntap add dev nat64 mode tun multi_queue
	start gateway "$B/tests/stress/least" nat64 2 "$T/workers"
	wait_for 5 test -s "$T/workers"
	ns gateway ip link set nat64 up txqueuelen 20000
	ns gateway ip -6 route add 64:ff9b::/96 dev nat64
	ns gateway ip route add 198.51.100.8/29 dev nat64
}

# as_least - one across the least there can be
as_least()
{
	least_up
	flood_killed "$duration" "$rate" "$flows"
	end "$(cat "$T/pid")"
	ns gateway ip link del nat64
	rm "$T/workers"
	note least
}

# table - the rounds, reduced
table()
{
	python3 - "$T/rounds" <<-'END'
		import statistics
		import sys

		rows = [line.split() for line in open(sys.argv[1])]
		def of(who, column):
		    return [float(r[column]) for r in rows if r[0] == who and r[column] != '-']
		def said(values):
		    return f'{statistics.median(values):.1f} ms ({min(values):.1f}-{max(values):.1f})' if values else 'not seen'
		n = len(of('least', 1))
		for what, column in ('after, median', 1), ('after, p99', 2), ('whole, median', 4), ('whole, p99', 5):
		    both = list(zip(of('gateway', column), of('least', column)))
		    ratio = statistics.median(g / l for g, l in both)
		    print(f'gap {what}: gateway {said(of("gateway", column))}, least {said(of("least", column))}, '
		          f'{ratio:.2f} times as long; {n} rounds')
		print(f'without a kill: median {said(of("gateway", 7))}, p99 {said(of("gateway", 8))}')
	END
}

rounds()
{
	for ((i = 0; i < rounds; i++)); do
		as_gateway
		as_least
	done
}

WORKERS=2 GATEWAY=$'metrics = off\nspares = '${SPARES:-2} config
net_up
check "$rounds rounds of $duration s at $rate packets a second, by turns" rounds
check 'and what they come to' table
[ ! -s "$T/rounds" ] || { cat "$T/rounds"; table; }
finish
