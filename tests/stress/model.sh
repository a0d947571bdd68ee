#!/usr/bin/env bash
# model.sh - Spin explores the shard's protocol (shard.pml) completely and finds nothing; every broken variant it refutes
set -euo pipefail

model=$(cd "$(dirname "$0")" && pwd)/shard.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
passed=0 failed=0

# explore FLAG... - build and run the model; what Spin says goes to $work/said
explore()
{
	spin -a "$@" "$model" >"$work/said" 2>&1
	gcc -O2 -w -DSAFETY -o pan pan.c
	./pan -m100000 >"$work/said" 2>&1 || true
	! grep -q 'max search depth too small\|out of memory' "$work/said"
}

verdict()
{
	if [ "$2" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $1: $(sed -n 's/^ *\([0-9.e+]*\) \(transitions\).*/\1 \2/p' "$work/said")"
	else
		failed=$((failed + 1))
		cat "$work/said"
		echo "FAILED $1"
	fi
}

rc=0
explore && grep -q 'errors: 0$' "$work/said" || rc=1
verdict 'the protocol, two deaths anywhere, recovery too' $rc
for broken in SUSPICION NO_LOG CLEAR_FIRST RELATIVE SMALL_GEN; do
	turns=3
	[ $broken = SUSPICION ] && turns=1
	rc=0
	explore -D$broken -DTURNS=$turns && grep -q 'assertion violated' "$work/said" || rc=1
	verdict "$broken is refuted" $rc
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
