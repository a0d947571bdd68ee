#!/usr/bin/env bash
# stress.sh - everything that the promises of the binding table can be held to, for long, and one table of what was seen
#
# Each part runs by itself and says its own; its row has what is promised beside what was seen. A violation, a loss or a part
# that fails makes the table FAILED and the exit status 1. A time that is longer than promised is `slow` and no failure: it
# may be the machine. QUICK=1 is a short version, which leaves the mutants out and says so. PARTS="crash storm" are the parts to
# run, of those named at the end. RATE and KILLS change the storm's packets a second and the number of kills. What a part printed
# stays in build/tests/stress/log.
set -euo pipefail

cd "$(dirname "$0")/../.."
built=$(realpath "${B:-build}") quick=${QUICK:-}
unset B MAKEFLAGS MFLAGS MAKELEVEL # variants of the build have folders of their own
log=$built/tests/stress/log
rm -rf "$log"
mkdir -p "$log"
failed=0

# pick LONG SHORT - the one for this run
pick()
{
	if [ "$quick" ]; then
		echo "$2"
	else
		echo "$1"
	fi
}

# row WHAT PROMISED SEEN ok|FAILED|slow|left-out
row()
{
	[ "$4" != FAILED ] || failed=1
	printf '| %-64s | %-12s | %-66s | %-8s |\n' "$@" >>"$log/table"
}

# run NAME COMMAND... - keep what it prints. Returns its exit status.
run()
{
	local rc=0 name=$1

	echo "== $name, ${SECONDS} s"
	"${@:2}" >"$log/$name" 2>&1 </dev/null || rc=$?
	tail -3 "$log/$name"
	return $rc
}

# said NAME SED-SCRIPT - what the part printed, reduced by sed -nE; never empty
said()
{
	sed -nE "$2" "$log/$1" | paste -sd';' | sed 's/;\([^ ]\)/; \1/g; s/^$/nothing/'
}

# part WHAT PROMISED NAME SED-SCRIPT COMMAND... - one row: its exit status decides, sed finds what was seen
part()
{
	local result=ok

	run "$3" "${@:5}" || result=FAILED
	row "$1" "$2" "$(said "$3" "$4")" $result
}

# time_row WHAT PROMISED SEEN UNIT - slow when SEEN is not below PROMISED
time_row()
{
	row "$1" "< $2 $4" "$3 $4" "$(awk -v p="$2" -v s="$3" 'BEGIN { print s != "" && s < p ? "ok" : "slow" }')"
}

# left_out WHAT - of this run
left_out()
{
	row "$1" '' "${2:-not in the short version}" left-out
}

last='/passed,/p'
crash()
{
	local seen='s/^step: .*operations, ([0-9]+) instructions.*nested ([0-9]+) instr.*; ([0-9]+) violations$/\3 after \1 + \2/p'

	part '4 violations, killed at every instruction' 0 step "$seen" "$built/tests/stress/step" "$(pick 400 8)"
	part '4 violations, recovery killed at every instruction as well' 0 nested "$seen" "$built/tests/stress/step" "$(pick 40 16)" nested
	part '4 violations, a move to a new table killed at every instruction' 0 import "$seen" "$built/tests/stress/step" "$(pick 4000 400)" import
	part '4 violations, killed at every instruction while fragments pass' 0 fragments \
		's/^fragments: ([0-9]+) instructions.*, ([0-9]+) violations$/\2 after \1/p' "$built/tests/stress/fragments"
	part '4 the protocol, all orders of two deaths (Spin); 5 broken ones' '0 failed' model "$last" tests/stress/model.sh
	part '4 races between owners and readers; 3 seeded ones' '0 failed' threads "$last" make -s threads "THREADS_SECONDS=$(pick 10 3)"
	if [ "$quick" ]; then
		left_out '4 mutants of the protocol caught'
	else
		part '4 mutants of the protocol caught' '0 failed' mutants "$last" tests/stress/mutants.sh
	fi
	if [ "$quick" ]; then
		left_out '4 mutants of the system call filters caught'
	else
		part '4 mutants of the system call filters caught' '0 failed' filter-mutants "$last" tests/unit/mutants.sh
	fi
	part '4 hostile memory and packets: crashes, hangs' '0 failed' fuzz '/^ok|failed$/p' make -s fuzz "FUZZ_SECONDS=$(pick 600 10)"
	if [ "$quick" ]; then
		left_out '4 mutants of the looks before a leap caught'
	else
		part '4 mutants of the looks before a leap caught' '0 failed' fuzz-mutants "$last" tests/fuzz/mutants.sh
	fi
	part '4 random kills under every kind of traffic, audited: violations' '0 failed' kills \
		'/killed, audited|passed/p' env B="$built" tests/stress/kills.sh "${KILLS:-$(pick 10000 100)}"
}

shares()
{
	part 'T flows of 1,000 good subscribers beside an attacker that work' '>= 99.9 %' crowd \
		's/^crowd: (.*), good enough.*attacker: (.*)$/\1; of \2/p' env B="$built" tests/stress/crowd.sh 1000 10 \
		"$(pick 60 10)" "$(pick 50000 20000)"
}

attacks()
{
	part 'T answers to good subscribers while an attacker floods, of idle' '>= 95 %' dos 's/^dos: .*at least (.*)$/\1/p' \
		env B="$built" tests/stress/dos.sh "$(pick 10 3)" "$(pick 10000 3000)"
}

truth()
{
	part '2 random traffic, each byte as the reference has it' '0 differ' differential 's/^differential: ([0-9]+ packets.*)/\1/p' \
		make -s differential "N=$(pick 3000000 100000)"
	if [ "$quick" ]; then
		left_out '2 mutants of the translator caught'
	else
		part '2 mutants of the translator caught' '0 failed' differential-mutants "$last" tests/differential/mutants.sh
	fi
}

storm()
{
	local rate=${RATE:-$(pick 50000 20000)} seconds pace

	seconds=$(pick 60 10)
	part "5 packets lost inside, $rate/s, a kill each 200 ms, $seconds s" 0 storm \
		's/^storm: (.* killed), .*lost inside ([0-9]+), .*full queue ([0-9]+).*/\2; overflow of the queue \3; \1/p' \
		env B="$built" tests/stress/storm.sh "$seconds" "$rate"
	pace=$(sed -nE 's/^after .* median ([0-9.]+) ms.*, p99 ([0-9.]+) ms.*/\1 \2/p' "$log/storm")
	time_row '5 a flow stands still after a SIGKILL, median' 2 "${pace% *}" ms
	time_row '5 a flow stands still after a SIGKILL, p99' 10 "${pace#* }" ms
	part '5 the same, beside the least that any program takes here' '' gap 's/^gap (after.*)/\1/p' \
		env B="$built" tests/stress/gap.sh "$(pick 10 2)"
}

# scenario WHAT SCRIPT
scenario()
{
	part "$1" '0 failed' "$2" "$last" env B="$built" tests/system.sh "tests/system/$2.sh"
}

scenarios()
{
	scenario '5 a poison packet is dropped once, kept, never replayed' 105-poison
	scenario '5 a stuck worker is replaced, nothing lost' 106-stuck
	scenario '5 other pools, prefixes, workers by a reload: nothing lost or twice' 121-new-table
	scenario '5 tenants come and go by a reload: nothing lost in another one' 122-tenants
	scenario '5 64 tenants' 123-many-tenants
	scenario '6 nat64d killed, workers live: taken over' 126-supervisor
	scenario '6 all killed at once: bindings, sessions, counts stay' 127-all-killed
	scenario '6 killed at random moments, again and again' 128-killed-often
	part '6 killed in the middle of reloads that add and remove tenants' '0 failed' reloads "$last" \
		env B="$built" tests/stress/reloads.sh "$(pick 300 20)"
	scenario '6 what is old, damaged or a trap is refused' 129-stale-state
	scenario '5 a worker dies at every start: the others carry its shards' 108-carried
	scenario '8 a reboot keeps established TCP, refuses what is damaged' 137-reboot
	scenario '7 upgrade N-1, N, N-1: same pid, nothing lost or twice' 125-upgrade
}

# All of the system tests once more, where packets come one by one, and with two workers where a test does not say how many: the
# usual way is with offloads and one.
variants()
{
	local what=('without offloads' 'with two workers' 'with two workers, without offloads')
	local with=('OFFLOAD=off' 'WORKERS=2' 'WORKERS=2 OFFLOAD=off') i

	for i in "${!what[@]}"; do
		if [ "$quick" ]; then
			left_out "the system tests ${what[i]}"
		else
			# shellcheck disable=SC2086 # it is words
			part "the system tests ${what[i]}" '0 failed' "variant$i" "$last" env ${with[i]} B="$built" tests/system.sh
		fi
	done
}

costs()
{
	local what value unit less limit result

	run bench-table "$built/tests/bench/bench_table" || row '9 bench-table' '' "$(said bench-table '/violat|fail/p')" FAILED
	while IFS='|' read -r what value unit less limit; do
		result=$(awk -v p="$limit" -v s="$value" 'BEGIN { print s <= p ? "ok" : "over" }')
		if [ "$result" = over ]; then
			result=$([ "$unit" = bytes ] && echo FAILED || echo slow)
		fi
		row "9 $what" "$less $limit $unit" "$value $unit" "$result"
	done < <(sed -nE 's/^(.*[^ ]) +([0-9.]+) (ms|us|ns|bytes) .*promised: (<=?) ([0-9.]+).*/\1|\2|\3|\4|\5/p' "$log/bench-table")
	run cost tests/bench/cost.sh "$(pick 15 3)" || row '9 cost.sh' '' "$(said cost '/cost.sh/p')" FAILED
	time_row '9 redo log, packets in hand and audit, of a loop' 5 \
		"$(sed -nE 's/^what survives a death.* without: ([-0-9.]+) %.*/\1/p' "$log/cost")" %
}

row promise promised seen result
row --- --- --- ---
for one in ${PARTS:-truth shares attacks crash storm scenarios variants costs}; do
	"$one"
done
echo "== ${SECONDS} s in all"
cat "$log/table"
[ $failed = 0 ]
