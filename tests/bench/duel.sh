#!/usr/bin/env bash
# duel.sh - two variants of nat64d side by side in the rig, in alternating rounds: which is faster, at what, by how much?
#
#   ONE=build OTHER=build-x       the folders of their programs
#   ONE_KEYS= OTHER_KEYS=         lines for the tenant in nat64.ini, with \n between
#   ONE_THEN= OTHER_THEN=         a command for its namespace, once it is ready
#   ONE_WORKERS=1 OTHER_WORKERS=1
#   ONE_APART= OTHER_APART=1      its two sides live in namespaces of their own
#   ROUNDS=9 SCALE=0.5            and FIGURES=, names with commas between (rounds.py)
#
# burst says what a packet costs, whatever else the machine does; the others are what a user would see, and need a quiet one.
# Whoever proposes something for the packet path brings this table along: DESIGN.md and PERFORMANCE.md are full of ideas that
# were good, and slower.
source "$(dirname "$0")/rig.sh"

ROUNDS=${ROUNDS:-9} SCALE=${SCALE:-0.5}
export FIGURES=${FIGURES:-burst 84 16,burst 84 1000,tcp 1 up,tcp 1 down,udp 84 16,udp 84 1000,paced,echo}

# value WHOSE WORD - of one of the variables above: value one KEYS
value()
{
	local name=${1^^}_$2

	printf '%b' "${!name-}"
}

# apart NAME - move its IPv4 side to a namespace of its own
apart()
{
	local n=${NUMBER[$1]} four=$1four

	namespace "$four"
	ns "$four" sysctl -qw net.ipv4.ip_forward=1
	ip -n "n64t-$$-$1" link set to-server netns "n64t-$$-$four"
	ip -n "n64t-$$-$four" link set to-server up
	ip -n "n64t-$$-$four" addr add "192.0.2.$((4 * n + 1))/30" dev to-server
	ip -n "n64t-$$-$four" route add "198.19.$n.0/24" via "192.0.2.$((4 * n + 2))"
}

# stand NAME NUMBER PROGRAMS - the gateway of this name, at work
stand()
{
	local keys

	keys=$(value "$1" KEYS)
	gateway "$1" "$2" 4
	if [ "$(value "$1" APART)" ]; then
		apart "$1"
		keys+=$'\n'"netns6 = n64t-$$-$1"$'\n'"netns4 = n64t-$$-$1four"
	fi
	B=$(realpath "$3") KEYS=$keys nat64d_start "$1" "$(w=$(value "$1" WORKERS); echo "${w:-1}")"
	wait_for 10 reached "$1"
	if [ "$(value "$1" THEN)" ]; then
		ns "$1" sh -ec "$(value "$1" THEN)"
	fi
}

mkdir -p "$SHM"
namespace client
namespace server
stand one 4 "${ONE:-$B}"
stand other 5 "${OTHER:-$B}"
rig_words >"$T/rig.json"
start server iperf3 -s
wait_for 5 listening server 5201
warm one other
B=$B PREFIX=n64t-$$ python3 "$top/tests/bench/rounds.py" "$T/rig.json" "$T/rounds.json" "$ROUNDS" "$SCALE" 3000 \
	2>"$T/rounds.log" || cat "$T/rounds.log"
python3 -B "$top/tests/bench/duel.py" "$T/rounds.json"
