#!/usr/bin/env bash
# 150-sandbox.sh - what the running children can still do, as the kernel sees it from outside
#
# For every child: filter, capabilities, uid, descriptors, mappings, namespaces, root; and a worker that is stopped and
# continued, whose sleep is interrupted so, goes on.
source "$(dirname "$0")/../lib.sh"

# row PID NAME VALUE - a line of /proc/PID/status
row()
{
	local is

	is=$(sed -n "s/^$2:[ \t]*//p" "/proc/$1/status" | xargs)
	[ "$is" = "$3" ] || { echo "$2 of $1 is <$is>, not <$3>"; return 1; }
}

# locked PID UID
locked()
{
	local cap

	row "$1" Seccomp 2
	row "$1" NoNewPrivs 1
	for cap in CapInh CapPrm CapEff CapBnd CapAmb; do
		row "$1" $cap 0000000000000000
	done
	row "$1" Uid "$2 $2 $2 $2"
	row "$1" Gid "$2 $2 $2 $2"
	row "$1" Groups ''
	row "$1" Threads 1
}

all_locked()
{
	local pid

	for pid in $(worker_pids); do
		locked "$pid" 64641
	done
	locked "$(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld)" 64640
}

# supervisor_locked - nat64d has a filter, nothing effective, and gains nothing by an exec
supervisor_locked()
{
	local pid

	pid=$(cat "$T/nat64d.pid")
	row "$pid" Seccomp 2
	row "$pid" Seccomp_filters 1
	row "$pid" NoNewPrivs 1
	row "$pid" CapEff 0000000000000000
	row "$pid" Threads 1
}

# After an upgrade it has the same filter, and not a second one.
upgraded()
{
	ctl upgrade
	supervisor_locked
}

# reader_waits - $T/reader is the pid of a process that wants to parse $T/fifo, which 9 is the other end of; $1 is its parent
reader_waits()
{
	wait_for 10 pgrep -P "$1" nat64d
	pgrep -P "$1" nat64d >"$T/reader"
	wait_for 10 row "$(cat "$T/reader")" Seccomp 2
}

# The process that parses nat64.ini: caught in the middle, as it waits for the rest of a file that is a pipe.
reader()
{
	local pid rc=0

	rm -f "$T/fifo"
	mkfifo "$T/fifo"
	"$B/nat64d" -c "$T/fifo" --check >"$T/checked" 2>&1 &
	pid=$!
	exec 9>"$T/fifo"
	reader_waits $pid
	locked_reader "$(cat "$T/reader")"
	cat "$T/nat64.ini" >&9
	exec 9>&-
	wait $pid || rc=$?
	cat "$T/checked"
	[ $rc = 0 ] && grep -q ': ok, 1 tenant' "$T/checked"
}

locked_reader()
{
	local cap

	row "$1" NoNewPrivs 1
	for cap in CapInh CapPrm CapEff CapAmb; do
		row "$1" $cap 0000000000000000
	done
	row "$1" Uid '64640 64640 64640 64640'
	row "$1" Gid '64640 64640 64640 64640'
	row "$1" Groups ''
	[ "$(find "/proc/$1/fd" -type l -printf '%f\n' | sort -n | xargs)" = '0 1' ]
	! grep -E '^[^ ]+ .wx' "/proc/$1/maps"
}

# When it dies, that is a problem like any other.
reader_dies()
{
	local pid rc=0

	"$B/nat64d" -c "$T/fifo" --check >"$T/checked" 2>&1 &
	pid=$!
	exec 9>"$T/fifo"
	reader_waits $pid
	kill -9 "$(cat "$T/reader")"
	wait $pid || rc=$?
	exec 9>&-
	cat "$T/checked"
	[ $rc = 2 ] && grep -q 'the process that read it died of signal 9' "$T/checked"
}

# A worker: its queue, its bell, the pipe that it was called through and which is at its end, the bell of the other one.
descriptors()
{
	local pid fds other=17

	for pid in $(worker_pids); do
		fds=$(find "/proc/$pid/fd" -type l -printf '%f %l\n' | sort -n)
		echo "$fds"
		[ "$(cut -d' ' -f1 <<<"$fds" | xargs)" = "3 4 6 $other" ]
		grep -q '^3 .*/net/tun$' <<<"$fds"
		[ "$(grep -c 'anon_inode:\[eventfd\]' <<<"$fds")" = 2 ]
		grep -q '^6 pipe:' <<<"$fds"
		other=$((33 - other))
	done
}

ctl_descriptors()
{
	local fds

	fds=$(find "/proc/$(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld)/fd" -type l -printf '%f %l\n' | sort -n)
	echo "$fds"
	! grep -E 'tun|memfd' <<<"$fds"
}

maps()
{
	local pid

	for pid in $(worker_pids) $(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld); do
		grep -E '^[^ ]+ .wx' "/proc/$pid/maps" && return 1
	done
	# ctl maps every region, and none of them writable
	grep memfd "/proc/$pid/maps"
	! grep -E '^[^ ]+ .w.*memfd' "/proc/$pid/maps"
}

namespaces()
{
	local pid kind parent

	parent=$(cat "$T/nat64d.pid")
	for pid in $(worker_pids) $(pgrep -P "$parent" nat64-ctld); do
		for kind in net mnt ipc uts; do
			if [ "$(readlink "/proc/$pid/ns/$kind")" = "$(readlink "/proc/$parent/ns/$kind")" ]; then
				echo "$pid shares the $kind namespace of nat64d"
				return 1
			fi
		done
		[ -z "$(ls -A "/proc/$pid/root/")" ] || { echo "$pid sees files:"; ls -A "/proc/$pid/root/"; return 1; }
	done
}

# as_worker PID UID PYTHON - run it in the mount namespace of PID, with the uid but not the filter of a worker
as_worker()
{
	python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.setns(os.open(f"/proc/{sys.argv[1]}/ns/mnt", os.O_RDONLY), 0x20000):
    sys.exit("setns: " + os.strerror(ctypes.get_errno()))
if int(sys.argv[2]):
    os.setgroups([])
    os.setresgid(*[int(sys.argv[2])] * 3)
    os.setresuid(*[int(sys.argv[2])] * 3)
exec(sys.argv[3])' "$@"
}

# The children live in one mount namespace: a tmpfs that is read-only even for root, and where no child may mount.
nowhere()
{
	local pid ctld mounts

	ctld=$(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld)
	for pid in $(worker_pids); do
		[ "$(readlink "/proc/$pid/ns/mnt")" = "$(readlink "/proc/$ctld/ns/mnt")" ]
		mounts=$(cat "/proc/$pid/mountinfo")
		echo "$mounts"
		[[ $mounts == *' / / ro,'*' - tmpfs '* ]]
		[ "$(wc -l <<<"$mounts")" = 1 ]
	done
	as_worker "$pid" 0 'try: os.mkdir("/x")
except OSError as e: sys.exit(e.errno != 30)
else: sys.exit("root could make a directory")'
	as_worker "$pid" 64641 'if os.listdir("/"): sys.exit("there are files")
if libc.mount(b"", b"/", b"tmpfs", 0, None) == 0: sys.exit("it could mount")
sys.exit(ctypes.get_errno() != 1)'
}

# Every missing layer is told, and here none is.
told()
{
	ctl --json show workers | pick "[w['sandbox'] for w in d['workers']]" | tee "$T/sandbox"
	! grep -qi missing "$T/sandbox"
}

continued()
{
	local pid before

	before=$(worker_pids)
	for pid in $before; do
		kill -STOP "$pid"
		wait_for 5 grep -q '^State:.T' "/proc/$pid/status"
		kill -CONT "$pid"
	done
	wait_for 10 ping_server
	[ "$(worker_pids)" = "$before" ]
}

ctl_continued()
{
	local pid

	pid=$(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld)
	kill -STOP "$pid"
	wait_for 5 grep -q '^State:.T' "/proc/$pid/status"
	kill -CONT "$pid"
	ctl show status
	[ "$(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld)" = "$pid" ]
}

# A stranger with the device's name: it is root's, also while nobody holds a queue.
strangers()
{
	ns gateway python3 -c 'import fcntl, os, struct, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
os.setresuid(65534, 65534, 65534)
try: fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH22x", b"nat64", 0x1101))
except PermissionError: sys.exit(0)
sys.exit("attached")'
}

# attach PID UID - as that user, in all ways there are to get at another process: 0 refused all of them, 1 some way is open
attach()
{
	setpriv --reuid="$2" --regid="$2" --clear-groups --inh-caps=-all python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
here, there = ctypes.create_string_buffer(8), ctypes.c_uint64(0)
class Part(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
mine, its = Part(ctypes.addressof(here), 8), Part(id(libc), 8)
def can(name, what): return [name] if what() else []
def opens(file):
    try: return os.close(os.open(f"/proc/{pid}/{file}", os.O_RDONLY)) is None
    except OSError as e: return e.errno not in (1, 13)
def call(refused, *a):
    ctypes.set_errno(0)
    return libc.syscall(*[ctypes.c_ulong(x) if isinstance(x, int) else x for x in a]) >= 0 or ctypes.get_errno() not in refused
ways = (can("PTRACE_ATTACH", lambda: call((1,), 101, 16, pid, 0, 0))
    + can("PTRACE_SEIZE", lambda: call((1,), 101, 0x4206, pid, 0, 0))
    + can("process_vm_readv", lambda: call((1,), 310, pid, ctypes.byref(mine), 1, ctypes.byref(its), 1, 0))
    + can("pidfd_getfd", lambda: call((1,), 438, os.pidfd_open(pid), 3, 0))
    + [file for file in ("mem", "maps", "environ", "auxv", "fd/3", "exe") if can(file, lambda: opens(file))])
print(*ways)
sys.exit(bool(ways))' "$1"
}

# No debugger attaches to a worker, of whoever runs as its own user; one to a process of that user that does nothing for its
# safety does, or else this would show nothing.
debugger()
{
	local pid other

	for pid in $(worker_pids); do
		attach "$pid" 64641
	done
	attach "$(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld)" 64640
	setpriv --reuid=64641 --regid=64641 --clear-groups --inh-caps=-all sleep 60 &
	other=$!
	wait_for 5 row "$other" Uid '64641 64641 64641 64641'
	exits 1 attach "$other" 64641
	cat "$T/said"
	grep -w maps "$T/said"
	kill -9 "$other" # attaching has stopped it
	ping_server
}

# What nat64d has in its environment, secrets or options for malloc, no child of it sees.
environments()
{
	local pid

	grep -qa CANARY "/proc/$(cat "$T/nat64d.pid")/environ"
	for pid in $(worker_pids) $(pgrep -P "$(cat "$T/nat64d.pid")" nat64-ctld); do
		[ "$(wc -c <"/proc/$pid/environ")" = 0 ]
	done
}

# Nor would options of the C library's malloc make them trip over their filters: here they have some all the same, by programs
# that set them and then become the real ones. They make it ask the kernel, and give back, as often as it can.
malloc_options()
{
	local program

	mkdir "$T/bin"
	cp "$B/nat64d" "$B/nat64ctl" "$T/bin"
	for program in nat64-worker nat64-ctld; do
		cat >"$T/bin/$program" <<-END
			#!/bin/sh
			[ "\$1" = --kin ] || echo \$\$ >>$T/asked
			GLIBC_TUNABLES=glibc.malloc.perturb=85:glibc.malloc.tcache_count=0:glibc.malloc.mmap_threshold=1
			GLIBC_TUNABLES=\$GLIBC_TUNABLES:glibc.malloc.top_pad=0:glibc.malloc.trim_threshold=0
			GLIBC_TUNABLES=\$GLIBC_TUNABLES:glibc.malloc.hugetlb=1
			export GLIBC_TUNABLES MALLOC_ARENA_MAX=1
			exec $B/$program "\$@"
		END
		chmod 755 "$T/bin/$program"
	done
	B=$T/bin
	gateway_start
	[ "$(wc -l <"$T/asked")" -ge 4 ]
	ping_server
	ctl --json show bindings | pick "len(d['bindings'])" | grep -x 1
	ns gateway curl -s http://127.0.0.1:9640/metrics | grep 'nat64_worker_up.* 1'
	ctl --json show workers | pick "sum(w['restarts'] for w in d['workers'])" | grep -x 0
	gateway_stop
	! grep 'died' "$T/gateway-nat64d.log"
}

# Everything a worker might try, each row once; "covered by" is checked: that test must exist and say so.
table()
{
	local row what file word rc=0

	while IFS='|' read -r row what file word; do
		if [ "$file" = - ]; then
			echo "row $row: $what: NOT COVERED: $word"
		elif grep -v '^[[:blank:]]*[0-9]*|' "$top/$file" | grep -cF -- "$word" >"$T/matches"; then
			echo "row $row: $what: covered by $file, \"$word\""
		else
			echo "row $row: $what: $file has no \"$word\""
			rc=1
		fi
	done <<-'END'
		1|every system call number|tests/unit/test_sandbox.c|cmocka_unit_test(every_number)
		1|... of nat64-ctld|tests/unit/test_ctl_doors.c|cmocka_unit_test(every_number)
		1|... of who parses nat64.ini|tests/unit/test_calls.c|numbers_die(calls_reader
		1|... of nat64d|tests/unit/test_calls.c|cmocka_unit_test(every_number)
		2|every number of x32|tests/unit/numbers.c|x32 call
		3|every number of i386|tests/unit/numbers.c|i386 call
		4|read from any other descriptor|tests/unit/test_sandbox.c|behind(reads, fd)
		5|write to any other descriptor|tests/unit/test_sandbox.c|behind(writes, fd)
		6|ppoll of more|tests/unit/test_sandbox.c|behind(polls, n)
		7|ioctl of the queue|tests/unit/test_sandbox.c|"TUNSETQUEUE"
		8|memory, executable or not|tests/unit/test_sandbox.c|"mprotect executable"
		9|files, memfds, seals|tests/unit/test_sandbox.c|"open_by_handle_at"
		10|sockets of all families|tests/unit/test_sandbox.c|"socket vsock"
		11|processes and programs|tests/unit/test_sandbox.c|"execveat"
		12|signals, ptrace, others' memory|tests/unit/test_sandbox.c|"process_vm_readv"
		13|io_uring, bpf, perf, keys|tests/unit/test_sandbox.c|"io_uring_setup"
		14|namespaces, mounts, filters|tests/unit/test_sandbox.c|"pivot_root"
		15|the same with no filter|tests/unit/test_sandbox.c|cmocka_unit_test(without_the_filter)
		16|what /proc says of every child|tests/system/150-sandbox.sh|check 'filter, capabilities, uid'
		17|descriptors and mappings|tests/system/150-sandbox.sh|check 'descriptors of a worker'
		18|namespaces and an empty root|tests/system/150-sandbox.sh|check 'namespaces and root'
		19|SIGSTOP and SIGCONT|tests/system/150-sandbox.sh|check 'SIGSTOP and SIGCONT of workers'
		19|a debugger of its own user|tests/system/150-sandbox.sh|check 'no debugger attaches'
		19|a frozen cgroup|tests/system/153-cgroup.sh|check 'a frozen tenant goes on'
		19|everything is frozen, as for a suspend|tests/system/153-cgroup.sh|check 'a frozen gateway goes on'
		19|frozen for too long, elsewhere|tests/system/153-cgroup.sh|check 'a worker frozen elsewhere is replaced'
		19|time passes while nat64d is stopped|tests/unit/test_crew.c|cmocka_unit_test_setup_teardown(stopped_together
		19|the machine is suspended|-|needs one that suspends
		20|malloc options of the C library|tests/system/150-sandbox.sh|check 'malloc options'
		20|none reaches a child|tests/system/150-sandbox.sh|check 'no child has an environment'
		20|malloc that keeps nothing, behind the door|tests/unit/test_birth.c|scatter();
		20|sanitizer builds say that they have no filter|tests/unit/test_birth.c|missing == BIRTH_seccomp
		20|another C library, for as long as one says|tests/stress/libc.sh|check 'no worker has died'
		20|24 hours|-|no check takes a day
		21|no dead row in the filter|tests/system/152-filter-rows.sh|missed "$row"
		21|... of nat64-ctld|tests/system/152-filter-rows.sh|missed_by_ctld "$row"
		21|... of who parses nat64.ini|tests/system/152-filter-rows.sh|missed_by_reader "$row"
		22|hostile memory under nat64d and ctl|tests/fuzz/fuzz_region.c|Most mangle memory that a worker may write
		23|spoofed packets|tests/system/155-guard.sh|2,000 spoofed packets: none passes
		23|GSO headers on spoofed packets|tests/stress/hostile.c|every third stands for two
		23|no virtio header with offload = off|tests/system/042-offload.sh|check 'offload = off: no virtio header'
		24|a stranger attaches to the device|tests/system/150-sandbox.sh|check 'strangers do not get at the device'
		24|the queue of the other device|tests/unit/test_sandbox.c|cmocka_unit_test(two_devices)
		24|a worker with two devices has a queue of each|tests/system/075-netns.sh|check 'queues of a worker'
		24|a device speaks for the other side|tests/unit/test_loop.c|IPv4 from the IPv6 side
		25|ctl writes to what it maps|tests/unit/test_birth.c|cmocka_unit_test(maps_of_ctl)
		25|ctl makes it writable|tests/unit/test_memory.c|assert_int_equal(mprotect(map
	END
	return $rc
}

net_up
WORKERS=2 config
CANARY=1 MALLOC_PERTURB_=85 GLIBC_TUNABLES=glibc.malloc.mmap_threshold=1:glibc.malloc.hugetlb=1 begin
ping_server
check 'filter, capabilities, uid' all_locked
check 'nat64d has a filter and no right in effect' supervisor_locked
check 'who parses nat64.ini has no right and nothing else' reader
check 'who parses nat64.ini dies' reader_dies
check 'descriptors of a worker' descriptors
check 'descriptors of nat64-ctld' ctl_descriptors
check 'mappings' maps
check 'namespaces and root' namespaces
check 'one namespace with nothing in it' nowhere
check 'the sandbox is told' told
check 'SIGSTOP and SIGCONT of workers' continued
check 'SIGSTOP and SIGCONT of nat64-ctld' ctl_continued
check 'strangers do not get at the device' strangers
check 'no debugger attaches' debugger
check 'no child has an environment' environments
check 'nat64d after an upgrade' upgraded
check 'law 1' law1
check 'the table names tests that exist' table
sed 's/^/    /' "$T/out"
gateway_stop
check 'malloc options' malloc_options
finish
