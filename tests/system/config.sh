#!/usr/bin/env bash
# config.sh - every wrong configuration is refused, in exactly the words that tests/bad-config/NAME.txt has for NAME.ini
#
# Besides: the reference file is accepted, what --print-config prints reads back to the same, and --check needs no
# rights. Makes no namespace and starts no gateway. To take over changed words: config.sh --accept, then read the diff.
set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
B=$(cd "$top" && realpath "${B:-build}")
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
passed=0 failed=0

say()
{
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $2"
	else
		failed=$((failed + 1))
		echo "FAILED $2"
		cat "$T/out"
	fi
}

# refused NAME - status 2, nothing on stdout, and the known words on stderr
refused()
{
	local rc=0

	"$B/nat64d" -c "$1.ini" --check >"$T/stdout" 2>"$T/said" || rc=$?
	{
		[ $rc = 2 ] || echo "exit status $rc"
		cat "$T/stdout"
		diff "$1.txt" "$T/said"
	} >"$T/out" 2>&1
	[ $rc = 2 ] && [ ! -s "$T/stdout" ] && [ ! -s "$T/out" ]
}

# round NAME - print it, read that, print it again
round()
{
	"$B/nat64d" -c "$1" --check >"$T/out" 2>&1 || return 1
	"$B/nat64d" -c "$1" --print-config >"$T/once.ini" 2>"$T/out" || return 1
	"$B/nat64d" -c "$T/once.ini" --print-config >"$T/twice.ini" 2>"$T/out" || return 1
	diff "$T/once.ini" "$T/twice.ini" >"$T/out"
}

# endless - a device is refused by its length; so is a directory
endless()
{
	local rc=0

	timeout 20 "$B/nat64d" -c /dev/zero --check 2>"$T/out" || rc=$?
	[ $rc = 2 ] && grep -qx '/dev/zero: is longer than 16 MB, so it is no configuration' "$T/out" || return 1
	"$B/nat64d" -c / --check 2>"$T/out" && return 1
	grep -q '^/: cannot be read' "$T/out"
}

usage()
{
	local rc=0

	"$B/nat64d" "$@" >"$T/stdout" 2>"$T/out" || rc=$?
	[ $rc = 2 ] && grep -q '^Usage: nat64d' "$T/out" && [ ! -s "$T/stdout" ]
}

cd "$top/tests/bad-config"
if [ "${1-}" = --accept ]; then
	for file in *.ini; do
		"$B/nat64d" -c "$file" --check 2>"${file%.ini}.txt" || true
	done
	exit
fi
for file in *.ini; do
	rc=0
	refused "${file%.ini}" || rc=$?
	say $rc "refused: ${file%.ini}"
done

rc=0; round "$top/nat64.ini" || rc=$?; say $rc 'the reference file'
for file in ../good-config/*.ini; do
	rc=0; round "$file" || rc=$?; say $rc "accepted: $(basename "$file" .ini)"
done
rc=0; endless || rc=$?; say $rc 'a device, a directory'
rc=0; usage --no-such-option || rc=$?; say $rc 'an unknown option'
rc=0; usage || rc=$?; say $rc 'no file'
rc=0; usage -c nat64.ini word || rc=$?; say $rc 'an argument too many'
rc=0
chmod 755 "$T"
cp "$top/nat64.ini" "$B/nat64d" "$T/"
chmod 644 "$T/nat64.ini"
setpriv --reuid 65534 --regid 65534 --clear-groups "$T/nat64d" -c "$T/nat64.ini" --check >"$T/out" 2>&1 || rc=$?
say $rc 'checking needs no rights'
echo "$passed passed, $failed failed"
[ $failed = 0 ]
