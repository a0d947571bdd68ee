#!/usr/bin/env bash
# 158-apparmor.sh - the AppArmor profile allows what nat64d and its children do: a start, reloads, a death, an upgrade, a stop
#
# They run under strace, and what they did is compared with the rules. The kernel of a test need not have AppArmor, so nothing
# is enforced here. nat64d is strace's child; all else is as ever.
source "$(dirname "$0")/../lib.sh"

build=$B

# traced [G] - B has a nat64d that runs under strace, in a cgroup of its own; $T/trace says what it and its children did, after
# what the shell did that put it there
traced()
{
	mkdir "$T/bin"
	ln -s "$build/nat64ctl" "$T/bin/nat64ctl"
	cat >"$T/bin/nat64d" <<-END
		#!/bin/sh
		${1+$(mount_cgroups)}
		exec strace -f -y -qq -s 200 -e trace=%file,flock,socket,connect,bind,mount,umount2,pivot_root -e signal=none \\
			-o $T/trace sh -c '${1+echo 0 >/sys/fs/cgroup/n64t-$$/cgroup.procs; }exec $build/nat64d "\$@"' sh "\$@"
	END
	chmod 755 "$T/bin/nat64d"
	B=$T/bin
}

# nat64d_pid - of the one that strace runs
nat64d_pid()
{
	pgrep -o -P "$(cat "$T/nat64d.pid")" '^nat64d$'
}

passes()
{
	expect ' 0% packet loss' -- ns client ping -6 -n -c 3 -i 0.2 -W 5 "$SERVER"
}

# Everything that opens files: a live key, a key that needs a table, a wrong file.
reloads()
{
	echo 'udp-timeout = 200' >>"$T/nat64.ini"
	ctl reload
	sed -i 's/^pool = .*/pool = 198.51.100.8\/30/' "$T/nat64.ini"
	ctl reload
	echo 'colour = red' >>"$T/nat64.ini"
	ctl reload && return 1
	sed -i '/colour/d' "$T/nat64.ini"
	passes
}

killed()
{
	kill -9 "$(pgrep -P "$(nat64d_pid)" nat64-worker | head -1)"
	sleep 0.5
	passes
}

upgrades()
{
	ctl upgrade
	passes
}

killed_itself()
{
	local pid

	pid=$(nat64d_pid)
	kill -9 "$pid"
	wait_for 10 gone "$pid"		# strace lives on with the workers
	mv "$T/trace" "$T/trace-1"
	gateway_start
	passes
}

stops()
{
	kill "$(nat64d_pid)"
	wait_for 15 gone "$(cat "$T/nat64d.pid")"
	[ -s "$T/snapshots/lab.snapshot" ]
}

allowed()
{
	local trace

	sed 's,@PREFIX@,/usr,g' "$top/packaging/nat64d.apparmor" >"$T/profile"
	for trace in "$T/trace-1" "$T/trace"; do
		sed -n '/execve(".*\/nat64d"/,$p' "$trace"
	done >"$T/traces"
	[ "$(grep -c "execve(\"$build/nat64d\"" "$T/traces")" -ge 2 ]
	/usr/bin/python3 -B "$top/tests/apparmor.py" "${1:-$T/profile}" "$T/traces" "$build/nat64d=/usr/sbin/nat64d" \
		"$build=/usr/libexec/nat64" "$RUN=/run/nat64" "$T/snapshots=/var/lib/nat64" "$T/nat64.ini=/etc/nat64.ini" \
		"/sys/fs/cgroup/n64t-$$=/sys/fs/cgroup/system.slice/nat64d.service" \
		"$T/notify=/run/systemd/notify" "/proc/self/exe=/usr/sbin/nat64d"
}

# A rule less, and it is seen.
noticed()
{
	sed "$1" "$T/profile" >"$T/less"
	cmp -s "$T/profile" "$T/less" && return 1
	! allowed "$T/less"
}

net_up
RUN=$SHM
WORKERS=2
mkdir "$T/snapshots"
GATEWAY="snapshot-dir = $T/snapshots" config "netns4 = n64t-$$-router"
if own_cgroup; then
	traced "$G"
else
	traced
fi
begin
check 'packets pass' passes
check 'reloads' reloads
check 'a worker is killed' killed
check 'an upgrade' upgrades
check 'nat64d is killed' killed_itself
check 'law 1' law1
check 'it stops, and writes a snapshot' stops
check 'the profile allows all of it' allowed
check 'not without /dev/net/tun' noticed '/dev.net.tun/d'
check 'not without the namespaces' noticed '/run.netns/d'
check 'not without the lock' noticed 's/rwk,/rw,/'
check 'not without its programs' noticed 's/mrix/mr/'
check 'not without sockets of netlink' noticed '/netlink/d'
if [ -d "$G" ]; then
	check 'not without its cgroup' noticed '/cgroup.*nat64d.service/d'
fi
finish
