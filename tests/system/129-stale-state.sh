#!/usr/bin/env bash
# 129-stale-state.sh - what an earlier nat64d left is old, damaged or somebody's trap: refused by name, and a fresh start works
source "$(dirname "$0")/../lib.sh"

estate=$SHM/estate region=$SHM/lab.region

# fresh WORDS COMMAND... - with all killed, or as DYING says, and COMMAND done to what is left, a start says these words and
# that it starts afresh; its tables are empty, and it works
fresh()
{
	local dying

	for dying in ${DYING:-kill_all}; do
		talk
		$dying
		"${@:2}"
		gateway_start
		cat "$T/gateway-nat64d.log"
		grep -qE "warning: .*$1.*starting afresh" "$T/gateway-nat64d.log"
		[ -z "$(bindings)" ]
		ping_server
		wait_for 5 five
		[ "$(find "$SHM" -mindepth 1 | wc -l)" = 4 ]
		[ "$(ip -n "n64t-$$-gateway" -o link show type tun | wc -l)" = 1 ]
		[ "$(find "$SHM" -name '*.region' -perm 600 -user root -type f | wc -l)" = 1 ]
	done
}

# kept COMMAND... - COMMAND is done to what is left, and the bindings go on all the same; with DYING as above
kept()
{
	local binding dying

	for dying in ${DYING:-kill_all}; do
		binding=$(talk)
		$dying
		"$@"
		gateway_start
		cat "$T/gateway-nat64d.log"
		[ "$(talk)" = "$binding" ]
		[ "$(ip -n "n64t-$$-gateway" -o link show type tun | wc -l)" = 1 ]
		wait_for 5 four_files
	done
}

# four_files - estate, table, lock and socket; nothing of the table before
four_files()
{
	[ "$(find "$SHM" -mindepth 1 | tee /dev/stderr | wc -l)" = 4 ]
}

# brought WORDS COMMAND... - the same, and the bindings were brought over into a new table for this reason
brought()
{
	kept "${@:2}"
	grep -qE "$1.*brought over into a new table" "$T/gateway-nat64d.log"
	grep -q 'the bindings have been brought over' "$T/gateway-nat64d.log"
	wait_for 5 five
}

# flip FILE BYTE - its lowest bit
flip()
{
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([b ^ 1]))' "$1" "$2"
}

# flip_address - of the pool's addresses, which lie where the region says (struct layout_shape)
flip_address()
{
	flip "$region" "$(od -An -tu4 -j52 -N4 "$region")"
}

fresh_start()
{
	kill_all
	rm "$estate"
	gateway_start
}

edit()
{
	python3 "$top/tests/estate.py" "$estate" "$@"
}

# as_link FILE - it is a link to what it was
as_link()
{
	mv "$1" "$T/aside"
	ln -s "$T/aside" "$1"
}

two_names()
{
	ln "$1" "$SHM/other.new"
}

a_directory()
{
	rm "$1"
	mkdir "$1"
}

# Removing what stands in the way by hand is all that a directory asks for.
directory_refused()
{
	kill_all
	a_directory "$estate"
	exits 1 timeout 20 ip netns exec "n64t-$$-gateway" "$B/nat64d" -c "$T/nat64.ini"
	grep -q 'is refused' "$T/said"
	rmdir "$estate"
	gateway_start
}

device_deleted()
{
	ip -n "n64t-$$-gateway" link delete nat64
}

megas=1
key_changed()
{
	megas=$((megas + 1))
	config "max-sessions = ${megas}M"
}

subscribers=64
subscriber_changed()
{
	subscribers=$((subscribers - 8))
	config "subscriber-prefix = $subscribers"
}

# So many addresses that a table with one shard cannot hold them.
few_shards()
{
	WORKERS=1 config 'max-sessions = 1k'
	fresh_start
	talk
	kill_all
	WORKERS=1 config 'max-sessions = 1k' 'pool = 198.51.100.128/25'
	gateway_start
	cat "$T/gateway-nat64d.log"
	grep -q 'too small a number of shards.*starting afresh' "$T/gateway-nat64d.log"
	ping_server
}

# Wherever the workers' own words are garbage, neither nat64d nor the next workers fall over it.
spoilt()
{
	kill_all
	python3 - "$region" <<-'END'
		import os, random, sys
		f = open(sys.argv[1], "r+b")
		size = os.path.getsize(sys.argv[1])
		for _ in range(2000):
		    f.seek(random.randrange(2 << 20, size - 64))
		    f.write(os.urandom(64))
	END
	gateway_start
	talk || true
	ping_server || true
	sleep 1
	running 2
	! grep -E 'died|error' "$T/gateway-nat64d.log"
}

# The tenant is called otherwise now: nothing of the old one stays.
tenant_gone()
{
	talk
	kill_nat64d
	sed -i 's/tenant lab/tenant shop/; s/^device.*/device = shop/' "$T/nat64.ini"
	gateway_start
	ping_server
	[ "$(ip -n "n64t-$$-gateway" -o link show type tun | wc -l)" = 1 ]
	expect shop -- ip -n "n64t-$$-gateway" link show type tun
	[ ! -e "$region" ]
	wait_for 5 five
	config
	kill_all
	gateway_start
}

# Without an estate nobody knows the workers; they leave with their device.
estate_gone()
{
	talk
	kill_nat64d
	rm "$estate"
	gateway_start
	ping_server
	bindings >"$T/now"
	exits 1 grep 7001 "$T/now"
	wait_for 5 five
}

# A process that has the pid of a worker now, but is none, lives on.
bystander()
{
	local pid

	kill_nat64d
	start gateway sleep 1000
	pid=$(cat "$T/pid")
	python3 - "$estate" "$pid" <<-'END'
		import struct, sys
		data = bytearray(open(sys.argv[1], "rb").read())
		at, = struct.unpack_from("<I", data, 64)
		word, = struct.unpack_from("<Q", data, at + 8)
		word = (word & (1 << 56) - 1) >> 22 << 22 | int(sys.argv[2])
		word |= sum(word >> s & 0xff for s in range(0, 56, 8)) % 256 << 56
		struct.pack_into("<Q", data, at + 8, word)
		open(sys.argv[1], "r+b").write(data)
	END
	gateway_start
	alive "$pid"
	ping_server
	end "$pid"
	for pid in $(ours); do
		kill -9 "$pid"
	done
	gateway_start
}

# Where the run directory is no tmpfs, it says what that means, and a start after a death works.
no_tmpfs()
{
	gateway_stop
	RUN=/var/tmp/n64t-$$
	config
	gateway_start
	grep -q 'is not on a tmpfs' "$T/gateway-nat64d.log"
	talk
	kill_nat64d
	gateway_start
	grep -q 'was not kept in a file.*starting afresh' "$T/gateway-nat64d.log"
	ping_server
	gateway_stop
	rmdir "$RUN"
}

# Likewise where it is one that is too small.
small_tmpfs()
{
	RUN=$T/small
	mkdir "$RUN"
	config
	: >"$T/gateway-nat64d.log"
	# shellcheck disable=SC2016
	start gateway unshare -m sh -c 'mount -t tmpfs -o size=8M none "$1" && exec "$2" -c "$3"' \
		sh "$RUN" "$B/nat64d" "$T/nat64.ini"
	cp "$T/pid" "$T/nat64d.pid"
	wait_for 20 grep -q 'nat64d: ready' "$T/gateway-unshare.log"
	grep -q 'MB free and the tables may come to need' "$T/gateway-unshare.log"
	gateway_stop
}

stops()
{
	gateway_stop
	nothing_left
}

net_up
RUN=$SHM
mkdir "$RUN"
WORKERS=2
GATEWAY='metrics = off'
config
echo_server server 203.0.113.2 7
wait_for 10 settled
host >"$T/before"
begin
check 'nothing done to it: the bindings go on' kept true
check 'the device was deleted: the bindings go on' kept device_deleted
check 'garbage where workers write' spoilt
check 'afresh after that' fresh_start
DYING='kill_nat64d kill_all' check 'an estate from before a reboot' fresh 'before a reboot' \
	edit boot 11111111-2222-3333-4444-555555555555
check 'of another pid namespace' fresh 'another pid namespace' edit pid_space 1
check 'of a version that keeps it otherwise' fresh 'keeps its state otherwise' edit version 4711
DYING='kill_nat64d kill_all' check 'of one that lays out memory otherwise: the bindings are brought over' \
	brought 'lays out shared memory otherwise' edit kin 4711
check 'of one that was bringing them over' brought 'was bringing them over' edit kin 0
check 'with another device' kept edit device nat65
check 'cut off' fresh 'another size|no state' truncate -s 5000 "$estate"
check 'empty' fresh 'no state' truncate -s 0 "$estate"
check 'a bit of its head' fresh 'no state' flip "$estate" 3
check 'a bit of a child' fresh 'is damaged' flip "$estate" 121
DYING='kill_nat64d kill_all' check 'a bit of its text' fresh 'damaged' flip "$estate" 9000
check 'readable by others' fresh 'others than root' chmod 644 "$estate"
check 'of another owner' fresh 'belong to root' chown 65534 "$estate"
check 'a link' fresh 'symbolic link' as_link "$estate"
check 'with two names' fresh 'more than one name' two_names "$estate"
check 'a directory' directory_refused
check 'a region of another size' fresh 'header or its size' truncate -s 1M "$region"
check 'a bit of its header' fresh 'header or its size' flip "$region" 9
DYING='kill_nat64d kill_all' check 'a bit of its pool' fresh 'is damaged' flip_address
check 'a bit of its secrets' fresh 'is damaged' flip "$region" 70000
check 'it is missing' fresh 'No such file' rm "$region"
check 'it is a link' fresh 'symbolic link' as_link "$region"
check 'it is readable by others' fresh 'others than root' chmod 640 "$region"
DYING='kill_nat64d kill_all' check 'a key that shaped it has changed: the bindings are brought over' \
	brought 'max-sessions was changed' key_changed
DYING='kill_nat64d kill_all' check 'what deals subscribers to shards has changed' \
	fresh 'subscriber-prefix was changed' subscriber_changed
check 'there are more addresses than shards can hold' few_shards
config
check 'afresh after that' fresh_start
check 'a tenant is gone' tenant_gone
check 'the estate is gone' estate_gone
check 'a pid was given to somebody else' bystander
check 'law 1' law1
check 'no tmpfs' no_tmpfs
check 'a small tmpfs' small_tmpfs
RUN=$SHM
config
check 'start again' gateway_start
check 'it stops, and nothing is left' stops
finish
