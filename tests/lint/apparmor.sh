#!/usr/bin/env bash
# apparmor.sh - the AppArmor profile is one that its parser takes, and has the capabilities of supervisor/caps.h
set -euo pipefail

profile=$(mktemp)
trap 'rm -f "$profile"' EXIT
sed 's,@PREFIX@,/usr,g' packaging/nat64d.apparmor >"$profile"
/usr/sbin/apparmor_parser --skip-kernel-load --skip-cache --quiet "$profile" 2>&1
diff <(sed -n 's/^ *capability \(.*\),$/CAP_\U\1/p' "$profile" | sort) \
	<(sed -n 's/^[[:blank:]]*CAP(\(CAP_[A-Z_]*\),.*/\1/p' supervisor/caps.h | sort)
echo "apparmor: the profile parses, and has the capabilities of caps.h"
