# shellcheck shell=bash
# mutants.sh - what the scripts stand on that ask whether a proof is able to fail
#
# A mutant is a copy of the sources, $work/tree, with one sed script applied to one file. Who sources this defines
# caught [ARGUMENT...]: build what is in the copy and put the proof to it. It succeeds, and says on one line how, when the
# mistake was found; it returns 1 when it was not, and 2 when the copy cannot be built. With MATCH=1 nothing is built: a
# mutant passes when its script still changes its file.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
mkdir "$work/tree"
[ "${MATCH-}" ] || cp -r GNUmakefile shm worker ctl supervisor tests "$work/tree"

# mutant NAME FILE SED-SCRIPT [ARGUMENT...] - a mistake that must be caught; the arguments are for caught. A script that
# changes nothing is a failure too: the code has moved on.
mutant()
{
	local name=$1 file=$2 after said='' rc=0

	if ! after=$(sed "$3" "$file") || [ "$after" = "$(<"$file")" ]; then
		rc=3
	elif [ "${MATCH-}" ]; then
		said='its sed script matches'
	else
		printf '%s\n' "$after" >"$work/tree/$file"
		said=$(caught "${@:4}") || rc=$?
		cp "$file" "$work/tree/$file"
	fi
	if [ $rc = 0 ]; then
		passed=$((passed + 1))
		echo "ok $name: $said"
		return
	fi
	failed=$((failed + 1))
	case $rc in
	1) echo "FAILED $name: not found" ;;
	2) echo "FAILED $name: it cannot be built" ;;
	*) echo "FAILED $name: its sed script does not match $file any more" ;;
	esac
}

# sound - nothing is found in the copy as it is; else nothing that follows would prove anything
sound()
{
	local rc=0

	[ -z "${MATCH-}" ] || return 0
	caught || rc=$?
	if [ $rc != 1 ]; then
		tail -5 "$work/log"
		echo 'FAILED without a mutation: nothing that follows would prove anything'
		exit 1
	fi
}

# finish - the last line of such a script
finish()
{
	echo "$passed passed, $failed failed"
	[ $failed = 0 ]
}
