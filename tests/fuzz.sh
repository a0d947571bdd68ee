#!/usr/bin/env bash
# fuzz.sh SECONDS PROGRAM... - run each fuzzer that long, starting from its seeds; what makes one crash is kept
#
# New inputs go to a folder beside the program, so a later run goes on where this one stopped.
set -euo pipefail

seconds=$1 passed=0 failed=0
shift
for program; do
	name=${program##*/fuzz_}
	work=$program.corpus
	seeds=()
	if [ -d "tests/fuzz/corpus/$name" ]; then
		seeds=("tests/fuzz/corpus/$name")
	fi
	mkdir -p "$work"
	if "$program" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$work-" "$work" "${seeds[@]}" >"$program.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok fuzz_$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$program.log") inputs"
	else
		failed=$((failed + 1))
		tail -40 "$program.log"
		echo "FAILED fuzz_$name"
	fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
