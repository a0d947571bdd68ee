#!/usr/bin/env bash
# 153-cgroup.sh - each tenant's workers are in a cgroup of their own: through deaths, reloads, an upgrade, a SIGKILL, freezing
#
# nat64d starts in a cgroup that this test makes, as a service manager would, in the cgroup2 hierarchy of the host; where that
# cannot be had, all of this is skipped. Controllers that the hierarchy does not have are left out.
source "$(dirname "$0")/../lib.sh"

build=$B
RUN=$SHM
OWN=n64t-$$

# in_a_cgroup - B has a nat64d that is in ours from the beginning
in_a_cgroup()
{
	mkdir "$T/bin"
	ln -s "$build/nat64ctl" "$T/bin/nat64ctl"
	cat >"$T/bin/nat64d" <<-END
		#!/bin/sh
		$(mount_cgroups)
		echo 0 >/sys/fs/cgroup/$OWN/cgroup.procs || exit 126
		exec $build/nat64d "\$@"
	END
	chmod 755 "$T/bin/nat64d"
	B=$T/bin
}

# pids NAME - of the workers at work of this tenant
pids()
{
	ctl --json show workers | pick "[w['pid'] for w in d['workers'] if w['tenant'] == '$1' and w['state'] == 'running']"
}

# place PID - $where is its cgroup below that of the test
place()
{
	where=$(<"/proc/$1/cgroup")
	where=${where##*"0::/"}
	where=${where##*"$OWN/"}
}

# placed - everybody is in the cgroup that his title says, and there is nobody where nat64d was started
placed()
{
	local pid title where

	for pid in $(ours); do
		IFS= read -r -d '' title <"/proc/$pid/cmdline" || true
		place "$pid"
		echo "$pid $title: $where"
		case $title in
		'nat64-worker '*) [ "$where" = "tenant-${title#nat64-worker }" ] ;;
		*) [ "$where" = nat64d ] ;;
		esac
	done
	[ -z "$(cat "$G/cgroup.procs")" ]
}

# all_placed TENANT... - and there are cgroups for these and no others; a spare may be on its way in or out
all_placed()
{
	wait_for 5 placed
	[ "$(cd "$G" && printf '%s\n' tenant-* | xargs)" = "$(printf 'tenant-%s\n' "$@" | sort | xargs)" ]
}

# shown TENANT STATE... - `show tenants` says one of these
shown()
{
	local is

	is=$(ctl --json show tenants | pick "[t['cgroup'] for t in d['tenants'] if t['name'] == '$1']")
	grep -qx "$is" < <(printf '%s\n' "${@:2}") || { echo "cgroup is $is"; return 1; }
}

# set_up TENANT - with the controllers that there are, its cgroup has the same weight as all, and nobody in it may fork
set_up()
{
	local controllers

	controllers=$(cat "$G/cgroup.subtree_control")
	[[ " $controllers " != *' cpu '* ]] || [ "$(cat "$G/tenant-$1/cpu.weight")" = 100 ]
	[[ " $controllers " != *' pids '* ]] || [ "$(cat "$G/tenant-$1/pids.max")" = 0 ]
	if [[ " $controllers " == *' cpu '*memory*' pids '* ]]; then
		shown "$1" on
	else
		shown "$1" partial
		ctl show status | grep -F "attention: $1, its cgroup does not hold all that it should: without the controllers"
	fi
	grep -F "each tenant has a cgroup of its own" "$T/gateway-nat64d.log"
}

# What is missing is said, and no worker has failed to get in.
metrics()
{
	ns gateway curl -s http://127.0.0.1:9640/metrics >"$T/metrics"
	grep -E '^nat64_tenant_cgroup\{tenant="lab"\} [01]$' "$T/metrics"
	grep -x 'nat64_worker_sandbox_missing{tenant="lab",worker="0",layer="cgroup"} 0' "$T/metrics"
}

killed()
{
	local pid

	pid=$(pids lab)
	kill -9 "${pid%% *}"
	wait_for 5 running 3
	ping_server
	all_placed lab blue
}

# blue - a second tenant in the configuration
blue()
{
	cat >>"$T/nat64.ini" <<-END
		[tenant blue]
		prefix = 2001:db8:b::/96
		pool = 198.51.100.16/30
		source = 2001:db8::/32
		allow = 203.0.113.0/24
		workers = 1
	END
}

added()
{
	blue
	ctl reload
	all_placed lab blue
}

removed()
{
	WORKERS=2 config
	ctl reload
	wait_for 5 all_placed lab
}

frozen()
{
	grep -qx 'frozen 1' "$1/cgroup.events"
}

# freeze CGROUP - for three times as long as a worker may do nothing while packets wait; they wait, and are answered then
freeze()
{
	local before ping

	before=$(worker_pids)
	echo 1 >"$1/cgroup.freeze"
	wait_for 5 frozen "$1"
	ns client ping -6 -n -c 3 -i 0.3 -W 20 "$SERVER" >"$T/ping" &
	ping=$!
	sleep 1.2
	if [ "$1" != "$G" ]; then
		ns client ping -6 -n -c 1 -W 10 2001:db8:b::203.0.113.2 # another tenant does not mind
	fi
	echo 0 >"$1/cgroup.freeze"
	wait $ping
	cat "$T/ping"
	grep -qF ' 0% packet loss' "$T/ping"
	[ "$(worker_pids)" = "$before" ]
}

# frozen_aside - a worker whom somebody froze somewhere else is stuck; it can be killed all the same
frozen_aside()
{
	local pid

	mkdir "$G-aside"
	pid=$(pids blue)
	echo "$pid" >"$G-aside/cgroup.procs"
	echo 1 >"$G-aside/cgroup.freeze"
	wait_for 5 frozen "$G-aside"
	expect ' 0% packet loss' -- ns client ping -6 -n -c 2 -i 0.3 -W 10 2001:db8:b::203.0.113.2
	wait_for 5 gone "$pid"
	ctl --json show workers | pick "[w['last_death'] for w in d['workers'] if w['tenant'] == 'blue']" | grep stuck
	all_placed lab blue
	rmdir "$G-aside"
}

upgraded()
{
	ctl upgrade
	all_placed lab blue
	set_up lab
	ping_server
}

# taken_over - after a SIGKILL of nat64d a start with one tenant less is at home in what is there
taken_over()
{
	echo 1 >"$G/tenant-lab/cgroup.freeze"
	kill_nat64d
	WORKERS=2 config
	gateway_start
	ping_server
	wait_for 5 placed
	[ -d "$G/tenant-lab" ]
	! grep -i 'warning.*cgroup' "$T/gateway-nat64d.log"
}

# stopped - nothing is left; and in the end nat64d was in no leaf of its own any more, so even the leaf is gone
stopped()
{
	gateway_stop
	[ "$(find "$G" -mindepth 1 -type d | wc -l)" = 0 ]
}

# not_alone - with somebody else in its cgroup nat64d leaves it alone, and says why
not_alone()
{
	local other

	(
		echo "$BASHPID" >"$G/cgroup.procs"
		exec sleep 300
	) >"$T/sleep.log" 2>&1 &
	other=$!
	wait_for 5 grep -qx "$other" "$G/cgroup.procs"
	gateway_start
	grep -E 'tenants get no cgroups .* nat64d shares its cgroup with others, such as process [0-9]+' "$T/gateway-nat64d.log"
	shown lab off
	ping_server
	[ "$(find "$G" -mindepth 1 -type d | wc -l)" = 0 ]
	grep -qx "$other" "$G/cgroup.procs"
	gateway_stop
	end $other
}

# in_the_root - as from a shell of a simple system
in_the_root()
{
	sed -i '/cgroup.procs/d' "$T/bin/nat64d"
	gateway_start
	grep -F 'nat64d is in the root of all cgroups' "$T/gateway-nat64d.log"
	shown lab off
	gateway_stop
}

if ! own_cgroup; then
	echo 'ok skipped: there is no cgroup2 hierarchy to write to'
	finish
	exit
fi
net_up
in_a_cgroup
WORKERS=2 config
blue
begin
check 'traffic flows' ping_server
check 'everybody is in his cgroup' all_placed lab blue
check 'its settings, and what is said of it' set_up lab
check 'metrics' metrics
check 'a worker is killed' killed
check 'a tenant is removed' removed
check 'a tenant is added' added
check 'a frozen tenant goes on' freeze "$G/tenant-lab"
check 'a frozen gateway goes on' freeze "$G"
check 'a worker frozen elsewhere is replaced' frozen_aside
check 'an upgrade' upgraded
check 'law 1' law1
check 'nat64d is killed, a tenant frozen' taken_over
check 'the gateway stops' stopped
check 'not alone in its cgroup' not_alone
if grep -qx "0::/" /proc/self/cgroup; then
	check 'in the root' in_the_root
fi
finish
