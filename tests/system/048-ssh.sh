#!/usr/bin/env bash
# 048-ssh.sh - a connection on which nobody says anything for hours, and then somebody does (RFC 5382 REQ-5)
#
# For the worker a second is ten minutes: four of them are tcp-transitory-timeout, and more than twelve
# tcp-established-timeout. Neither end of the connection sends anything of its own to keep it alive.
source "$(dirname "$0")/../lib.sh"

# Commands go over the connection that this one holds open.
connect()
{
	start client ssh -F none -M -N -S "$T/ssh" -i "$T/key" -o UserKnownHostsFile="$T/known" -o BatchMode=yes \
		-o ConnectTimeout=10 -o TCPKeepAlive=no -o ServerAliveInterval=0 "root@$SERVER"
	cp "$T/pid" "$T/client"
	wait_for 10 test -S "$T/ssh"
	remote >"$T/first"
	grep '203.0.113.2 22' "$T/first"
}

# What sshd says of the connection: both ends, as it sees them.
remote()
{
	# shellcheck disable=SC2016 # for the other end
	timeout 10 ip netns exec "n64t-$$-client" ssh -F none -S "$T/ssh" "root@$SERVER" 'echo $SSH_CONNECTION'
}

same()
{
	remote | diff "$T/first" -
}

# More than tcp-transitory-timeout, and not yet asked about, unless the machine is so busy that it was twelve seconds after all
idle()
{
	local begun=$SECONDS probes

	sleep 6
	probes=$(counter tcp_probes)
	[ "$probes" = 0 ] || [ $((SECONDS - begun)) -ge 10 ]
	same
}

asked()
{
	[ "$(counter tcp_probes)" -ge 1 ]
}

# More than tcp-established-timeout: the client is asked, and it answers, or the session would be gone after
# tcp-closing-timeout. A worker dies meanwhile.
old()
{
	wait_for 20 asked
	kill_workers
	sleep 6
	same
}

# Or sshd would wait for the client for as long as TCP does.
disconnect()
{
	timeout 10 ip netns exec "n64t-$$-client" ssh -F none -S "$T/ssh" -O exit "root@$SERVER"
	wait_for 5 gone "$(cat "$T/client")"
}

hasty 600
net_up
config 'tcp-transitory-timeout = 2400'
ssh-keygen -q -t ed25519 -N '' -f "$T/key"
ssh-keygen -q -t ed25519 -N '' -f "$T/host"
echo "$(ns client python3 "$top/tests/net.py" embed 64:ff9b::/96 203.0.113.2) $(cat "$T/host.pub")" >"$T/known"
# sshd wants a directory in /run, which nobody else needs to see.
start server sh -c "mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec /usr/sbin/sshd -D -e -f /dev/null -h $T/host \
	-o ListenAddress=203.0.113.2 -o AuthorizedKeysFile=$T/key.pub -o StrictModes=no -o UsePAM=no -o TCPKeepAlive=no"
wait_for 5 listening server 22
begin
check 'a command' connect
check 'idle for longer than tcp-transitory-timeout' idle
check 'idle for longer than tcp-established-timeout, and a worker dies' old
check 'the end' disconnect
check 'law 1' law1
finish
