#!/usr/bin/env bash
# 157-unit.sh - what packaging/nat64d.service takes away, nat64d can do without: start, packets, reload, a death, an upgrade
#
# systemd does not run here. So of the unit are reproduced: the bounding set, NoNewPrivileges, SystemCallFilter,
# RestrictAddressFamilies, RestrictNamespaces=~user, MemoryDenyWriteExecute and, by a mount namespace, ProtectSystem with its
# writable directories, ProtectHome, PrivateTmp, ProtectKernelTunables and, where there is a hierarchy to write to,
# ProtectControlGroups with the one cgroup that Delegate and ReadWritePaths leave. Not reproduced: DevicePolicy, ProtectClock
# and the other Protect* lines, whose system calls and capabilities are among those that are. 159-systemd has systemd itself.
source "$(dirname "$0")/../lib.sh"

unit=$top/packaging/nat64d.service
build=$B

value()
{
	sed -n "s/^$1=//p" "$unit" | xargs
}

# calls WORD... - the system calls in these groups and names
calls()
{
	local word

	for word in "$@"; do
		case $word in
		@*)
			# shellcheck disable=SC2046 # words are what it takes
			calls $(systemd-analyze --no-pager syscall-filter "$word" | sed '1d; /^ *#/d') ;;
		*) echo "$word" ;;
		esac
	done
}

# confinement - $T/list for confined.c, from the unit: what lines with ~ refuse, less what lines without it give back
confinement()
{
	# shellcheck disable=SC2046 # likewise
	calls $(sed -n 's/^SystemCallFilter=~//p' "$unit") | sort -u >"$T/refused"
	# shellcheck disable=SC2046
	calls $(sed -n 's/^SystemCallFilter=\([^~]\)/\1/p' "$unit") | sort -u >"$T/given"
	comm -23 "$T/refused" "$T/given" >"$T/list"
	[ "$(wc -l <"$T/list")" -gt 90 ]
	grep -qx mount "$T/given"
	sed 's/ /\n/g; s/AF_UNIX/family=1/; s/AF_INET6/family=10/; s/AF_INET/family=2/; s/AF_NETLINK/family=16/' \
		<<<"$(value RestrictAddressFamilies)" >>"$T/list"
	[ "$(grep -c '^family=[0-9]*$' "$T/list")" = 4 ]
}

# bounding - the capabilities, as setpriv takes them
bounding()
{
	value CapabilityBoundingSet | tr 'A-Z ' 'a-z\n' | sed 's/^cap_/+/' | xargs | tr ' ' ','
}

# delegated - of the cgroups only ours can be written to, and nat64d is in it
delegated()
{
	mount_cgroups
	cat <<-END
		echo 0 >/sys/fs/cgroup/n64t-$$/cgroup.procs && mount -o bind /sys/fs/cgroup/n64t-$$ /sys/fs/cgroup/n64t-$$ &&
		mount -o remount,ro,bind /sys/fs/cgroup || exit 126
	END
}

# bounded - that is how it is: tenants have cgroups, but there can be none beside nat64d's
bounded()
{
	local pid

	pid=$(cat "$T/nat64d.pid")
	ctl --json show tenants | pick "d['tenants'][0]['cgroup']" | grep -x 'on\|partial'
	grep -q . "$G/tenant-lab/cgroup.procs"
	exits 1 nsenter -t "$pid" -m mkdir "/sys/fs/cgroup/n64t-$$-x"
	grep 'Read-only' "$T/said"
	grep -qx 'Delegate=cpu memory pids' "$unit"
	grep -qx 'ProtectControlGroups=yes' "$unit"
	grep -qx 'ReadWritePaths=-/sys/fs/cgroup/system.slice/%n' "$unit"
}

# as_in_the_unit [G] - B has a nat64d that runs like that, in a cgroup of its own
as_in_the_unit()
{
	mkdir "$T/bin"
	ln -s "$build/nat64ctl" "$T/bin/nat64ctl"
	cat >"$T/bin/nat64d" <<-END
		#!/bin/sh
		exec unshare -m sh -c '
			mount --make-rprivate / || exit 126
			${1+$(delegated)}
			mount -o bind $T $T && mount -o bind $build $build &&
			mount -o remount,ro,bind / && mount -t tmpfs none /home && mount -t tmpfs none /root || exit 126
			mount -o bind /proc/sys /proc/sys && mount -o bind /proc/sys/net /proc/sys/net || exit 126
			mount -o remount,ro,bind /proc/sys && mount -o remount,ro,bind /sys || exit 126
			exec setpriv --bounding-set -all,$(bounding) --inh-caps -all --no-new-privs \\
				$build/tests/system/confined $T/list $build/nat64d "\$@"' sh "\$@"
	END
	chmod 755 "$T/bin/nat64d"
	B=$T/bin
}

# confined - the running nat64d has exactly the capabilities of the unit, less those it gave up, and a filter
confined()
{
	local status

	status=$(cat "/proc/$(cat "$T/nat64d.pid")/status")
	grep -E 'CapBnd|CapPrm|NoNewPrivs|Seccomp:' <<<"$status"
	grep -q '^NoNewPrivs:.1' <<<"$status"
	grep -q '^Seccomp:.2' <<<"$status"
}

whole()
{
	ctl --json show workers | pick '[w["sandbox"] for w in d["workers"]]' | tee "$T/sandbox"
	! grep -v '^full\( full\)*$' "$T/sandbox"
}

passes()
{
	expect ' 0% packet loss' -- ns client ping -6 -n -c 3 -i 0.2 -W 5 "$SERVER"
}

killed()
{
	local pids

	read -r -a pids < <(worker_pids)
	kill -9 "${pids[0]}"
	wait_for 10 running 2
	passes
}

reloads()
{
	echo 'udp-timeout = 200' >>"$T/nat64.ini"
	ctl reload
	sed -i 's/^pool = .*/pool = 198.51.100.8\/30/' "$T/nat64.ini"
	ctl reload
	passes
}

upgrades()
{
	ctl upgrade
	passes
	confined
}

# tunables - of the kernel's switches it may write the network's, and so those of its devices are set
tunables()
{
	local pid

	pid=$(cat "$T/nat64d.pid")
	exits 1 nsenter -t "$pid" -m sh -c 'tee /proc/sys/kernel/core_pattern </proc/sys/kernel/core_pattern'
	grep 'Read-only' "$T/said"
	exits 1 nsenter -t "$pid" -m mkdir /sys/fs/x
	grep 'Read-only' "$T/said"
	[ "$(ns gateway sysctl -n net.ipv6.conf.nat64.accept_ra)" = 0 ]
	[ "$(ns router sysctl -n net.ipv4.conf.nat64.send_redirects)" = 0 ]
	grep -qx 'ProtectKernelTunables=yes' "$unit"
	grep -qx 'ReadWritePaths=/proc/sys/net' "$unit"
}

nothing_refused()
{
	cat "$T/gateway-nat64d.log"
	! grep -iE 'warning|error|not permitted|missing' "$T/gateway-nat64d.log"
}

# Without a service manager its queues come back from the kernel: it may not take them from the workers.
killed_itself()
{
	kill -9 "$(cat "$T/nat64d.pid")"
	wait_for 5 gone "$(cat "$T/nat64d.pid")"
	gateway_start
	passes
}

net_up
RUN=$SHM
check 'the unit is read' confinement
if own_cgroup; then
	as_in_the_unit "$G"
else
	as_in_the_unit
fi
WORKERS=2
config "netns4 = n64t-$$-router" # setns() is the unit's to allow, too
begin
check 'it is confined' confined
check 'its children are as safe as ever' whole
check 'switches of the network and no others' tunables
check 'packets pass' passes
if [ -d "$G" ]; then
	check 'its cgroup and no other' bounded
fi
check 'a worker is killed' killed
check 'two reloads, the second to a new table' reloads
check 'an upgrade' upgrades
check 'its children are as safe as ever, after the upgrade' whole
check 'nat64d is killed' killed_itself
check 'law 1' law1
check 'the log has no complaint' nothing_refused
check 'the gateway stops' gateway_stop
finish
