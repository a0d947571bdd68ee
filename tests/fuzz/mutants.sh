#!/usr/bin/env bash
# mutants.sh [SECONDS] - is fuzz_region able to fail? Each mutant does not look at one number before it follows it
#
# A mutant is a copy of the sources with one sed script applied to one file; the fuzzer has that long to find it out.
set -euo pipefail

cd "$(dirname "$0")/../.."
seconds=${1:-120}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# mutant NAME FILE SED-SCRIPT
mutant()
{
	local name=$1 file=$2 program=build-fuzz-clang/tests/fuzz/fuzz_region

	cp "$file" "$work/tree/$file"
	sed -i "$3" "$work/tree/$file"
	if cmp -s "$file" "$work/tree/$file"; then
		echo "FAILED $name: its sed script does not match $file any more"
		failed=$((failed + 1))
		return
	fi
	make -C "$work/tree" -s -j2 CC=clang SAN=fuzz CFLAGS=-Wno-error $program >"$work/log" 2>&1 ||
		{ tail -5 "$work/log"; exit 1; }
	if "$work/tree/$program" -max_total_time="$seconds" -timeout=5 -len_control=0 -max_len=500 -artifact_prefix="$work/" \
		"$work/tree/tests/fuzz/corpus/region" >"$work/log" 2>&1; then
		echo "FAILED $name: not found in $seconds s"
		failed=$((failed + 1))
	else
		echo "ok $name: $(grep -m 1 -o 'ERROR: .*' "$work/log" | cut -c 1-70)"
		passed=$((passed + 1))
	fi
	cp "$file" "$work/tree/$file"
}

mkdir "$work/tree"
cp -r GNUmakefile shm worker ctl supervisor tests "$work/tree"
mutant intent shm/shard.c 's/^\tif (plausible(s, in))$/\tif (plausible(s, in) || 1)/'
mutant binding-of-index shm/record.c 's/^\t\tif (slot >= s->l->slots)$/\t\tif (0)/'
mutant slot-of-session ctl/scan.c 's/return slot < sc->l->slots && read_record/return read_record/'
mutant session-of-clock-hand worker/xlat/expire.c 's/^\t\tif (slot >= s->l->slots || /\t\tif (/'
mutant packet-in-hand worker/inflight.c 's/else if (len <= f->packet_size)/else if (len > 0)/'
mutant packet-of-ring shm/ring.c 's/^\tif (len > r->packet_size)$/\tif (0)/'
mutant evidence supervisor/evidence.c 's/ || slot.len > l->g.packet_size || slot.len > sizeof(evidence_packet)//'
mutant cell-of-audit shm/audit.c 's/^\tif (slot >= s->l->slots || !record_live(s, slot)) {/\tif (!record_live(s, slot)) {/'
echo "$passed passed, $failed failed"
[ $failed = 0 ]
