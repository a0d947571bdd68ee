#!/usr/bin/env bash
# libc.sh SUITE [MINUTES] - the programs as they were built, on the C library of another Debian, such as trixie, under load
#
# Which system calls a program makes is for a good part the C library's choice, so a filter that fits one may not fit another. SUITE
# is fetched with debootstrap from Debian's mirror (MIRROR=) into a directory, or is one: the path of a root directory that has the
# libraries already. nat64d sees it as its root. Workers die and the gateway is upgraded meanwhile; no worker may die of
# anything else. It needs the package debootstrap and a network, so no other test runs it.
source "$(dirname "$0")/../lib.sh"

suite=${1:?which Debian} minutes=${2:-1}
root=$suite
libraries=libseccomp2,libcap-ng0,libmnl0,libinih1,libmicrohttpd12t64,libjansson4

# fetch - $root has what the programs need
fetch()
{
	root=$T/root
	debootstrap --variant=minbase --include=$libraries "$suite" "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$T/fetched" ||
		{ tail -5 "$T/fetched"; exit 1; }
}

# moved_in - B has a nat64d that runs with that root; the build and the test's files are where they always were. The shell that
# moves is the last program of this system: chroot would do for nat64d, but its children need a root they can leave.
moved_in()
{
	mkdir "$T/bin"
	ln -s "$B/nat64ctl" "$T/bin/nat64ctl"
	cat >"$T/bin/nat64d" <<-END
		#!/bin/sh
		exec unshare -m sh -e -c '
			mount --make-rprivate /
			mount -o bind $root $root
			mkdir -p $root$B $root$T $root$RUN $root/before
			[ -e $root/etc/group ] || cp /etc/group $root/etc
			mount -o bind $B $root$B
			mount -o bind $T $root$T
			mount -o bind $RUN $root$RUN
			mount --rbind /dev $root/dev
			mount --rbind /proc $root/proc
			mount --rbind /sys $root/sys
			cd $root
			pivot_root . before
			exec $B/nat64d "\$@"' sh "\$@"
	END
	chmod 755 "$T/bin/nat64d"
	B=$T/bin
}

# at_home - every one of ours has mapped the other library, and the one of this system is nowhere
at_home()
{
	local pid

	for pid in $(ours); do
		grep -o '[^ ]*/libc\.so\.6$' "/proc/$pid/maps" | sort -u
	done | sort | uniq -c
	cmp -s "$root/usr/lib/x86_64-linux-gnu/libc.so.6" /usr/lib/x86_64-linux-gnu/libc.so.6 && return 1
	grep -a -o -m 1 'GNU C Library (.*) stable release version [0-9.]*' "$root/usr/lib/x86_64-linux-gnu/libc.so.6"
}

whole()
{
	ctl --json show workers | pick '[w["sandbox"] for w in d["workers"]]' | grep -x 'full full'
}

# live - traffic of all kinds, questions, a death every second, one upgrade
live()
{
	local end=$((SECONDS + minutes * 60)) pids

	flood_start 2000
	while ((SECONDS < end)); do
		ping_server
		peer client udp "$SERVER" 7 hello 7001
		ctl --json show bindings >"$T/shown"
		ctl --json show counters >"$T/shown"
		ns gateway curl -sf http://127.0.0.1:9640/metrics >"$T/shown"
		read -r -a pids < <(worker_pids)
		kill -9 "${pids[0]}"
		kills=$((${kills-0} + 1))
		wait_for 10 running 2
		sleep 0.5
		alive "$(cat "$T/flood.pid")" || flood_start 2000
	done
	kill "$(cat "$T/flood.pid")" || true
	ctl upgrade
	wait_for 10 running 2
	ping_server
	echo "$kills workers were killed"
}

# died - nobody did but by our hand
died()
{
	grep 'died' "$T/gateway-nat64d.log" >"$T/deaths"
	! grep -v 'died: sigkill; pid [0-9]* takes over' "$T/deaths"
}

RUN=$SHM
mkdir -p "$RUN"
[ -d "$suite" ] || fetch
net_up
moved_in
WORKERS=2 config
begin
echo_server server 203.0.113.2 7
check "the C library of ${suite##*/} is at work" at_home
sed 's/^/    /' "$T/out"
check 'the sandbox is whole' whole
check "$minutes minutes of load" live
sed 's/^/    /' "$T/out" | tail -1
check 'no worker has died' died
check 'law 1' law1
check 'the gateway stops' gateway_stop
finish
