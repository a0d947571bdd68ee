#!/usr/bin/env python3
"""profile.py SCRIPT WORKER RUN - where a worker's time goes, as a table of stages

SCRIPT is what `perf script -F ip,sym,dso` printed of a worker under load, WORKER the program, RUN the JSON of blast, or of
another generator with delivered and cpu. A sample belongs to the first stage of STAGES one of whose functions is anywhere
in its stack, for a TUN write runs the rest of the packet's way: routing, the cable, and the receiver's side of it.
"""
import bisect
import collections
import json
import re
import subprocess
import sys

STAGES = [
    ("sandbox: the system call filter", r"__seccomp_filter|seccomp_run_filters|__secure_computing|syscall_trace_enter"),
    ("TUN write: what the receiver's side does (softirq)", r"process_backlog|net_rx_action|__napi_poll"),
    ("TUN write: source guard (nf_tables)", r"nft_do_chain\w*|nf_hook_slow"),
    ("TUN write: sending on the cable (veth)", r"veth_xmit|dev_hard_start_xmit|__dev_queue_xmit|neigh_\w*output"),
    ("TUN write: IP stack, routing", r"ip_rcv\w*|ipv6_rcv|ip6?_forward|ip6?_rcv_core|ip_list_rcv|ip6_rcv_finish|ip_route_\w+"),
    ("TUN write: the rest (copy, skb)", r"ksys_write|vfs_write|tun_chr_write_iter|do_writev|vfs_writev"),
    ("TUN read", r"ksys_read|vfs_read|tun_chr_read_iter|do_readv|vfs_readv"),
    ("waiting for work (ppoll)", r"__x64_sys_ppoll|do_sys_poll|ppoll"),
    ("page faults", r"exc_page_fault|asm_exc_page_fault|handle_mm_fault"),
    ("system call entry and exit", r"entry_SYSCALL_64\w*|do_syscall_64|x64_sys_call|syscall_return_via_sysret"),
]
SAMPLE = re.compile(r"^\s*([0-9a-f]+) (.*?)(?: \(([^()]*(?:\([^()]*\))?[^()]*)\))?$")


def functions(program):
    """Addresses and names of a program's functions, sorted."""
    found = []
    said = subprocess.run(["nm", "-n", "--defined-only", program], capture_output=True, text=True, check=True).stdout
    for line in said.split("\n"):
        if m := re.match(r"([0-9a-f]+) [tTiwW] (\S+)", line):
            found.append((int(m[1], 16), m[2]))
    return [a for a, _ in found], [n for _, n in found]


def stacks(path):
    """Each sample as a list of (address, symbol, object), the leaf first."""
    for sample in open(path).read().split("\n\n"):
        frames = [(int(m[1], 16), m[2], m[3] or "") for line in sample.split("\n") if (m := SAMPLE.match(line))]
        if frames:
            yield frames


def stage(frames, addresses, names):
    """The stage of a sample; for the worker's own code its function."""
    symbols = [symbol.split("+")[0] for _, symbol, _ in frames]
    for name, pattern in STAGES:
        if any(re.fullmatch(pattern, symbol) for symbol in symbols):
            return name
    address, symbol, place = frames[0]
    if "nat64-worker" in place:
        at = bisect.bisect_right(addresses, address) - 1
        return "worker: " + (names[at] if at >= 0 and symbol == "[unknown]" else symbol)
    if "libc" in place:
        return "worker: C library (copies, returns from system calls)"
    if "vdso" in place:
        return "worker: clock"
    return "interrupts and the rest of the kernel" if "kernel" in place else "worker: " + symbol


def main(script, worker, run):
    addresses, names = functions(worker)
    count = collections.Counter(stage(f, addresses, names) for f in stacks(script))
    total, run = sum(count.values()), json.load(open(run))
    if total < 100:
        sys.exit(f"profile.py: only {total} samples")
    each = run["cpu"] / run["delivered"] * 1e9
    own = {name: n for name, n in count.items() if name.startswith("worker: ")}
    print(f"{total} samples, {run['delivered']:,.0f} packets, {each:,.0f} ns of processor time per packet\n")
    print(f"{'stage':58} {'share':>7} {'ns/packet':>10}")
    for name, n in sorted(count.items(), key=lambda i: -i[1]):
        if name not in own:
            print(f"{name:58} {100 * n / total:6.1f} % {each * n / total:10.0f}")
    print(f"{'the worker itself: translation, loop, in hand, counters':58} {100 * sum(own.values()) / total:6.1f} % "
          f"{each * sum(own.values()) / total:10.0f}")
    for name, n in sorted(own.items(), key=lambda i: -i[1])[:16]:
        print(f"  {name.removeprefix('worker: '):56} {100 * n / total:6.1f} % {each * n / total:10.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
