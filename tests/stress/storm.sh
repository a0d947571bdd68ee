#!/usr/bin/env bash
# storm.sh [SECONDS [RATE [FLOWS]]] - SIGKILL to a worker every 200 ms under load: not one packet may be lost
#
# Numbered datagrams of 16 subscribers, or FLOWS, cross the gateway while its workers are killed at random moments. Packets wait in
# the queue, what a worker had in hand its successor finds, so all arrive; one may arrive twice when death came between
# its write and the note of it. Prints what arrived, how many were killed, and how long a flow stood still after each
# kill, beside what is promised, and around moments without a kill. On a machine that is busy otherwise that says little, so
# only a loss is a failure. And only a loss inside: what a full queue turned away, which the device counts, is too much for
# the machine, and is said.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/killing.sh"

duration=${1:-20} rate=${2:-20000} flows=${3:-16}

storm()
{
	local killed out lost full

	read -r killed full < <(flood_killed "$duration" "$rate" "$flows")
	out=$(cat "$T/flood")
	lost=$(sed -E 's/.* lost ([0-9]+) .*/\1/' <<<"$out")
	lost=$((lost > full ? lost - full : 0))
	{
		echo "storm: $killed killed, ${out%% gaps*}; lost inside $lost, turned away by a full queue $full; replayed $(counter replayed_packets), handed over $(counter handed_over)"
		spread after | (read -r median p99 longest && echo "after $killed kills a flow stood still: median $median ms" \
			"(promised below 2), p99 $p99 ms (promised below 10), longest $longest ms")
		spread signals | (read -r median p99 longest && echo "with what was before the kill: median $median ms," \
			"p99 $p99 ms, longest $longest ms")
		spread calm | (read -r median p99 longest && echo "and around moments without a kill: median $median ms," \
			"p99 $p99 ms, longest $longest ms") || true # a busy machine leaves no such moment
		sed -nE 's/.* worst (.*)/the longest that a flow stood still at all: \1/p' "$T/flood"
	} >"$T/storm"
	grep -q '^sent [1-9]' <<<"$out"
	[ "$lost" = 0 ]
	[ "$killed" -gt "$((duration / 2))" ]
}

# After kills a packet may have been handed over and not yet counted, or counted twice: law 1 without its second half.
verdicts_add_up()
{
	ctl --json show counters | python3 "$top/tests/law1.py" | tee "$T/law1" || true
	read -r _ packets _ verdicts _ <"$T/law1"
	[ "$packets" = "$verdicts" ]
}

WORKERS=${WORKERS:-2}
GATEWAY=$'metrics = off\nspares = '${SPARES:-$WORKERS} config
net_up
begin
check "$rate packets a second for $duration s, a kill every 200 ms: none lost inside" storm
cat "$T/storm" 2>/dev/null || cat "$T/flood"
check 'every packet read has one verdict' verdicts_add_up
finish
