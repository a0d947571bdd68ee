#!/usr/bin/env bash
# system.sh [SCRIPT...] - run system tests, by default all of them, and say how many checks passed
#
# Every script raises its own network namespaces and removes them, so two run at a time; those that need the machine for
# themselves, because they measure or race, say so in a line "# alone: WHY" and come last. A script that ends badly without
# naming a failed check counts as one. The last line is "N passed, N failed".
set -euo pipefail
source "$(dirname "$0")/pool.sh"
cd "$(dirname "$0")/.."

passed=0 failed=0

one()
{
	exec timeout --foreground -k 20 600 "$1"
}

told()
{
	local good bad

	echo "== ${1##*/}, $4 s"
	sed '/^[0-9]* passed, [0-9]* failed$/d' "$3"
	good=$(grep -c '^ok ' "$3" || true)
	bad=$(grep -c '^FAILED ' "$3" || true)
	if [ "$2" != 0 ] && [ "$bad" = 0 ]; then
		echo "FAILED ${1##*/}: ended with status $2"
		bad=1
	elif [ "$2" = 0 ] && [ "$good" = 0 ] && [ "$bad" = 0 ]; then
		echo "ok ${1##*/}"
		good=1
	fi
	passed=$((passed + good)) failed=$((failed + bad))
}

if [ $# = 0 ]; then
	set -- tests/system/*.sh
fi
mapfile -t alone < <(grep -l '^# alone: ' "$@")
mapfile -t beside < <(grep -L '^# alone: ' "$@")
pool 2 "${beside[@]}"
pool 1 "${alone[@]}"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
