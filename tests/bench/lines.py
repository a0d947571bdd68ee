#!/usr/bin/env python3
"""lines.py BENCH_LINES - the cache lines of 64 bytes that libnat64 touches for a packet of a known flow, part by part

valgrind's lackey prints every memory access of bench_lines; between two writes to its mark stands one packet. A line counts
once per packet. What is the same line for all packets stays in the cache; what is another line for each flow is what a
table larger than the cache pays for, so both are shown. The stack and constants are "the rest".
"""
import bisect
import collections
import re
import statistics
import subprocess
import sys

PER_FLOW = ("expiry", "index", "session-index", "session", "record")


def traced(program, side):
    """Parts as sorted (first, last, name), and a list of sets of (part, line) for each packet."""
    words = ["valgrind", "--quiet", "--tool=lackey", "--trace-mem=yes", "--log-fd=1", program, side]
    parts, packets, now = [], [], None
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, errors="replace") as run:
        for line in run.stdout:
            if m := re.match(r" [LSM] ([0-9a-f]+),(\d+)", line):
                if not parts:
                    continue
                address = int(m[1], 16)
                at = bisect.bisect_right(parts, (address, 1 << 64, "")) - 1
                name = parts[at][2] if at >= 0 and address <= parts[at][1] else "rest"
                if name == "mark":
                    if now is not None and len(now) > 0:
                        packets.append(now)
                    now = set()
                elif now is not None:
                    now |= {(name, a // 64) for a in (address, address + int(m[2]) - 1)}
            elif m := re.match(r"(\S+) ([0-9a-f]+) ([0-9a-f]+)$", line):
                bisect.insort(parts, (int(m[2], 16), int(m[3], 16), m[1]))
    if run.returncode != 0:
        sys.exit(f"lines.py: {' '.join(words)}: exit {run.returncode}")
    # mark is written twice for each packet: what follows the first is the translation, what follows the second the copy
    return [p for p in packets if any(name == "record" for name, _ in p)]


def main(program):
    sides = {"IPv6 to IPv4": traced(program, "ip6"), "IPv4 to IPv6": traced(program, "ip4")}
    counts = {side: [collections.Counter(name for name, _ in p) for p in packets] for side, packets in sides.items()}
    names = list(dict.fromkeys(n for c in counts.values() for packet in c for n in packet))
    print("Cache lines per packet of a known flow, mean of " + ", ".join(f"{len(p)}" for p in sides.values()) + " packets\n")
    print(f"{'part':16}" + "".join(f"{side:>16}" for side in sides))
    for name in sorted(names, key=lambda n: (n not in PER_FLOW, n)):
        print(f"{name:16}" + "".join(f"{statistics.mean(p[name] for p in counts[side]):16.2f}" for side in sides) +
              ("   another one for each flow" if name in PER_FLOW else ""))
    for what, wanted in ("another for each flow", lambda n: n in PER_FLOW), ("all", lambda n: True):
        print(f"{what:16}"[:24] + "".join(
            f"{statistics.mean(sum(v for n, v in p.items() if wanted(n)) for p in counts[side]):16.2f}" for side in sides))


main(sys.argv[1])
