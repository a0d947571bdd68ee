#!/usr/bin/env bash
# packages.sh WHAT - install the Debian packages that WHAT needs and that are missing; nothing when none is
#
# WHAT is build, demo (which includes build), check (which includes both) or bench (which includes all).
# --list prints the table instead.
# A service that a package brings along (a web server, a name server) is kept from starting meanwhile, and disabled
# afterwards, unless the package was there before: the tests run these programs themselves, in their own namespaces.
set -euo pipefail

packages=$(cat <<'END'
build gcc             the compiler
build libc6-dev       the C library
build libck-dev       Concurrency Kit: atomic operations on memory shared by processes
build libseccomp-dev  system call filters
build libcap-ng-dev   dropping capabilities
build libmnl-dev      netlink: addresses, routes, the TUN device
build libinih-dev     reading nat64.ini
build libmicrohttpd-dev  the HTTP listener of /metrics
build libjansson-dev  JSON output of nat64ctl
demo  iproute2        network namespaces
demo  procps          sysctl, ps
demo  util-linux      unshare, setsid, setpriv
demo  iputils-ping    ping
demo  unbound         a DNS64
demo  nginx           a web server on the IPv4 side
demo  curl            a client on the IPv6 side
demo  python3         reads JSON, sends what no other tool sends
check libcmocka-dev   unit tests
check python3-scapy   writes the packets of the vectors
check clang           second compiler, fuzzing
check libclang-rt-14-dev  sanitizers and fuzzer of clang
check clang-tidy      lint
check cppcheck        lint
check shellcheck      lint
check spin            model of the shard's protocol
check binutils        readelf, nm: lint
check pkg-config      tests nat64.pc
check iperf3          throughput both ways
check traceroute      every hop must be seen
check mtr-tiny        likewise, again and again
check tayga           a CLAT (RFC 6877): programs that speak only IPv4
check stun-client     asks how the gateway maps and filters
check stun-server     answers it
check python3-pyftpdlib  an FTP server
check sip-tester      telephone calls
check openssh-client  a connection that is idle for hours
check openssh-server  its other end
check tcpdump         proof that a packet did not leave
check apparmor        apparmor_parser: the profile
check strace          what nat64d does with files, for the profile
check systemd         what the unit allows, and the unit itself, run in namespaces
check jq              reads JSON in shell tests
check netcat-openbsd  a request in pieces
check nftables        shows that the rules of the host are left alone
check prometheus      promtool checks /metrics
bench linux-perf      make profile: where a worker's time goes
bench valgrind        the same where perf does not work; cache lines per packet
bench gnuplot-nox     plots of docs/benchmarks.md
END
)

usage()
{
	echo "usage: packages.sh build|demo|check|bench|--list" >&2
	exit 2
}

case ${1-} in
build) kinds='build' ;;
demo) kinds='build|demo' ;;
check) kinds='build|demo|check' ;;
bench) kinds='build|demo|check|bench' ;;
--list) echo "$packages"; exit ;;
*) usage ;;
esac

installed()
{
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=()
while read -r kind name _; do
	[[ $kind =~ ^($kinds)$ ]] || continue
	installed "$name" || missing+=("$name")
done <<<"$packages"
if [ ${#missing[@]} = 0 ]; then
	exit
fi

echo "installing: ${missing[*]}"
if [ "$(id -u)" != 0 ]; then
	echo "packages.sh: only root can install them; run this with sudo" >&2
	exit 1
fi

# Debian asks this file whether a service may be started; 101 says no. Ours stays only as long as apt-get runs.
guard=/usr/sbin/policy-rc.d
if [ ! -e $guard ]; then
	trap 'rm -f $guard' EXIT
	printf '#!/bin/sh\nexit 101\n' >$guard
	chmod 755 $guard
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
for service in nginx unbound prometheus stun-server=stun tayga openssh-server=ssh; do
	[[ " ${missing[*]} " == *" ${service%=*} "* ]] || continue
	service=${service#*=}
	systemctl disable "$service" 2>/dev/null || update-rc.d "$service" disable || true
done
