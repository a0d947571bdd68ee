#!/usr/bin/env bash
# fuzz.sh SECONDS PROGRAM... - run the fuzzers that long, all at once, each from its seeds; what makes one crash is kept
#
# New inputs go to a folder beside the program, so a later run goes on where this one stopped. An input may take a minute by the
# clock on the wall: it takes milliseconds, but the machine may be busy.
set -euo pipefail

seconds=$1 passed=0 failed=0 pids=()
shift

# fuzz PROGRAM - what it says goes to a file beside it
fuzz()
{
	local name=${1##*/fuzz_} work=$1.corpus seeds=()

	if [ -d "tests/fuzz/corpus/$name" ]; then
		seeds=("tests/fuzz/corpus/$name")
	fi
	mkdir -p "$work"
	exec "$1" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$work-" \
		"$work" "${seeds[@]}" >"$1.log" 2>&1
}

trap 'kill "${pids[@]}" 2>/dev/null || true' EXIT
for program; do
	fuzz "$program" &
	pids+=($!)
done
for program; do
	name=${program##*/fuzz_}
	if wait "${pids[0]}"; then
		passed=$((passed + 1))
		echo "ok fuzz_$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$program.log") inputs"
	else
		failed=$((failed + 1))
		tail -40 "$program.log"
		echo "FAILED fuzz_$name"
	fi
	pids=("${pids[@]:1}")
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
