#!/usr/bin/env bash
# symbols.sh OBJECT... - an exported symbol starts with the name of its file
#
# So whoever sees record_find() knows that it is in record.c. main and the library's public nat64_ are exceptions, and
# so is a table's own name (counters.c may export counters_info). The file's name may lose a plural s.
set -euo pipefail

rc=0
for object; do
	base=$(basename "$object" .o)
	for symbol in $(nm -g --defined-only "$object" | awk 'NF == 3 { print $3 }'); do
		case $symbol in
		main | nat64_* | "$base" | "$base"_* | "${base%s}"_*) ;;
		__asan_* | __odr_asan* | __tsan_* | __sancov_*) ;;
		*)
			echo "$object: $symbol does not start with ${base}_"
			rc=1
			;;
		esac
	done
done
[ $rc = 0 ] && echo "symbols: every exported name starts with its file's"
exit $rc
