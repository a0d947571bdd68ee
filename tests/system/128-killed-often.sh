#!/usr/bin/env bash
# 128-killed-often.sh - SIGKILL at random moments of a start, of work, of a stop, alone or with all workers: the next start
# works
#
# SEED=N repeats a run.
# alone: it kills at moments of a start
source "$(dirname "$0")/../lib.sh"

RANDOM=${SEED:=$$}
echo "seed $SEED"

begin_start()
{
	: >"$T/gateway-nat64d.log"
	start gateway "$B/nat64d" -c "$T/nat64.ini"
	cp "$T/pid" "$T/nat64d.pid"
}

# moment MOST - sleep at most that many milliseconds
moment()
{
	sleep "$(printf '0.%03d' $((RANDOM % $1)))"
}

# strike - nat64d alone, or everything
strike()
{
	local pids

	if ((RANDOM % 2)); then
		mapfile -t pids < <(ours)
	else
		pids=("$(cat "$T/nat64d.pid")")
	fi
	kill -9 "${pids[@]}" 2>/dev/null || true
	wait_for 5 gone "$(cat "$T/nat64d.pid")"
}

# Whatever happened, the next start is ready, and what it says is that it took over, or why it did not.
works()
{
	gateway_start
	ping_server
	! grep -q 'nat64d: error' "$T/gateway-nat64d.log"
}

# Once the bindings are there, no death of whatever process takes them away.
starting()
{
	local bindings=$1

	for _ in {1..25}; do
		begin_start
		moment 150
		strike
	done
	works
	[ "$(talk)" = "$bindings" ]
}

working()
{
	local bindings=$1

	for _ in {1..6}; do
		moment 300
		strike
		works
		[ "$(talk)" = "$bindings" ]
	done
}

# A stop takes the bindings away sooner or later; what is left of it must not be in the way.
stopping()
{
	for _ in {1..12}; do
		kill "$(cat "$T/nat64d.pid")"
		moment 40
		strike
		works
		talk
	done
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
binding=$(talk)
check 'killed 25 times while it starts' starting "$binding"
check 'killed while it works' working "$binding"
check 'killed while it stops' stopping
check 'law 1' law1
check 'it stops, and nothing is left' stops
finish
