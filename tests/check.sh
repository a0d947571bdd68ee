#!/usr/bin/env bash
# check.sh - everything CI runs, quickest news first; ends with "N passed, N failed" over all of it
#
# Each step's output goes to build/check/STEP.log. What failed is shown, and its name once more at the end, where it is looked
# for; of the rest, the lines that name a test.
set -euo pipefail
cd "$(dirname "$0")/.."

unset B # every variant of the build has a folder of its own
logs=build/check
mkdir -p $logs
passed=0 failed=0 names=

# step NAME COMMAND... - run it; count what it counted, or itself when it counts nothing
step()
{
	local name=$1 log=$logs/$1.log rc=0 begun=$SECONDS good bad

	echo "== $name"
	"${@:2}" >"$log" 2>&1 </dev/null || rc=$?
	read -r good bad < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -1) || true
	if [ -z "${good-}" ]; then
		good=$((rc == 0)) bad=$((rc != 0))
	elif [ $rc != 0 ] && [ "$bad" = 0 ]; then
		bad=1
	fi
	if [ "$bad" != 0 ]; then
		names+=$(printf '\n%s: ' "$name"; sed -n 's/^FAILED //p' "$log" | paste -sd'|' | sed 's/|/; /g')
		grep -v '^[0-9]* passed, [0-9]* failed$' "$log" | tail -150
	else
		grep '^ok ' "$log" || true
	fi
	echo "-- $name: $good ok, $bad not, $((SECONDS - begun)) s"
	passed=$((passed + good)) failed=$((failed + bad))
}

make()
{
	command make --no-print-directory -j2 "$@"
}

step build make all bench-programs
step unit make unit
step vectors make vectors
step differential make differential
step lint make lint
step build-clang make CC=clang
step unit-asan make SAN=asan unit
# ThreadSanitizer has something to see only where there are threads; gcc's does not know fences.
mapfile -t threads < <(grep -l pthread.h tests/unit/test_*.c | sed 's,\(.*\)\.c,build-tsan-clang/\1,')
if [ ${#threads[@]} != 0 ]; then
	step unit-tsan make SAN=tsan CC=clang UNIT="${threads[*]}" unit
fi
step threads make threads THREADS_SECONDS=5
step crash make crash
step model tests/stress/model.sh
step install tests/install.sh
step fuzz make fuzz FUZZ_SECONDS="${FUZZ_SECONDS:-40}"
step system make system
step storm make storm
step kills make kills
step demo tests/demo.sh
if [ "$names" ]; then
	echo "what failed:$names"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
