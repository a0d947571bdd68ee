#!/usr/bin/env bash
# ctl-standalone.sh - nat64-ctld and nat64ctl without a gateway: formats, HTTP, the closed doors, readers of all kinds
#
# ctl_parent.c makes up a supervisor with two tenants, the first with 60000 bindings. Everything happens on loopback and
# in a directory of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."
B=$(realpath "${B:-build}")
T=$(mktemp -d /tmp/n64ctl-XXXXXX)
passed=0 failed=0
pids=()

on_exit()
{
	local rc=$?

	trap '' INT TERM
	kill "${pids[@]}" 2>/dev/null || true
	wait
	rm -rf "$T"
	exit $rc
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check WHAT COMMAND... - a check is a command that succeeds
check()
{
	if "${@:2}" >"$T/out" 2>&1; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		echo "FAILED $1"
		head -20 "$T/out"
	fi
}

# ends STATUS COMMAND... - it ends with this exit status
ends()
{
	local rc=0

	"${@:2}" || rc=$?
	[ "$rc" = "$1" ] || { echo "exit status $rc, not $1"; return 1; }
}

ctl()
{
	"$B/nat64ctl" -s "$T/control.sock" "$@"
}

start()
{
	rm -f "$T/control.sock" "$T/ports"
	"$T/ctl_parent" "$B/nat64-ctld" "$T" "$1" 2>>"$T/log" &
	parent=$!
	pids+=("$parent")
	for _ in {1..100}; do
		if [ -e "$T/ports" ] && ctl show status >"$T/out" 2>&1; then break; fi
		sleep 0.1
	done
	ctld=$(cat "$T/ctld")
	read -r port4 port6 <"$T/ports"
	url=http://127.0.0.1:$port4
}

alive()
{
	[ "$(cat "$T/ctld")" = "$ctld" ] && [ -e "/proc/$ctld" ] && ctl show status
}

sanitize=
case $B in *-asan*) sanitize=-fsanitize=address,undefined ;; *-tsan*) sanitize=-fsanitize=thread ;; esac
"${CC:-gcc}" -std=c17 -D_GNU_SOURCE -iquote . -Wall -Wextra -Werror -O1 -g ${sanitize:+"$sanitize"} \
	-o "$T/ctl_parent" tests/system/ctl_parent.c "$B/libnat64.a"

check "nat64-ctld started by hand says so" ends 2 "$B/nat64-ctld"
check "no socket: exit 3" ends 3 ctl show status
start 60000

# every verb, every format
for what in status tenants workers "bindings limit=500" "sessions limit=500" pools counters config; do
	read -ra words <<<"show $what"
	# shellcheck disable=SC2317 # called by check
	json() { ctl --json "${words[@]}" | jq -e ".schema == 1 and (.${what%% *} // .tenants | length > 0)"; }
	# shellcheck disable=SC2317
	csv() { ctl --csv "${words[@]}" | python3 -c 'import csv, sys
rows = list(csv.reader(sys.stdin, strict=True)); assert len(rows) > 1 and len({len(r) for r in rows}) == 1, rows[:3]'; }
	check "$what" ctl "${words[@]}"
	check "$what --json" json
	check "$what --csv" csv
done
check "all 60002 bindings are shown" test "$(ctl --json show bindings | jq '.bindings | length')" = 60002
check "all 80001 sessions are shown" test "$(ctl --json show sessions | jq '.sessions | length')" = 80001
check "as many as lines of text" test "$(ctl show sessions | wc -l)" = 80002
check "a filter finds one" test "$(ctl --csv show bindings ip6=2001:db8:1::4d2 | wc -l)" = 2

# usage
check "unknown command: exit 2" ends 2 ctl dance
check "unknown table: exit 2" ends 2 ctl show dance
check "unknown filter: exit 2" ends 2 ctl show bindings colour=blue
check "filter of another table: exit 2" ends 2 ctl show workers port=80
check "bad value: exit 2" ends 2 ctl show bindings port=65536
check "unknown tenant: exit 2" ends 2 ctl show bindings tenant=red
check "words with blanks: exit 2" ends 2 ctl show bindings "tenant=blue limit=1"
check "no words: exit 2" ends 2 ctl
check "help without a daemon" "$B/nat64ctl" -s /nonexistent help sessions
check "restart of one tenant is refused: exit 2" ends 2 ctl restart blue
check "a full device: exit 1" ends 1 sh -c "'$B/nat64ctl' -s '$T/control.sock' show sessions >/dev/full"

# HTTP
metrics() { curl -sSf "$url/metrics" | promtool check metrics; }
# what GET PATTERN - the reply's head and body have a line like this
has() { curl -sSi "${@:2}" >"$T/http" && tr -d '\r' <"$T/http" | grep -E "$1"; }
check "promtool finds nothing" metrics
check "content type of text" has '^Content-Type: text/plain; version=0\.0\.4; charset=utf-8$' "$url/metrics"
check "content type of OpenMetrics" has '^Content-Type: application/openmetrics-text; version=1\.0\.0; charset=utf-8$' \
	-H 'Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1' "$url/metrics"
check "OpenMetrics ends with EOF" has '^# EOF$' -H 'Accept: application/openmetrics-text' "$url/metrics"
check "the IPv6 listener answers" has '^nat64_build_info' "http://[::1]:$port6/metrics"
check "HTTP/1.0" has '^nat64_build_info' -0 "$url/metrics"
check "index" has '/metrics' "$url/"
check "404" has '^HTTP/1.1 404' "$url/x"
check "405" has '^HTTP/1.1 405' -X POST -d x "$url/metrics"
check "HEAD" has '^HTTP/1.1 200' -I "$url/metrics"
check "no user's address in a metric" ends 1 has '2001:db8|203\.0\.113' "$url/metrics"

# the closed doors
status() { grep -qxP "$1:\s+$2" "/proc/$ctld/status"; }
case $B in *-asan* | *-tsan*) ;; *)
	check "seccomp" status Seccomp 2 ;;
esac
check "no new privileges" status NoNewPrivs 1
check "own uid" status Uid '64640\s+64640\s+64640\s+64640'
check "no capability" status CapEff 0+
check "no capability ever" status CapBnd 0+
check "no writable shared memory" sh -c "! grep -E ' (rw.s|.w.s|rwx)' /proc/$ctld/maps"
check "no descriptor of a memfd" sh -c "! ls -l /proc/$ctld/fd | grep -q memfd"

# hostile and slow readers
check "garbage" sh -c "! printf 'GARBAGE\n\r\n' | timeout 5 nc -N -U '$T/control.sock' | grep -q ok"
check "an endless line" sh -c "head -c 100000 /dev/zero | tr '\0' a | timeout 5 nc -N -U '$T/control.sock' || true"
check "a request in pieces" sh -c "(printf 'json sh'; sleep 0.3; printf 'ow status\n') |
	timeout 5 nc -U '$T/control.sock' | grep -q schema"
check "a reader that goes away" sh -c "'$B/nat64ctl' -s '$T/control.sock' show sessions | head -1"
check "it lives" alive
python3 - "$T/control.sock" "$port4" >"$T/slow" <<'PYTHON' &
import socket, sys, time
held = []
for i in range(20):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(b"json show sessions\n")
    held.append(s)
for i in range(40):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
    held.append(s)
print("ready", flush=True)
time.sleep(5)
parts = []
while not parts or parts[-1]:
    parts.append(held[0].recv(65536))
whole = b"".join(parts)
print(whole.count(b"\n{\"tenant"), whole[-1:])
PYTHON
slow=$!
pids+=("$slow")
for _ in {1..50}; do grep -q ready "$T/slow" && break; sleep 0.1; done
check "20 stalled readers delay nobody" timeout 2 "$B/nat64ctl" -s "$T/control.sock" show status
check "nor do 40 stalled scrapes" has ^nat64_build -m 4 "http://[::1]:$port6/metrics"
case $B in *-asan* | *-tsan*) ;; *)
	check "their memory is bounded" sh -c "awk '/RssAnon/ { exit \$2 > 12000 }' /proc/$ctld/status" ;;
esac
wait "$slow"
check "a stalled reader gets the whole table in the end" grep -qx "80001 b'.x00'" "$T/slow"
check "40 silent connections are closed" timeout 20 python3 - "$T/control.sock" <<'PYTHON'
import socket, sys
held = [socket.socket(socket.AF_UNIX) for _ in range(40)]
for s in held:
    s.connect(sys.argv[1])
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"text show status\n")
assert s.recv(100).startswith(b"ok\n")
PYTHON
check "it lives" alive

# what changes something
reload() { ctl reload | grep -x 'reloaded: blue: 1 key changed'; }
check "reload" reload
check "a reload that fails: exit 1" ends 1 ctl reload
check "its message is in the status" sh -c "'$B/nat64ctl' -s '$T/control.sock' show status |
	grep -q 'last reload FAILED'"
check "restart waits for all to run" sh -c "! timeout 2 '$B/nat64ctl' -s '$T/control.sock' restart"

# a daemon that dies
mkfifo "$T/pipe"
rc=0
ctl --json show sessions >"$T/pipe" 2>"$T/err" &
client=$!
exec 9<"$T/pipe"
head -c 1000 <&9 >"$T/out"
kill -9 "$ctld"
cat <&9 >"$T/out"
wait "$client" || rc=$?
exec 9<&-
check "a reply that breaks off: exit 1" test "$rc" = 1
check "and says so" grep -q 'broke off' "$T/err"
wait "$parent" || true
check "socket without a daemon: exit 3" ends 3 ctl show status
start 10
check "stop" ctl stop
check "nothing runs any more" sh -c "! [ -e /proc/$ctld ]"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
