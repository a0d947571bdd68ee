#!/usr/bin/env bash
# bench.sh - all benchmarks: whole gateways in a rig of namespaces, then libnat64 alone, then the table of targets
#
# QUICK=1: three minutes and not half an hour. DOC=1: write docs/benchmarks.md with its plots and raw figures. Only addresses
# inside the rig are ever sent to. A missed target does not fail; what could not be measured does.
source "$(dirname "$0")/rig.sh"
source "$(dirname "$0")/state.sh"

# What differs between a quick run and a whole one.
if [ -n "${QUICK-}" ]; then
	rounds=2 scale=0.3 limit=75 steps=5 opened=20000 kills=5 loops=3 size=3 huge=
else
	rounds=5 scale=0.5 limit=800 steps=6 opened=40000 kills=15 loops=15 size=10 huge='scale 10 huge'
fi
wrong=()

# part WHAT COMMAND... - say how long it took; go on when it fails
part()
{
	local what=$1 begun=$SECONDS rc

	set +e
	(
		set -e
		"${@:2}"
	)
	rc=$?
	set -e
	[ $rc = 0 ] || wrong+=("$what")
	echo "-- $what: $((SECONDS - begun)) s" >&2
}

gateways()
{
	B=$B PREFIX=n64t-$$ python3 "$top/tests/bench/rounds.py" "$T/rig.json" "$T/rounds.json" $rounds $scale $limit
}

alone()
{
	local name

	for name in xlat stage table shards "scale $size" "$huge"; do
		# shellcheck disable=SC2086 # it is words
		[ -z "$name" ] || "$B/tests/bench/bench_"$name || return 1
	done
	"$top/tests/bench/cost.sh" $loops
}

storm()
{
	B=$B "$top/tests/stress/storm.sh" $kills 20000 >"$T/storm.txt"
}

LOAD_BEFORE=$(cut -d' ' -f1-3 /proc/loadavg)
export LOAD_BEFORE
rig_up "${CANDIDATES[@]}"
rig_words >"$T/rig.json"
start server iperf3 -s
wait_for 5 listening server 5201
part 'new connections on new memory' cold single 0.5
part 'warming up' warm single pair
part 'gateways in rounds' gateways
part 'connections through nat64d' rates single $steps $opened
part 'connections through masquerade' rates masquerade $steps 20000 # conntrack's own bound is not far
part 'capacity of a table' capacity 4
python3 -c 'import json, sys; json.dump([json.loads(line) for line in sys.stdin], sys.stdout)' \
	<"$T/state.lines" >"$T/state.json"
end "$(cat "$T/single.pid")" 15
end "$(cat "$T/pair.pid")" 15
part 'a worker killed under load' storm
part 'libnat64 alone' alone >"$T/micro.txt"
python3 "$top/tests/bench/machine.py" >"$T/machine.json"
cat "$T/micro.txt"
python3 -B "$top/tests/bench/report.py" "$T"
[ -z "${DOC-}" ] || python3 -B "$top/tests/bench/document.py" "$T" "$top/docs"
[ ${#wrong[@]} = 0 ] || { printf 'could not be measured: %s\n' "${wrong[@]}" >&2; exit 1; }
