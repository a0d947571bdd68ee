#!/usr/bin/env bash
# storm.sh [SECONDS [RATE [FLOWS]]] - SIGKILL to a worker every 200 ms under load: not one packet may be lost
#
# Numbered datagrams of 16 subscribers, or FLOWS, cross the gateway while its workers are killed at random moments. Packets wait in
# the queue, what a worker had in hand its successor finds, so all arrive; one may arrive twice when death came between
# its write and the note of it. Prints what arrived, how many were killed, and how long a flow stood still around each
# kill, beside what is promised, and around moments without a kill. On a machine that is busy otherwise that says little, so
# only a loss is a failure. And only a loss inside: what a full queue turned away, which the device counts, is too much for
# the machine, and is said.
source "$(dirname "$0")/../lib.sh"

duration=${1:-20} rate=${2:-20000} flows=${3:-16}

# at_work - the pids of the workers that have a slot, spares not
at_work()
{
	ctl --csv show workers | awk -F, '$4 == "running" { print $3 }'
}

# rest_until MICROSECONDS - of EPOCHREALTIME, without starting a program; fails when that is over
rest_until()
{
	local left=$(($1 - ${EPOCHREALTIME/./})) rest

	((left > 0)) || return 1
	printf -v rest '%d.%06d' $((left / 1000000)) $((left % 1000000))
	read -rt "$rest" -u "$silence" || true
}

# Kill one every 200 ms until the time is over; say how many, and tell the flood in pid $1 when. Programs are started neither
# just after a kill nor just before one, for they would take the processors from those whom the kill concerns. Between
# two kills there is a moment for comparison, if the machine leaves time for one.
kills()
{
	local killed=0 pids next=${EPOCHREALTIME/./} end=$((SECONDS + duration - 1))

	exec {silence}<> <(:)
	while ((SECONDS < end)); do
		rest_until $((next + 70000)) || next=${EPOCHREALTIME/./}
		mapfile -t pids < <(at_work)
		if rest_until $((next + 150000)); then
			kill -USR2 "$1"
		fi
		rest_until $((next += 200000)) || true
		if [ ${#pids[@]} != 0 ] && kill -9 "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null; then
			kill -USR1 "$1"
			killed=$((killed + 1))
		fi
	done
	echo $killed
}

# turned_away - packets that found a queue of the device full
turned_away()
{
	ip -j -s -n "n64t-$$-gateway" link show dev nat64 | pick "d[0]['stats64']['tx']['dropped']"
}

storm()
{
	local killed out flood lost full

	full=$(turned_away)
	"$B/tests/stress/flood" "/run/netns/n64t-$$-client" "/run/netns/n64t-$$-server" "$SERVER" 9 "$rate" "$duration" "$flows" \
		>"$T/flood" 2>&1 &
	flood=$!
	sleep 0.5
	killed=$(kills $flood)
	wait $flood
	out=$(cat "$T/flood")
	full=$(($(turned_away) - full))
	lost=$(sed -E 's/.* lost ([0-9]+) .*/\1/' <<<"$out")
	lost=$((lost > full ? lost - full : 0))
	{
		echo "storm: $killed killed, ${out%% gaps*}; lost inside $lost, turned away by a full queue $full; replayed $(counter replayed_packets), handed over $(counter handed_over)"
		sed -E 's/.* signals ([0-9]+) median ([0-9.]+) p99 ([0-9.]+) longest ([0-9.]+) ms.*/a flow stood still around'\
' \1 kills: median \2 ms (promised below 2), p99 \3 ms (promised below 10), longest \4 ms/' "$T/flood"
		sed -E 's/.* calm ([0-9]+) median ([0-9.]+) p99 ([0-9.]+) longest ([0-9.]+) ms/and around \1 moments without a kill:'\
' median \2 ms, p99 \3 ms, longest \4 ms/' "$T/flood"
	} >"$T/storm"
	grep -q '^sent [1-9]' <<<"$out"
	[ "$lost" = 0 ]
	[ "$killed" -gt "$((duration * 2))" ]
}

# After kills a packet may have been handed over and not yet counted, or counted twice: law 1 without its second half.
verdicts_add_up()
{
	ctl --json show counters | python3 "$top/tests/law1.py" | tee "$T/law1" || true
	read -r _ packets _ verdicts _ <"$T/law1"
	[ "$packets" = "$verdicts" ]
}

WORKERS=2 GATEWAY='metrics = off' config 'queue-length = 20000'
net_up
begin
check "$rate packets a second for $duration s, a kill every 200 ms: none lost inside" storm
cat "$T/storm" 2>/dev/null || cat "$T/flood"
check 'every packet read has one verdict' verdicts_add_up
finish
