#!/usr/bin/env bash
# mistakes.sh - each mistake that a mutants.sh makes can still be made: its sed script changes its file
#
# Whether it is caught takes most of an hour to find out, so only `make stress` does. The code moves on in between, and a
# script that finds its line no more proves nothing.
set -euo pipefail

rc=0 mistakes=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for script in tests/*/mutants.sh; do
	if ! MATCH=1 "$script" >"$out" 2>&1; then
		echo "$script"
		grep -v '^ok' "$out"
		rc=1
	fi
	mistakes=$((mistakes + $(grep -c '^ok' "$out" || true)))
done
echo "mistakes: $mistakes can be made"
exit $rc
