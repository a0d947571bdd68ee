#!/usr/bin/env bash
# threads.sh PROGRAM [SECONDS] - do the owners and readers of the table race? And would we be told?
#
# PROGRAM is threads.c, built with ThreadSanitizer. After it come mutants, each a copy of the sources with one sed script
# applied to one file, all of which ThreadSanitizer must report.
set -euo pipefail

program=$1 seconds=${2:-10}
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# watched PROGRAM SECONDS - run it; its exit status is 66 when there was a race
watched()
{
	local rc=0

	TSAN_OPTIONS='exitcode=66 halt_on_error=1 history_size=4' timeout 300 "$@" >"$work/out" 2>&1 || rc=$?
	return $rc
}

# mutant NAME FILE SED-SCRIPT
mutant()
{
	local name=$1 file=$2 dir=$work/$1 rc=0

	mkdir -p "$dir"
	cp -r shm worker ctl supervisor tests "$dir"
	sed -i "$3" "$dir/$file"
	if cmp -s "$file" "$dir/$file"; then
		echo "FAILED $name: its sed script does not match $file any more"
		failed=$((failed + 1))
		return
	fi
	clang -std=c17 -D_GNU_SOURCE -DATOMIC_C11 -O1 -g -fsanitize=thread -w -iquote "$dir" -pthread -o "$dir/threads" \
		"$dir"/tests/stress/threads.c "$dir"/worker/scrub.c "$dir"/ctl/{scan,view}.c "$dir"/shm/*.c "$dir"/worker/xlat/*.c
	watched "$dir/threads" 5 || rc=$?
	if [ $rc = 66 ]; then
		echo "ok $name: $(grep -m 1 'SUMMARY' "$work/out" | sed "s,$work/$name/,,")"
		passed=$((passed + 1))
	else
		echo "FAILED $name: not reported: $(tail -1 "$work/out")"
		failed=$((failed + 1))
	fi
	rm -rf "$dir"
}

if watched "$program" "$seconds"; then
	echo "ok $(cat "$work/out")"
	passed=$((passed + 1))
else
	cat "$work/out"
	echo "FAILED ${program##*/}"
	failed=$((failed + 1))
fi
mutant head-is-a-plain-word shm/ring.c 's/atomic_store_32(r->head, ++r->mine);/*r->head = ++r->mine;/'
mutant reader-copies-plainly shm/record.c 's/atomic_read_words(copy, r, RECORD_WORDS);/memcpy(copy, r, sizeof(*copy));/'
mutant nobody-asks-who-owns worker/xlat/expire.c 's/if (atomic_load_8(&n->owners->worker\[n->hand_shard\]) != n->worker)/if (0)/'
echo "$passed passed, $failed failed"
[ $failed = 0 ]
