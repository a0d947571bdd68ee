#!/usr/bin/env bash
# mutants.sh - are the tests of the system call filters able to fail? Each mutant leaves one row or one look out
#
# First each row of what nat64d is denied: it stays in the list, so that it is counted, but waits for an argument that never
# comes. Then how rows become filters. Which rows may not be left out of the lists of what is allowed, 152-filter-rows says.
source "$(dirname "$0")/../mutants.sh"

# caught [TEST] - the unit test does not pass any more
caught()
{
	local test=build/tests/unit/${1:-test_calls}

	make -C "$work/tree" -s -j2 CFLAGS=-Wno-error "$test" >"$work/log" 2>&1 || { tail -5 "$work/log" >&2; return 2; }
	if "$work/tree/$test" >"$work/log" 2>&1; then
		return 1
	fi
	sed -n 's/^.*ERROR: *\([^:]*: [^:]*\)$/\1/p; s/^.*ERROR[] ]*--- *\([^[]*[^[ ]\).*/\1/p' "$work/log" | head -1
}

sound
while IFS=: read -r line row; do
	mutant "$(tr -cs 'A-Za-z0-9_\n' - <<<"${row%%, \"*}")" supervisor/syscalls.def \
		"${line}s/^DENY[A-Z_]*(\([a-z_0-9]*\),.*\(\"[^\"]*\"\))/DENY_IS(\1, 5, 0xabcdef, \2)/"
done < <(grep -n '^DENY' supervisor/syscalls.def | sed 's/:DENY[A-Z_]*(/:/')
mutant row-gone supervisor/syscalls.def '/^DENY(keyctl,/d'
mutant row-twice supervisor/syscalls.def '/^DENY(keyctl,/{p;}'
other_machines='s/\(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_\)KILL_PROCESS/\1ALLOW/'
mutant deny-other-machines supervisor/calls.c "$other_machines"
mutant deny-low-half-of-above supervisor/calls.c 's/arg.op = SCMP_CMP_GT;/;/'
mutant deny-any-bit supervisor/calls.c 's/\.datum_b = row->value/.datum_b = 1/'
mutant reader-lives-on supervisor/calls.c '/^calls_reader/,/^}/{s/SCMP_ACT_KILL_PROCESS/SCMP_ACT_ALLOW/}'
mutant version-kept supervisor/calls.h 's/CALLS_VERSION [0-9]*/CALLS_VERSION 1/'
for test in test_ctl_doors test_sandbox; do
	mutant "$test-upper-half" supervisor/birth/birth.c 's/UINT64_C(0xffffffff00000000) | //' $test
	mutant "$test-other-machines" supervisor/birth/birth.c "$other_machines" $test
	mutant "$test-any-argument" supervisor/birth/birth.c 's/calls\[i\]\.arg >= 0 ? 1 : 0/0/' $test
	mutant "$test-refused-only" supervisor/birth/birth.c 's/init(SCMP_ACT_KILL_PROCESS)/init(SCMP_ACT_ERRNO(1))/' $test
done
finish
