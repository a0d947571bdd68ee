#!/usr/bin/env bash
# pure.sh LIBRARY... - libnat64 asks the world for nothing but memory copies
#
# Reads the undefined symbols of an archive or a shared library, leaves out what the library defines itself, and fails
# on anything but the memory functions, what the compiler's hardening adds to them, and the sanitizers' runtime.
# __assert_fail is our own dying word: assert stays in release builds.
set -euo pipefail

rc=0
for lib; do
	case $lib in *.so*) table=-D ;; *) table= ;; esac
	defined=$(nm $table --defined-only "$lib" | awk 'NF == 3 { print $3 }')
	for symbol in $(nm $table -u "$lib" | awk '$1 == "U" || $1 == "w" { sub("@.*", "", $2); print $2 }' | sort -u); do
		case $symbol in
		memcpy | memset | memmove | memcmp | bcmp | strlen | strcmp | strnlen) ;;
		__popcountdi2) ;; # arithmetic, from the compiler's own library
		__memcpy_chk | __memset_chk | __memmove_chk | __stack_chk_fail | __assert_fail) ;;
		_GLOBAL_OFFSET_TABLE_ | _ITM_* | __gmon_start__ | __cxa_finalize) ;;
		__asan_* | __ubsan_* | __tsan_* | __sanitizer_* | __sancov_*) ;;
		*)
			if ! grep -qx -- "$symbol" <<<"$defined"; then
				echo "$lib: needs $symbol"
				rc=1
			fi
			;;
		esac
	done
done
[ $rc = 0 ] && echo "pure: $* need only memory copies"
exit $rc
