#!/usr/bin/env bash
# cppcheck.sh [FILE...] - cppcheck over the rooms; what it may not say, and why, is in cppcheck.suppressions
set -euo pipefail

if [ $# = 0 ]; then
	set -- shm worker supervisor ctl
fi
cppcheck --quiet -j 2 --std=c11 --enable=warning,performance,portability --inconclusive --error-exitcode=1 \
	--suppressions-list=tests/lint/cppcheck.suppressions -D_GNU_SOURCE -DATOMIC_C11 '-DNAT64_VERSION="0"' -I . "$@"
echo "cppcheck: nothing found"
