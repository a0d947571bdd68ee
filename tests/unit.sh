#!/usr/bin/env bash
# unit.sh PROGRAM... - run unit tests, each a program of its own, two at a time, and say how it went
#
# A line per program, the output of those that failed, and at the end "N passed, N failed" where N counts programs.
# A program that takes longer than five minutes has failed.
set -euo pipefail
source "$(dirname "$0")/pool.sh"

passed=0 failed=0

one()
{
	exec timeout 300 "$1"
}

told()
{
	if [ "$2" = 0 ]; then
		passed=$((passed + 1))
		echo "ok ${1##*/} ($(grep -c '^\[       OK' "$3" || true) tests)"
	else
		failed=$((failed + 1))
		cat "$3"
		echo "FAILED ${1##*/}"
	fi
}

pool 2 "$@"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
