#!/usr/bin/env bash
# tidy.sh [FILE...] - clang-tidy, by default over every .c of the rooms; the checks and their reasons are in .clang-tidy
#
# One file per process: the analyzer of clang 14 reports false va_list errors for the second file of a process.
set -euo pipefail

if [ $# = 0 ]; then
	mapfile -t files < <(find shm worker supervisor ctl -name '*.c' | sort)
	set -- "${files[@]}"
fi
out=$(printf '%s\n' "$@" | xargs -P 2 -n 1 sh -c 'clang-tidy --quiet --warnings-as-errors="*" "$@" -- -std=c17 \
	-D_GNU_SOURCE -DNAT64_VERSION="\"0\"" -iquote . -Wall -Wextra 2>/dev/null' sh 2>&1) || {
	echo "$out"
	exit 1
}
echo "tidy: $# files, nothing found"
