#!/usr/bin/env bash
# 159-systemd.sh - the unit as it is installed, under systemd itself: start, packets, deaths, reload, upgrade, a bad file, stop
#
# systemd is process 1 of namespaces of its own, in the network namespace of the gateway and in a cgroup of the test's, on a
# copy of the root directory that is thrown away. Nothing is started there but nat64d.service. What its drop-in changes is that
# it waits for no other unit, and that what nat64d says goes to a file.
source "$(dirname "$0")/../lib.sh"

# inside COMMAND... - where systemd is
inside()
{
	nsenter -t "$(cat "$T/systemd.pid")" -a -- "$@"
}

# machine - the script that becomes process 1. Of the kernel's switches it may write the network's: the others are the host's
machine()
{
	cat <<-END
		set -e
		mount --make-rprivate /
		mount -t tmpfs none $T/machine
		mkdir $T/machine/upper $T/machine/work $T/machine/root
		mount -t overlay overlay -o lowerdir=/,upperdir=$T/machine/upper,workdir=$T/machine/work $T/machine/root
		cd $T/machine/root
		cp -r $T/image/. .
		mount -t proc proc proc
		mount -o bind proc/sys proc/sys
		mount -o bind proc/sys/net proc/sys/net
		mount -o remount,ro,bind proc/sys
		mount -t sysfs sysfs sys
		mount -t cgroup2 cgroup2 sys/fs/cgroup
		mount --rbind /dev dev
		mount -t tmpfs tmpfs run
		mount -t tmpfs tmpfs tmp
		mkdir -p run/systemd/system/nat64d.service.d run/said old
		mount -o bind $T/said-inside run/said
		cp $T/drop-in run/systemd/system/nat64d.service.d/test.conf
		printf '[Unit]\nDefaultDependencies=no\n' >run/systemd/system/nothing.target
		pivot_root . old
		umount -l /old
		export container=test SYSTEMD_LOG_TARGET=console
		exec /lib/systemd/systemd --system --unit=nothing.target
	END
}

install_image()
{
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u B make -s -C "$top" install DESTDIR="$T/image" \
		B="$(realpath --relative-to="$top" "$B")"
	cp "$T/nat64.ini" "$T/image/etc/nat64.ini"
	printf '%s\n' '[Unit]' 'DefaultDependencies=no' '[Service]' 'StandardOutput=append:/run/said/nat64d' \
		'StandardError=inherit' >"$T/drop-in"
	mkdir "$T/machine" "$T/said-inside"
	machine >"$T/machine.sh"
}

boots()
{
	install_image
	start gateway sh -c "mount -t cgroup2 cgroup2 /sys/fs/cgroup && echo 0 >/sys/fs/cgroup/n64t-$$/cgroup.procs &&
		exec unshare --mount --pid --fork --kill-child --uts --ipc --cgroup sh $T/machine.sh"
	cp "$T/pid" "$T/unshare.pid"
	wait_for 20 pgrep -P "$(cat "$T/unshare.pid")"
	pgrep -P "$(cat "$T/unshare.pid")" >"$T/systemd.pid"
	wait_for 60 is running
}

# is STATE - of systemd
is()
{
	inside systemctl is-system-running 2>&1 | grep -x "$1\|degraded"
}

# main_pid - of nat64d, as systemd counts
main_pid()
{
	inside systemctl show -p MainPID --value nat64d
}

works()
{
	expect ' 0% packet loss' -- ns client ping -6 -n -c 3 -i 0.2 -W 5 "$SERVER"
	wait_for 10 two_workers
	inside nat64ctl --json show workers | pick '[w["sandbox"] for w in d["workers"]]' | grep -x 'full\( full\)*'
}

two_workers()
{
	[ "$(inside nat64ctl --json show workers | pick "sum(w['state'] == 'running' for w in d['workers'])")" = 2 ]
}

begins()
{
	inside systemctl start nat64d
	works
}

# in_unit COMMAND... - with the mounts of nat64d
in_unit()
{
	inside nsenter -t "$(main_pid)" -m -- "$@"
}

# bounds - what the unit takes away is away, and what it leaves is there
bounds()
{
	in_unit cat /proc/self/mountinfo >"$T/mounts"
	grep -E ' /proc/sys ro[, ]' "$T/mounts"
	grep -E ' /proc/sys/net rw[, ]' "$T/mounts"
	grep -E ' /sys ro[, ]' "$T/mounts"
	grep -E ' / ro[, ]' "$T/mounts"
	grep -E ' /proc/kallsyms ro[, ]' "$T/mounts"
	[ "$(ns gateway sysctl -n net.ipv6.conf.nat64.accept_ra)" = 0 ]
	exits 1 in_unit mkdir /sys/fs/cgroup/other
	grep 'Read-only' "$T/said"
	inside nat64ctl --json show tenants | pick "d['tenants'][0]['cgroup']" | grep -x 'on\|partial'
	inside test -d /sys/fs/cgroup/system.slice/nat64d.service/tenant-lab
	grep '^Seccomp_filters:.[2-9]' <(inside cat "/proc/$(main_pid)/status")
}

# its_bindings - without what time changes
its_bindings()
{
	inside nat64ctl --csv show bindings | grep '^lab,udp' | cut -d, -f1-6
}

# killed - it is back by itself, with its binding, and its queues were kept for it
killed()
{
	local before

	peer client udp "$SERVER" 7 hello 7001
	its_bindings >"$T/bindings"
	grep 7001 "$T/bindings"
	before=$(main_pid)
	inside kill -9 "$before"
	wait_for 20 started_again "$before"
	works
	its_bindings | diff "$T/bindings" -
	[ "$(inside systemctl show -p NFileDescriptorStore --value nat64d)" -ge 2 ]
	[ "$(inside systemctl show -p NRestarts --value nat64d)" = 1 ]
}

started_again()
{
	[ "$(main_pid)" != "$1" ] && [ "$(inside systemctl is-active nat64d)" = active ]
}

reloads()
{
	inside sh -c 'echo udp-timeout = 200 >>/etc/nat64.ini'
	inside systemctl reload nat64d
	wait_for 10 reloaded
	works
}

reloaded()
{
	expect 'last reload succeeded' -- inside nat64ctl show status
}

upgrades()
{
	local before

	before=$(main_pid)
	inside nat64ctl upgrade
	works
	[ "$(main_pid)" = "$before" ]
	[ "$(inside systemctl is-active nat64d)" = active ]
}

stops()
{
	inside systemctl stop nat64d
	[ "$(inside systemctl show -p Result --value nat64d)" = success ]
	exits 1 ip -n "n64t-$$-gateway" link show nat64
	exits 1 inside pgrep nat64
}

# no_complaint - of nat64d, of anything that the unit refused
no_complaint()
{
	cat "$T/said-inside/nat64d"
	! grep -iE 'warning|error|not permitted|missing' "$T/said-inside/nat64d"
}

# A file that cannot be right is not tried again and again.
bad_file()
{
	inside sh -c 'echo nonsense >>/etc/nat64.ini'
	exits 1 inside systemctl start nat64d
	[ "$(inside systemctl show -p ExecMainStatus --value nat64d)" = 2 ]
	[ "$(inside systemctl show -p NRestarts --value nat64d)" = 0 ]
	[ "$(inside systemctl is-active nat64d)" = failed ]
}

if ! own_cgroup; then
	echo 'ok skipped: there is no cgroup2 hierarchy to write to'
	finish
	exit
fi
mkdir "$T/upper"
if ! unshare --mount sh -c "mount -t tmpfs none $T/upper && mkdir $T/upper/u $T/upper/w $T/upper/r &&
	mount -t overlay overlay -o lowerdir=/,upperdir=$T/upper/u,workdir=$T/upper/w $T/upper/r"; then
	echo 'ok skipped: this kernel lays no copy over the root directory (overlayfs)'
	finish
	exit
fi
net_up
echo_server server 203.0.113.2 7
RUN=/run/nat64
WORKERS=2
config
check 'systemd runs' boots
if [ $failed = 0 ]; then
	check 'it starts the unit, and packets pass' begins
	check 'what the unit takes away is away' bounds
	check 'nat64d is killed, and back with its binding and its queues' killed
	check 'a reload' reloads
	check 'an upgrade' upgrades
	check 'the log has no complaint' no_complaint
	check 'it stops, and nothing is left' stops
	check 'a bad file is not tried again' bad_file
fi
kill -9 "$(cat "$T/unshare.pid")"
finish
