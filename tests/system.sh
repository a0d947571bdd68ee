#!/usr/bin/env bash
# system.sh [SCRIPT...] - run system tests, by default all in their order, and say how many checks passed
#
# Every script raises its own network namespaces and removes them. A script that ends badly without naming a failed
# check counts as one. The last line is "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT
if [ $# = 0 ]; then
	set -- tests/system/*.sh
fi
for script; do
	echo "== ${script##*/}"
	rc=0
	timeout --foreground -k 20 300 "$script" 2>&1 </dev/null | tee "$out" | sed '/^[0-9]* passed, [0-9]* failed$/d' || rc=$?
	good=$(grep -c '^ok ' "$out" || true)
	bad=$(grep -c '^FAILED ' "$out" || true)
	if [ "$rc" != 0 ] && [ "$bad" = 0 ]; then
		echo "FAILED ${script##*/}: ended with status $rc"
		bad=1
	elif [ "$rc" = 0 ] && [ "$good" = 0 ] && [ "$bad" = 0 ]; then
		echo "ok ${script##*/}"
		good=1
	fi
	passed=$((passed + good)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
