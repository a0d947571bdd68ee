#!/usr/bin/env bash
# reloads.sh [N] - nat64d is killed N times in the middle of a reload that adds, changes and removes tenants, and started again
#
# Alone or with all workers; nat64.ini may be yet another one by the next start. Then there is what it names and nothing else, and
# the tenant that stays all the while has its binding still. Every fourth reload may end. SEED=N repeats a run.
source "$(dirname "$0")/../lib.sh"

rounds=${1:-30}
RANDOM=${SEED:=$$}
echo "seed $SEED"

# section NAME - what the tenant has; pools and prefixes of green and red are the same, and they are never there together
section()
{
	case $1 in
	lab) printf '%s\n' 'pool = 198.51.100.8/29' 'device = nat64' 'workers = 2' ;;
	blue) printf '%s\n' 'pool = 198.51.100.16/30' 'prefix = 2001:db8:b::/96' "workers = $((RANDOM % 2 + 1))" ;;
	green | red) printf '%s\n' 'pool = 198.51.100.20/30' 'prefix = 2001:db8:c::/96' 'workers = 1' ;;
	grey) printf '%s\n' 'pool = 198.51.100.24/30' 'prefix = 2001:db8:d::/96' 'workers = 2' ;;
	esac
	printf '%s\n' 'source = 2001:db8::/32' 'allow = 203.0.113.0/24' 'max-sessions = 10k'
}

# choose - another set of tenants, in another order, to $T/set and $T/nat64.ini. No subshell, for the sake of SEED.
choose()
{
	local name set=(lab) last=(green red '') i at

	((RANDOM % 2)) && set+=(blue)
	((RANDOM % 2)) && set+=(grey)
	name=${last[RANDOM % 3]}
	[ -z "$name" ] || set+=("$name")
	for ((i = ${#set[@]} - 1; i > 0; i--)); do
		at=$((RANDOM % (i + 1)))
		name=${set[i]}
		set[i]=${set[at]}
		set[at]=$name
	done
	printf '%s\n' "${set[@]}" >"$T/set"
	printf '%s\n' '[gateway]' "run-dir = $RUN" 'metrics = off' 'spares = 1' >"$T/nat64.ini"
	while read -r name; do
		echo "[tenant $name]"
		section "$name"
	done <"$T/set" >>"$T/nat64.ini"
}

prefix()
{
	case $1 in
	lab) echo 64:ff9b: ;;
	blue) echo 2001:db8:b: ;;
	grey) echo 2001:db8:d: ;;
	*) echo 2001:db8:c: ;;
	esac
}

# there - the tenants that something is there of: processes, devices, guards, tables, what is shown
there()
{
	local pid

	for pid in $(ours); do
		ps -o args= -p "$pid" | sed -n 's/^nat64-worker /worker /p'
	done | sort -u
	ns gateway ip -o link show type tun | sed 's/^[0-9]*: \([a-z0-9]*\):.*/device \1/; s/ nat64$/ lab/'
	ns gateway nft list tables | sed -n 's/^table inet nat64d-/guard /p' | sed 's/ nat64$/ lab/'
	find "$RUN" -name '*.region*' | sed 's,.*/\([a-z]*\)[.].*,table \1,'
	ctl --json show tenants | pick "['shown ' + t['name'] + '\n' for t in d['tenants']]" | sed 's/^ //; /^$/d'
}

# exact - those in $T/set are there, each once, and nothing of any other
exact()
{
	local name

	while read -r name; do
		printf '%s\n' "worker $name" "device $name" "guard $name" "table $name" "shown $name"
	done <"$T/set" | sort >"$T/wanted"
	there | sort | diff "$T/wanted" -
}

right()
{
	local name

	wait_for 5 exact
	while read -r name; do
		ns client ping -6 -n -q -c 1 -W 5 "$(prefix "$name"):203.0.113.2"
	done <"$T/set"
	[ "$(talk)" = "$1" ]
	[ "$(grep -c 'nat64d: error' "$T/gateway-nat64d.log")" = 0 ]
}

strike()
{
	local pids

	pids=("$(cat "$T/nat64d.pid")")
	if ((RANDOM % 3 == 0)); then
		mapfile -t pids < <(ours)
	fi
	kill -9 "${pids[@]}" 2>/dev/null || true
	wait_for 5 gone "$(cat "$T/nat64d.pid")"
}

rounds()
{
	local binding=$1 round moment

	for ((round = 0; round < rounds; round++)); do
		choose
		if ((round % 4 == 0)); then
			exits 0 ctl reload
		else
			kill -HUP "$(cat "$T/nat64d.pid")"
			printf -v moment '0.%03d' $((RANDOM % 600))
			sleep "$moment"
			strike
			((RANDOM % 3)) || choose
			gateway_start
		fi
		right "$binding" || { echo "round $round, SEED=$SEED, set: $(paste -sd' ' "$T/set")"; return 1; }
	done
	echo "reloads: $rounds, every tenant right after each"
}

stops()
{
	gateway_stop
	nothing_left
}

net_up
RUN=$SHM
mkdir "$RUN"
choose
echo_server server 203.0.113.2 7
wait_for 10 settled
host >"$T/before"
begin
binding=$(talk)
check 'nat64d is killed in the middle of reloads' rounds "$binding"
check 'law 1' law1
check 'it stops, and nothing is left' stops
finish
