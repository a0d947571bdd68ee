#!/usr/bin/env bash
# 125-upgrade.sh - another nat64d takes over from the running one; packets, bindings and the pid stay
#
# The programs are copies in a directory of the test's, which are replaced as a package manager does: by renaming.
# alone: 5,000 packets a second and none twice
source "$(dirname "$0")/../lib.sh"

build=$B
# No binding ends by itself while this runs.
long=('udp-timeout = 3600' 'icmp-timeout = 3600' 'tcp-transitory-timeout = 3600')

# replace FILE - it is the nat64d that is installed now
replace()
{
	cp "$1" "$T/bin/new"
	mv "$T/bin/new" "$T/bin/nat64d"
}

# script LINE... - a program that is no nat64d, to be installed
script()
{
	printf '%s\n' '#!/bin/sh' "$@" >"$T/script"
	chmod 755 "$T/script"
}

# other NAME SED FILE OBJECT... - $T/NAME is a nat64d of another version: FILE edited, only the OBJECTs made anew
other()
{
	local variant=${build##*/} object

	rm -rf "$T/src"
	mkdir -p "$T/src/$variant"
	cp -a "$top"/{GNUmakefile,shm,supervisor,worker} "$T/src"
	cp -a "$build"/{shm,supervisor,worker,libnat64.a} "$T/src/$variant"
	[ -z "$3" ] || sed -i "$2" "$T/src/$3"
	for object in "${@:4}"; do
		rm "$T/src/$variant/supervisor/$object"
	done
	make -s -C "$T/src" B="$variant" VERSION=9.9.9 ${3:+-o "$3"} "$variant/nat64d"
	cp "$T/src/$variant/nat64d" "$T/$1"
}

# edited FILE SED... - it is changed, by each of these
edited()
{
	local script

	for script in "${@:2}"; do
		cp "$T/src/$1" "$T/src/before"
		sed -i "$script" "$T/src/$1"
		! cmp -s "$T/src/$1" "$T/src/before" || { echo "$1 is not what it was: $script"; return 1; }
	done
}

# relaid - $T/relaid has a nat64d and its children to whom every piece of shared memory is laid out otherwise
relaid()
{
	rm -rf "$T/src"
	mkdir -p "$T/src" "$T/relaid"
	cp -a "$top"/{GNUmakefile,shm,supervisor,worker,ctl} "$T/src"
	edited shm/layout.h 's/define LAYOUT_VERSION .*/define LAYOUT_VERSION 4711/' \
		's/define LAYOUT_SAVED 640/define LAYOUT_SAVED 704/' \
		's/^\tuint64_t progress;/\tuint64_t added[3];\n&/' 's/^\tuint32_t prefixes_used;/\tuint32_t added;\n&/'
	edited shm/record.h 's/^\tuint32_t remote4;.*inline/\tuint32_t added;\n&/' 's/spare\[2\]/spare[1]/'
	edited shm/session.h '/^\tuint32_t expires;/d' 's/^\tuint16_t remote_port;/\tuint32_t expires;\n&/'
	edited shm/counters.def 's/^VERDICT(hop_limit/VERDICT(added, DROP, "never")\n&/'
	edited shm/config.def 's/^KEY(tenant, hairpin/KEY(tenant, added, U32, 0, 9, "5", LIVE, "nothing")\n&/'
	edited shm/status.h 's/^\tuint32_t mode;/\tuint32_t added[3];\n&/'
	make -s -j2 -C "$T/src" B=build VERSION=7.7.7 CFLAGS='-O1 -g0' build/nat64{d,-worker,-ctld}
	cp "$T"/src/build/nat64{d,-worker,-ctld} "$T/relaid"
}

# install DIRECTORY - all programs there are the installed ones now
install()
{
	local program

	for program in nat64-worker nat64-ctld nat64d; do
		cp "$1/$program" "$T/bin/new"
		mv "$T/bin/new" "$T/bin/$program"
	done
}

build_others()
{
	other newer '' '' bulletin.o estate.o options.o upgrade.o
	other state 's/define ESTATE_VERSION .*/define ESTATE_VERSION 4711/' supervisor/estate.h estate.o
	other dialect 's/define LAYOUT_\(DIALECT\|VERSION\) .*/define LAYOUT_\1 4711/' \
		shm/layout.h upgrade.o ../shm/foreign.o
	other strict 's/"c:"/"C:"/' supervisor/options.c options.o
	other late 's/g->estate, getpid()/g->estate, 1/' supervisor/main.c main.o
	[ "$("$T/newer" --version)" = 'nat64d 9.9.9' ]
}

daemon()
{
	cat "$T/nat64d.pid"
}

children()
{
	pgrep -P "$(daemon)" 'nat64' | sort
}

ctld()
{
	pgrep -P "$(daemon)" nat64-ctld
}

version()
{
	ctl --json show status | pick "d['version']"
}

# powers - what nat64d itself has: capabilities, resource limits, and how many descriptors
powers()
{
	grep -E '^(Cap|SigBlk|SigIgn|Umask)' "/proc/$(daemon)/status"
	cat "/proc/$(daemon)/limits"
	find "/proc/$(daemon)/fd" -type l | wc -l
}

same_powers()
{
	powers | diff "$T/powers-before" -
}

# upgraded TO - go over to what is installed: the pid and the bindings stay, every process is new
upgraded()
{
	local before after old

	before=$(children)
	bindings >"$T/bindings-before"
	ctl --json show counters >"$T/counters-before"
	old=$(version)
	powers >"$T/powers-before"
	exits 0 ctl upgrade
	cat "$T/said"
	grep -q "upgraded from $old to $1, 2 workers" "$T/said"
	alive "$(daemon)"
	after=$(children)
	[ "$(wc -l <<<"$after")" = 4 ]
	[ -z "$(comm -12 <(echo "$before") <(echo "$after"))" ]
	wait_for 5 bindings
	wait_for 5 same_powers
	bindings >"$T/bindings-after"
	diff "$T/bindings-before" "$T/bindings-after"
	ctl --json show counters >"$T/counters-after"
	counters_grow "$T/counters-before" "$T/counters-after"
	[ "$(version)" = "$1" ]
}

# under_load COMMAND... - while a download runs and 5,000 numbered datagrams a second: nothing is lost
under_load()
{
	local download worked

	rm -f "$T/got"
	start client curl -sS --max-time 120 -o "$T/got" "http://[$SERVER]/file"
	download=$(cat "$T/pid")
	flood_start 5000
	peer client udp "$SERVER" 7 hello 7001
	sleep 1
	set +e # and not `|| worked=$?`, which would let the failures inside pass
	(
		set -e
		"$@"
	)
	worked=$?
	set -e
	alive "$download" # so it was under load
	flood_end
	kill -USR1 "$(cat "$T/drip.pid")"
	grep -q 'lost 0 duplicated 0 ' "$T/flood"
	wait_for 30 gone "$download"
	cmp "$T/got" "$T/www/file"
	[ $worked = 0 ]
}

twice()
{
	upgraded "$1"
	upgraded "$1"
}

# While the file is being edited, the configuration in force goes over.
half_edited()
{
	echo 'half a line' >>"$T/nat64.ini"
	upgraded "$1"
	config 'udp-timeout = 3700' "${long[@]:1}"
	exits 0 ctl reload
	expect udp-timeout,3700 -- ctl --csv show config
	ping_server
}

# refused WORDS - the upgrade is refused for this reason, and nothing changes
refused()
{
	local before

	before=$(children)
	exits 1 ctl upgrade
	cat "$T/said"
	grep -q -- "$1" "$T/said"
	[ "$(children)" = "$before" ]
	ping_server
	grep -q "upgrade: .*$1" "$T/gateway-nat64d.log"
	[ "$(ctl --json show status | pick "d['last_reload']['ok']")" = False ]
}

missing()
{
	rm "$T/bin/nat64d"
	refused 'No such file'
}

not_executable()
{
	cp "$build/nat64d" "$T/plain"
	chmod 644 "$T/plain"
	replace "$T/plain"
	refused 'Permission denied'
}

other_state()
{
	replace "$T/state"
	refused 'keeps its state otherwise'
}

other_dialect()
{
	replace "$T/dialect"
	refused 'laid out otherwise, and does not say how'
}

# Of a build that lays out memory otherwise only nat64d is there.
half_installed()
{
	replace "$T/relaid/nat64d"
	refused 'nat64-worker beside it is missing, or of another build'
}

# to_layout DIRECTORY VERSION - go over to programs that lay out memory otherwise
to_layout()
{
	install "$1"
	upgraded "$2"
	grep -q 'for they are laid out otherwise' "$T/gateway-nat64d.log"
}

# Whatever it found, it reloads, and moves to a new table of its own.
still_reloads()
{
	config "${long[@]}" 'max-sessions = 2M'
	exits 0 ctl reload
	config "${long[@]}"
	exits 0 ctl reload
	ping_server
}

# Killed on the way, at any moment, from one layout to the other: a start finds all the bindings.
killed_between_layouts()
{
	local after

	bindings >"$T/all"
	for after in 0.12 0.16 0.2 0.24 0.28 0.32; do
		install "$T/relaid"
		kill -USR2 "$(daemon)"
		sleep "$after"
		kill -9 "$(daemon)"
		wait_for 5 gone "$(daemon)"
		gateway_start
		bindings | comm -23 "$T/all" - | tee "$T/missing"
		[ ! -s "$T/missing" ]
		install "$build"
		exits 0 ctl upgrade
	done
	cat "$T/gateway-nat64d.log"
	ping_server
}

other_options()
{
	replace "$T/strict"
	refused 'invalid option'
}

exits_at_once()
{
	script 'exit 1'
	replace "$T/script"
	refused 'exit status 1'
}

crashes()
{
	# shellcheck disable=SC2016
	script 'kill -SEGV $$'
	replace "$T/script"
	refused 'signal 11'
}

hangs()
{
	script 'exec sleep 100'
	replace "$T/script"
	refused 'did not answer'
}

no_worker()
{
	replace "$build/nat64d"
	mv "$T/bin/nat64-worker" "$T/bin/aside"
	refused 'nat64-worker beside it is missing' || { mv "$T/bin/aside" "$T/bin/nat64-worker"; return 1; }
	mv "$T/bin/aside" "$T/bin/nat64-worker"
}

worker_killed()
{
	local before pid

	before=$(children)
	ctl upgrade >"$T/upgrade" 2>&1 &
	pid=$!
	for worker in $(worker_pids); do
		kill -9 "$worker" 2>/dev/null || true
		sleep 0.05
	done
	wait $pid || { cat "$T/upgrade"; return 1; }
	wait_for 10 running 2
	ping_server
	[ -z "$(comm -12 <(echo "$before") <(children))" ]
}

# SIGTERM as soon as the old program gives over: it may wait until the new one hears it, which is replacing children.
stopped()
{
	local pid given

	pid=$(daemon)
	given=$(gave_over)
	kill -USR2 "$pid"
	for _ in {1..5000}; do
		[ "$(gave_over)" -gt "$given" ] && break
	done
	gateway_stop
	[ "$(gave_over)" -gt "$given" ]
	grep -q 'nat64d: stopped$' "$T/gateway-nat64d.log"
	host >"$T/after"
	diff "$T/before" "$T/after"
	for pid in $(pgrep -s "$pid" || true); do
		gone "$pid"
	done
}

gave_over()
{
	grep -c ' gives over to ' "$T/gateway-nat64d.log" || true
}

# SIGTERM while the trial runs: nothing is taken over any more.
stopped_at_once()
{
	local pid

	gateway_start
	pid=$(daemon)
	kill -USR2 "$pid"
	kill -TERM "$pid"
	wait_for 15 gone "$pid"
	host >"$T/after"
	diff "$T/before" "$T/after"
}

# When the new program cannot take over after all, behind the point of no return, the workers go on, and a start takes
# over from them.
too_late()
{
	local pid

	gateway_start
	pid=$(daemon)
	replace "$T/late"
	exits 1 ctl upgrade
	cat "$T/said"
	wait_for 5 gone "$pid"
	grep -q 'cannot take over from the nat64d before' "$T/gateway-nat64d.log"
	ping_server
	replace "$build/nat64d"
	gateway_start
	grep -q 'goes on with the bindings' "$T/gateway-nat64d.log"
	[ "$(ctl --json show bindings | pick "len(d['bindings'])")" -gt 0 ]
	ping_server
	gateway_stop
	wait_for 5 as_before
}

as_before()
{
	host | diff "$T/before" -
}

net_up
RUN=$SHM
WORKERS=2 config "${long[@]}"
mkdir "$T/bin" "$T/www" "$SHM"
cp "$B"/nat64{d,-worker,-ctld} "$T/bin"
ln -s "$B/nat64ctl" "$T/bin"
head -c 60000000 /dev/urandom >"$T/www/file"
start server python3 "$top/tests/net.py" drip 203.0.113.2 80 "$T/www/file" 1000000
cp "$T/pid" "$T/drip.pid"
echo_server server 203.0.113.2 7
wait_for 5 listening server 80
wait_for 10 settled
host >"$T/before"
B=$T/bin
WORKERS=2
check 'five other nat64d are built' build_others
check 'another build, with another layout' relaid
now=$("$build/nat64d" --version | cut -d' ' -f2)
begin
check 'the same version, under load' under_load upgraded "$now"
check 'twice in a row, under load' under_load twice "$now"
check 'while nat64.ini is half edited' half_edited "$now"
replace "$T/newer"
check 'another version, under load' under_load upgraded 9.9.9
check 'refused: the file is missing' missing
check 'refused: it is not executable' not_executable
check 'refused: another state' other_state
check 'refused: shared memory that means something else' other_dialect
check 'refused: half of another build' half_installed
check 'refused: it does not know an option of ours' other_options
check 'refused: it ends at once' exits_at_once
check 'refused: it crashes' crashes
check 'refused: it hangs' hangs
check 'refused: no nat64-worker' no_worker
replace "$build/nat64d"
check 'back to the version before' upgraded "$now"
check 'to another layout, under load' under_load to_layout "$T/relaid" 7.7.7
check 'a reload' still_reloads
check 'and back, under load' under_load to_layout "$build" "$now"
check 'killed on the way between layouts' killed_between_layouts
check 'a worker killed meanwhile' worker_killed
check 'law 1' law1
check 'SIGTERM right after it' stopped
for _ in 1 2 3; do
	check 'start again' gateway_start
	check 'SIGTERM right after it, again' stopped
done
check 'SIGTERM right behind the request' stopped_at_once
check 'the new one fails too late' too_late
finish
