# shellcheck shell=bash
# pool.sh - sourced: run programs, a few at a time, and tell of each when it has ended
#
# Who sources it says `one PROGRAM`, which executes it in its place, and `told PROGRAM STATUS FILE SECONDS`, which reads
# what it said. Nothing is left running when the shell ends: they get SIGTERM, for a shell lets what it starts in the
# background ignore SIGINT.

declare -A pool_program=() pool_begun=() # by pid
pool_output=$(mktemp -d)

pool_end()
{
	trap '' INT TERM
	if [ ${#pool_program[@]} != 0 ]; then
		kill "${!pool_program[@]}" 2>/dev/null || true
		wait "${!pool_program[@]}" 2>/dev/null || true
	fi
	rm -rf "$pool_output"
}
trap pool_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# pool_wait - for one of them
pool_wait()
{
	local pid rc=0 program

	wait -n -p pid "${!pool_program[@]}" || rc=$?
	program=${pool_program[$pid]}
	unset "pool_program[$pid]"
	told "$program" $rc "$pool_output/$pid" $((SECONDS - pool_begun[$pid]))
	rm -f "$pool_output/$pid"
}

# pool JOBS PROGRAM... - so many at a time, in their order
pool()
{
	local jobs=$1 program

	for program in "${@:2}"; do
		if [ ${#pool_program[@]} -ge "$jobs" ]; then
			pool_wait
		fi
		# The file is named by the pid, which only the child knows before it begins.
		(one "$program" >"$pool_output/$BASHPID" 2>&1 </dev/null) &
		pool_program[$!]=$program pool_begun[$!]=$SECONDS
	done
	while [ ${#pool_program[@]} != 0 ]; do
		pool_wait
	done
}
