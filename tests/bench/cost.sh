#!/usr/bin/env bash
# cost.sh [ROUNDS] - what of a worker's loop its safety costs: redo log, packets in hand, audit, verdicts, sandbox, all together
#
# The same loop is built as it is, without the first three, which are what survives a death: changes are applied without an
# intent, no packet is kept for a successor, nothing is audited; and without the five: no verdict is counted either, and system
# calls pass no filter. They run in turns, and each round gives one ratio, so that a machine that is busy for a while slows
# all of them down.
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=${1:-15}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# built NAME DIR WORD... - the words are for the compiler
built()
{
	gcc -std=c17 -D_GNU_SOURCE -DNAT64_VERSION='"bench"' -O2 -w "${@:3}" -iquote "$2" -o "$work/$1" \
		"$2"/tests/bench/bench_loop.c "$2"/worker/{loop,gro,handoff,inflight,scrub,doors}.c "$2"/supervisor/birth/*.c \
		"$2"/shm/*.c "$2"/worker/xlat/*.c -lseccomp -lcap-ng
}

# without FILE SED-SCRIPT - in the copy; it must change something
without()
{
	sed -i "$2" "$work/tree/$1"
	! cmp -s "$1" "$work/tree/$1" || { echo "cost.sh: its sed script does not match $1 any more" >&2; exit 1; }
}

mkdir "$work/tree"
cp -r shm worker supervisor tests "$work/tree"
without shm/shard.c '/^shard_commit_owner/,/^}/{/memcpy\|atomic_store/d;s/apply(s, in, effects)/apply(s, after, effects)/}'
without worker/loop.c '/^\tinflight_\(hold\|done\)(/d;s/scrubs = scrub_turn(.*/scrubs = false;/'
built mortal "$work/tree" -DSAFE
without worker/loop.c '/^count(const/,/^}/s/^{/{\n\treturn;/'
built without "$work/tree"
built with . -DSAFE
# compare WHAT OTHER PROMISE [bare]
compare()
{
	for ((i = 0; i < rounds; i++)); do
		echo "$("$work/with" 400000 "${@:4}") $("$work/$2" 400000 "${@:4}")"
	done >"$work/pairs"
	python3 - "$work/pairs" "$1" "$3" <<-'END'
		import statistics, sys
		pairs = [tuple(map(float, line.split())) for line in open(sys.argv[1])]
		cost = sorted(100 * (a / b - 1) for a, b in pairs)
		ns = statistics.median(a for a, b in pairs), statistics.median(b for a, b in pairs)
		print(f"{sys.argv[2]}: {ns[0]:.1f} ns a packet with all of its safety, {ns[1]:.1f} without: "
		      f"{statistics.median(cost):.1f} % ({cost[0]:.1f} to {cost[-1]:.1f}, {len(cost)} rounds)   {sys.argv[3]}")
	END
}

compare 'loop with system calls' without 'promised: <= 5 %'
compare 'loop without system calls' without '' bare
compare 'what survives a death, loop with system calls' mortal 'promised: < 5 %'
