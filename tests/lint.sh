#!/usr/bin/env bash
# lint.sh BUILD - run every lint over the tree and over what was built in BUILD; "N passed, N failed" at the end
set -euo pipefail
cd "$(dirname "$0")/.."

build=$1
passed=0 failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

lint()
{
	if "tests/lint/$1" "${@:2}" >"$out" 2>&1; then
		passed=$((passed + 1))
		echo "ok $(tail -1 "$out")"
	else
		failed=$((failed + 1))
		cat "$out"
		echo "FAILED ${1%.*}"
	fi
}

mapfile -t objects < <(find "$build"/{shm,worker,supervisor,ctl} -name '*.o' | sort)
lint rooms.py
lint text.py
lint sizes.py
lint mirror.py
lint names.py
lint rfc.py
lint symbols.sh "${objects[@]}"
lint pure.sh "$build/libnat64.a" "$build/libnat64.so"
lint needed.sh "$build"
lint hardening.sh "$build"
lint reference.sh "$build"
lint apparmor.sh
lint mistakes.sh
lint shell.sh
lint cppcheck.sh
lint tidy.sh
lint selftest.sh "$build"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
