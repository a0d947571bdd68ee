# shellcheck shell=bash
# killing.sh - a flood across the gateway while workers are killed at regular moments, by a shell that keeps out of the way
#
# Sourced after lib.sh.

# at_work - the pids of the workers that have a slot, spares not; those in $T/workers, if another program than the gateway is there
at_work()
{
	cat "$T/workers" 2>/dev/null || ctl --csv show workers | awk -F, '$4 == "running" { print $3 }'
}

# rest_until MICROSECONDS - of EPOCHREALTIME, without starting a program; fails when that is over
rest_until()
{
	local left=$(($1 - ${EPOCHREALTIME/./})) rest

	((left > 0)) || return 1
	printf -v rest '%d.%06d' $((left / 1000000)) $((left % 1000000))
	read -rt "$rest" -u "$silence" || true
}

# kills SECONDS FLOOD - kill one every 200 ms until the time is over; say how many, and tell the flood with this pid when. Programs
# are started neither just after a kill nor just before one, for they would take the processors from those whom the kill
# concerns. Between two kills there is a moment for comparison, if the machine leaves time for one.
kills()
{
	local killed=0 pid pids next=${EPOCHREALTIME/./} end=$((SECONDS + $1 - 1))

	exec {silence}<> <(:)
	while ((SECONDS < end)); do
		rest_until $((next + 70000)) || next=${EPOCHREALTIME/./}
		mapfile -t pids < <(at_work)
		if rest_until $((next + 150000)); then
			kill -USR2 "$2"
		fi
		rest_until $((next += 200000)) || true
		pid=${pids[RANDOM % (${#pids[@]} ? ${#pids[@]} : 1)]-}
		if [ "$pid" ] && kill -0 "$pid" 2>/dev/null; then
			kill -USR1 "$2" # before, lest the shell is kept waiting between the two
			kill -9 "$pid" 2>/dev/null || true
			killed=$((killed + 1))
		fi
	done
	echo $killed
}

# turned_away - packets that found a queue of the device full
turned_away()
{
	ip -j -s -n "n64t-$$-gateway" link show dev nat64 | pick "d[0]['stats64']['tx']['dropped']"
}

# flood_killed SECONDS RATE FLOWS - what the flood says is in $T/flood then. Prints how many were killed, and how many packets
# a full queue turned away.
flood_killed()
{
	local killed full pid

	full=$(turned_away)
	"$B/tests/stress/flood" "/run/netns/n64t-$$-client" "/run/netns/n64t-$$-server" "$SERVER" 9 "$2" "$1" "$3" >"$T/flood" 2>&1 &
	pid=$!
	sleep 0.5
	killed=$(kills "$1" $pid)
	wait $pid
	echo "$killed $(($(turned_away) - full))"
}

# spread NAME - median, 99th percentile and longest of what the flood calls so: signals (kills), after (a kill) or calm
spread()
{
	sed -nE "s/.* $1 [0-9]+ median ([0-9.]+) p99 ([0-9.]+) longest ([0-9.]+) ms.*/\1 \2 \3/p" "$T/flood"
}
