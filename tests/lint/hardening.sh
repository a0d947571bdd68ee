#!/usr/bin/env bash
# hardening.sh BUILD - the programs are what their build flags promised
#
# Each program: position independent, RELRO with immediate binding, a stack that cannot run, marks for indirect branch
# tracking, stack protector. nat64d and nat64-ctld, which print and parse text, also call the checking
# variants of FORTIFY; a worker calls no function that has one.
set -euo pipefail

rc=0
wrong()
{
	echo "$1: $2"
	rc=1
}

for program in nat64d nat64-worker nat64-ctld nat64ctl; do
	elf=$(readelf --wide -h -l -d -s "$1/$program")
	has()
	{
		grep -Eq -- "$1" <<<"$elf"
	}
	has 'Flags: .*PIE' || wrong $program "is not position independent"
	has 'Flags: NOW' || wrong $program "binds lazily"
	has 'GNU_RELRO' || wrong $program "has no RELRO"
	has 'GNU_STACK .* RW +0x' || wrong $program "has an executable stack"
	! has ' RWE ' || wrong $program "has a segment that is writable and executable"
	objdump --disassemble=main "$1/$program" | grep -c endbr64 >/dev/null || wrong $program "has no control flow protection"
	has '__stack_chk_fail' || wrong $program "has no stack protector"
	case $program in
	nat64d | nat64-ctld) has '__[a-z]+_chk@' || wrong $program "is built without FORTIFY" ;;
	esac
done
[ $rc = 0 ] && echo "hardening: PIE, RELRO, NOW, NX, IBT, stack protector, FORTIFY"
exit $rc
