#!/usr/bin/env bash
# needed.sh BUILD - each program is linked with exactly the libraries it is known to need
#
# A library that appears in a program is attack surface and a package dependency; one that disappears is a line to
# remove here. Compares readelf -d with the list below (libc is understood).
set -euo pipefail

rc=0
while read -r program want; do
	have=$(readelf -d "$1/$program" | sed -n '/\[libc\./d; s/.*(NEEDED).*\[\(.*\)\.so.*/\1/p' | sort | xargs)
	if [ "$have" != "$want" ]; then
		echo "$program: needs <$have>, expected <$want>"
		rc=1
	fi
done <<'END'
nat64d libcap-ng libinih libmnl libseccomp
nat64-worker libcap-ng libseccomp
nat64-ctld libcap-ng libjansson libmicrohttpd libseccomp
nat64ctl
libnat64.so
END
[ $rc = 0 ] && echo "needed: every program has exactly its libraries"
exit $rc
