#!/usr/bin/env bash
# mutants.sh [SECONDS] - is fuzz_region able to fail? Each mutant does not look at one number before it follows it
#
# The fuzzer has that long to find it out.
source "$(dirname "$0")/../mutants.sh"

seconds=${1:-120}
program=build-fuzz-clang/tests/fuzz/fuzz_region

caught()
{
	make -C "$work/tree" -s -j2 CC=clang SAN=fuzz CFLAGS=-Wno-error $program >"$work/log" 2>&1 ||
		{ tail -5 "$work/log" >&2; return 2; }
	if "$work/tree/$program" -max_total_time="$seconds" -timeout=5 -len_control=0 -max_len=500 -artifact_prefix="$work/" \
		"$work/tree/tests/fuzz/corpus/region" >"$work/log" 2>&1; then
		return 1
	fi
	grep -m 1 -o 'ERROR: .*' "$work/log" | cut -c 1-70
}

mutant intent shm/shard.c 's/^\tif (plausible(s, in))$/\tif (plausible(s, in) || 1)/'
mutant binding-of-index shm/record.c 's/^\t\tif (slot >= s->l->slots)$/\t\tif (0)/'
mutant slot-of-session ctl/scan.c 's/return slot < sc->l->slots && read_record/return read_record/'
mutant session-of-clock-hand worker/xlat/expire.c 's/gone = slot >= s->l->slots || /gone = /'
mutant packet-in-hand worker/inflight.c 's/else if (len <= f->buffer_size)/else if (len > 0)/'
mutant packet-of-ring shm/ring.c 's/^\tif (len > r->packet_size)$/\tif (0)/'
mutant evidence supervisor/evidence.c 's/ || slot.len > l->buffer_size || slot.len > sizeof(evidence_packet)//'
mutant cell-of-audit shm/audit.c 's/^\tif (slot >= s->l->slots || !record_live(s, slot)) {/\tif (!record_live(s, slot)) {/'
finish
