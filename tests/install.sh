#!/usr/bin/env bash
# install.sh - what `make install` lays down is complete: programs where they belong, and a library others can use
#
# Builds a small program with nothing but the installed header, libraries and nat64.pc, static and shared, and starts
# the installed programs. It touches nothing outside a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
make --no-print-directory install DESTDIR="$root" B="${B:-build}" >"$root/log"

for file in sbin/nat64d libexec/nat64/nat64-worker libexec/nat64/nat64-ctld bin/nat64ctl lib/libnat64.a \
	lib/libnat64.so.0 lib/systemd/system/nat64d.service; do
	[ -s "$root/usr/$file" ] || { echo "$file is not installed"; exit 1; }
done
cmp nat64.ini "$root/etc/nat64.ini"
"$root/usr/sbin/nat64d" --version
"$root/usr/bin/nat64ctl" --help >/dev/null

# The unit starts what was installed, and allows nat64d the capabilities that caps.h lists, but for two that may be missing.
unit=$root/usr/lib/systemd/system/nat64d.service
[ -x "$root$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")" ]
diff <(sed -n 's/^CapabilityBoundingSet=//p' "$unit" | tr ' ' '\n' | sort) \
	<(sed -n 's/^[[:blank:]]*CAP(\(CAP_[A-Z_]*\),.*/\1/p' supervisor/caps.h | grep -v 'SYS_PTRACE\|DAC_READ' | sort)
sed "s,=/usr/sbin,=$root/usr/sbin," "$unit" >"$root/nat64d.service"
# docs/PRIVSEP.md says why it cannot score much better; nobody shall make it worse unnoticed.
systemd-analyze security --offline=true --no-pager --threshold=38 "$root/nat64d.service" | tail -1
systemd-analyze verify --man=no "$root/nat64d.service" 2>&1 | { ! grep nat64d.service || exit 1; }

cat >"$root/use.c" <<'END'
#include <worker/xlat/nat64.h>

int main(void)
{
	static struct nat64 n;
	static struct config_tenant config;

	nat64_configure(&n, &config);
	return 0;
}
END
export PKG_CONFIG_PATH=$root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root
read -r -a cflags < <(pkg-config --cflags nat64 | sed "s,-I$root/usr/include/ck,,")
read -r -a libs < <(pkg-config --libs-only-L --libs-only-l nat64)
gcc -o "$root/shared" "$root/use.c" "${cflags[@]}" "${libs[@]}"
LD_LIBRARY_PATH=$root/usr/lib "$root/shared"
gcc -o "$root/static" "$root/use.c" "${cflags[@]}" "$root/usr/lib/libnat64.a"
"$root/static"
echo "ok install"
