#!/usr/bin/env bash
# unit.sh PROGRAM... - run unit tests, each a program of its own, and say how it went
#
# A line per program, the output of those that failed, and at the end "N passed, N failed" where N counts programs.
# A program that takes longer than five minutes has failed.
set -euo pipefail

passed=0 failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for program; do
	if timeout 300 "$program" >"$out" 2>&1; then
		passed=$((passed + 1))
		echo "ok ${program##*/} ($(grep -c '^\[       OK' "$out" || true) tests)"
	else
		failed=$((failed + 1))
		cat "$out"
		echo "FAILED ${program##*/}"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
