#!/usr/bin/env bash
# state.sh - what RFC 8219 and RFC 9693 ask of a stateful gateway. To be sourced after rig.sh, with the rig up.
#
# Phase 1 opens N flows that the gateway does not know, in pseudo-random order, from the client only, and then one frame
# comes back on each; phase 2 measures on flows that are known. Every figure becomes a line of JSON in $T/state.lines.
# Not as the RFCs have it: a trial is a second and not a minute, loss may be 0.1 %, and a trial uses flows that none
# before it used, where RFC 9693 empties the table.

next_flow=9000000 # the first that nobody used; rounds.py stays below

# result FIGURE CANDIDATE VALUE UNIT HOW
result()
{
	printf '{"figure": "%s", "candidate": "%s", "value": %s, "unit": "%s", "how": "%s"}\n' "$@" >>"$T/state.lines"
}

# opens NAME N RATE - phase 1, with its validation: do all N arrive, and one frame on each come back? $T/opened has the counts.
opens()
{
	# shellcheck disable=SC2046 # it is words
	"$B/tests/bench/blast" open $(traffic "$1") "flows=$2" "first=$next_flow" "rate=$3" >"$T/opened"
	next_flow=$((next_flow + $2))
	[ "$(pick 'd["sent"] == d["arrived"] == d["returned"]' <"$T/opened")" = True ]
}

# streams NAME FLOWS RATE - phase 2: is the loss at most 0.1 %? $T/streamed has loss and latency.
streams()
{
	# shellcheck disable=SC2046
	"$B/tests/bench/blast" stream $(traffic "$1") "flows=$2" "rate=$3" seconds=0.5 >"$T/streamed"
	[ "$(pick 'd["arrived"] >= d["sent"] * 0.999' <"$T/streamed")" = True ]
}

# highest LOW HIGH STEPS COMMAND... - the highest number for which the command, which gets it last, succeeds; 0: not even LOW
# It halves ratios and not differences, for nobody knows the order of magnitude. A busy machine spoils a trial now and then,
# so what fails is tried twice.
highest()
{
	local low=$1 high=$2 steps=$3 middle

	shift 3
	"$@" "$low" || "$@" "$low" || { echo 0; return; }
	for ((; steps > 0; steps--)); do
		middle=$(awk "BEGIN { print int(sqrt($low * $high)) }")
		if "$@" "$middle" || "$@" "$middle"; then
			low=$middle
		else
			high=$middle
		fi
	done
	echo "$low"
}

# rates NAME STEPS N - of a candidate that is up: establishment, throughput, latency. The search runs in a subshell, so the
# flows it uses are given up in one go.
rates()
{
	local rate

	rate=$(highest 1000 500000 "$2" opens "$1" "$3")
	next_flow=$((next_flow + $3 * 2 * ($2 + 1)))
	result 'connection establishment' "$1" "$rate" 'connections/s' \
		"RFC 9693 4.4: the highest rate at which $3 connections all arrive and all answer"
	[ "$rate" != 0 ]
	rate=$(highest 1000 500000 "$2" streams "$1" 1000)
	result 'throughput, 1000 flows' "$1" "$rate" 'frames/s' 'RFC 8219 7.1: 84-byte frames, loss at most 0.1 %'
	[ "$rate" != 0 ]
	streams "$1" 1000 $((rate / 2)) || true
	result 'latency at half of that, median' "$1" "$(pick 'd["latency_p50"]' <"$T/streamed")" us 'RFC 8219 7.2'
	result 'latency at half of that, p99' "$1" "$(pick 'd["latency_p99"]' <"$T/streamed")" us 'RFC 8219 7.2'
}

# fits N - does a table that was made just now take N connections? It is that of a small pool, so that it can be filled.
fits()
{
	local held

	nat64d_start small 1 "198.18.24.1 ports 1024-9215"
	opens small "$1" 10000 && held=0 || held=1
	"$B/nat64ctl" -s "$SHM/small/control.sock" --json show status >"$T/small-status"
	end "$(cat "$T/small.pid")" 15
	return $held
}

# capacity STEPS - RFC 9693 4.6: by doubling, then bisection; and what is in the table when it is full
capacity()
{
	local n=1024 most

	gateway small 6 4
	while fits $n && ((n < 16384)); do
		n=$((2 * n))
	done
	most=$(highest $((n / 2)) "$n" "$1" fits)
	next_flow=$((next_flow + 2 * n * (2 * $1 + 2)))
	result 'table capacity' small "$most" connections \
		'RFC 9693 4.6: a pool of 8192 ports, 256 subscribers dealt to its shards; all fit'
	fits 16384 || true
	result 'bindings in a full table' small "$(pick 'd["tenants"][0]["bindings"]' <"$T/small-status")" bindings \
		'the same pool, 16384 connections tried'
	result 'sessions in a full table' small "$(pick 'd["tenants"][0]["sessions"]' <"$T/small-status")" sessions \
		'likewise'
}

# cold NAME SECONDS - new connections while the table's memory was never used; to be called before `warm`
cold()
{
	# shellcheck disable=SC2046
	"$B/tests/bench/blast" flood $(traffic "$1") fresh=1 first=14000000 flows=1000000 "seconds=$2" >"$T/cold"
	result 'new connections, memory never used before' "$1" "$(pick 'd["delivered"] / d["seconds"]' <"$T/cold")" \
		'connections/s' 'every frame a new flow, just after the start'
}
