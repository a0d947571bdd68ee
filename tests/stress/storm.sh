#!/usr/bin/env bash
# storm.sh [SECONDS [RATE]] - SIGKILL to a worker every 200 ms under load: not one packet may be lost
#
# Numbered datagrams cross the gateway while its workers are killed at random moments. Packets wait in the queue, what a
# worker had in hand its successor finds, so all arrive; one may arrive twice when death came between its write and the
# note of it. Prints what arrived, the gaps, and how many were killed.
source "$(dirname "$0")/../lib.sh"

duration=${1:-20} rate=${2:-20000}

storm()
{
	local killed=0 pids end out flood

	"$B/tests/stress/flood" "/run/netns/n64t-$$-client" "/run/netns/n64t-$$-server" "$SERVER" 9 "$rate" "$duration" \
		>"$T/flood" 2>&1 &
	flood=$!
	end=$((SECONDS + duration))
	while ((SECONDS < end)); do
		sleep 0.2
		mapfile -t pids < <(pgrep -P "$(cat "$T/nat64d.pid")" nat64-worker)
		if [ ${#pids[@]} != 0 ] && kill -9 "${pids[RANDOM % ${#pids[@]}]}" 2>/dev/null; then
			killed=$((killed + 1))
		fi
	done
	wait $flood
	out=$(cat "$T/flood")
	echo "storm: $killed killed; $out; replayed $(counter replayed_packets)" | tee "$T/storm"
	grep -q ' lost 0 ' <<<"$out"
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
check "$rate packets a second for $duration s, a kill every 200 ms: none lost" storm
cat "$T/storm" 2>/dev/null || true
check 'every packet read has one verdict' verdicts_add_up
finish
