#!/usr/bin/env python3
"""document.py DIR DOCS - docs/benchmarks.md, its plots and the raw figures, from what report.py left in DIR/benchmarks.json

Everything in the document comes from one run: tables, machine, plots. Plots are SVG by gnuplot. DOCS gets benchmarks.md,
benchmarks.json and benchmarks-*.svg; nothing else is touched.
"""
import json
import pathlib
import shutil
import statistics
import subprocess
import sys

import report

NAMES = {"forward": "IPv6 forwarding", "masquerade": "with masquerade", "tayga": "tayga", "single": "nat64d",
         "pair": "nat64d, 2 workers"}
PLOTS = [  # file, title, axis, figures, candidates
    ("tcp", "TCP in bulk, Gbit/s", "Gbit/s", ("tcp 1 up", "tcp 1 down", "tcp 4 up", "tcp 4 down"),
     ("forward", "masquerade", "tayga", "single")),
    ("udp", "UDP, 84-byte frames, packets a second", "packets/s",
     ("udp 84 1", "udp 84 16", "udp 84 1000", "udp 84 100000", "udp 84 new"),
     ("forward", "masquerade", "tayga", "single", "pair")),
]
METHOD = """## Method

One kernel, network namespaces, cables of veth with their offloads as the kernel sets them. A client that speaks IPv6
and a server that speaks both are joined by a gateway of each kind, each in a namespace of its own, all of them standing
during the whole run (`tests/bench/rig.sh`). In every round every figure is taken of every candidate, one right after
the other, and each round gives one ratio; shown are the median of the ratios with the least and the greatest
(`tests/bench/rounds.py`). Compare within this document only: another machine, or this one on another day, gives other
figures.

* **IPv6 forwarding** is the limit of a path without translation, **with masquerade** (nftables) that of a stateful one.
  They have no process, so they have no processor time here.
* **TCP** by iperf3, receiver's figure, congestion control {congestion}. Up is from the IPv6 side. The candidates see 64
  KB packets where their path hands them on whole.
* **UDP** by a generator of our own (`tests/bench/blast.c`): 84 or 1280 bytes with the Ethernet check sequence, from 256
  subscribers, ports pseudo-random (RFC 4814), as fast as it can. Counted is the payload that reaches the receiver's
  device, merged packets as what they were made of. In brackets: packets per processor second, user and system, of the
  processes that translate. *new*: every packet is a new flow.
* **Round trip** of one datagram at a time, with a pause of 0.3 ms; **connections** open, take 1000 bytes and close, one
  after the other.
* **Tables** as RFC 8219 and RFC 9693 have it, with shorter trials; `tests/bench/state.sh` says how they differ.
* Two cores carry client, gateway and server together, so where the generator is the limit packets per processor second
  say more than packets per second.

Again: `sudo make bench DOC=1` (half an hour; `QUICK=1`: minutes, and less sure). Raw figures:
[benchmarks.json](benchmarks.json).
"""


def plot(directory, docs, data, name, title, axis, figures, candidates):
    """A bar for each figure and candidate: the median, with the least and the greatest round."""
    rows = []
    for figure in figures:
        cells = [figure.replace("udp 84 ", "").replace("tcp ", "")]
        for c in candidates:
            values = [r["value"] for r in data["results"] if r["figure"] == figure and r["candidate"] == c]
            cells += [f"{f(values):.4g}" for f in (statistics.median, min, max)] if values else ["NaN"] * 3
        rows.append("\t".join(cells))
    table = pathlib.Path(directory, f"{name}.tsv")
    table.write_text("\n".join(rows) + "\n")
    bars = ", ".join(f"'{table}' using {3 * i + 2}:{3 * i + 3}:{3 * i + 4}:xtic(1) title '{NAMES[c]}'"
                     for i, c in enumerate(candidates))
    commands = f"""set terminal svg size 800,420 font 'sans-serif,12' background 'white'
set output '{pathlib.Path(docs, f"benchmarks-{name}.svg")}'
set datafile separator tab
set style data histograms
set style histogram errorbars gap 1 lw 1
set style fill solid 0.8 border -1
set title '{title}'
set ylabel '{axis}'
set yrange [0:*]
set format y '%.0s%c'
set grid ytics
set key outside bottom center horizontal
plot {bars}
"""
    subprocess.run(["gnuplot"], input=commands, text=True, check=True)


def machine_lines(m):
    yield "", ""
    yield "date, version", f"{m['date']}, {m['version']}"
    yield "processor", f"{m['processor']}, {m['cores']} cores" + (", virtual machine" if m["virtual"] else "")
    yield "page table isolation", "on: a system call is dear" if m["page_table_isolation"] else "off"
    yield "memory, kernel", f"{m['memory_gib']} GiB, Linux {m['kernel']}"
    yield "load before and after", f"{m['load_before']}; {m['load_after']}"
    yield "peers and tools", (f"tayga {m['tayga']}, nftables {m['nftables']}, iperf3 {m['iperf3']} ({m['congestion']}), "
                              f"{m['compiler']}")


def micro_lines(micro):
    yield "figure", "median", "least to greatest"
    for name, (median, low, high, unit) in micro.items():
        yield name, f"{report.number(median)} {unit}", f"{report.number(low)} to {report.number(high)}"


def main(directory, docs):
    data = json.loads(pathlib.Path(directory, "benchmarks.json").read_text())
    for words in PLOTS:
        plot(directory, docs, data, *words)
    table = lambda rows: report.table(list(rows), markdown=True)
    counts = [sum(r["met"] is k for r in data["targets"]) for k in (True, False, None)]
    text = ["# Benchmarks\n", "Written by `sudo make bench DOC=1`; do not edit. What the figures mean for the next step is in "
            "[PERFORMANCE.md](PERFORMANCE.md).\n", table(machine_lines(data["machine"])),
            f"\n## Targets\n\n{counts[0]} met, {counts[1]} missed, {counts[2]} not measured. Ratios are ours to the rival's, "
            "round by round.\n", table(report.target_table(data["targets"])), "\n" + METHOD.format(**data["machine"]),
            "## Whole gateways\n\nMedians of the rounds. In brackets: packets per processor second of the translating "
            "processes, or their processor seconds in a run.\n", table(report.figure_table(data["results"]))]
    text += [f"\n![{words[1]}](benchmarks-{words[0]}.svg)" for words in PLOTS]
    text += ["\n## Tables of connections\n\n`small` is nat64d with a pool of 8192 ports.\n",
             table(report.state_table(data["state"])),
             "\n## A worker killed every 200 ms under load\n\n```\n" + data["storm"] + "\n```",
             "\n## libnat64 alone\n\nOf one core, in processor time.\n", table(micro_lines(data["micro"]))]
    pathlib.Path(docs, "benchmarks.md").write_text("\n".join(text) + "\n")
    shutil.copy(pathlib.Path(directory, "benchmarks.json"), docs)


main(*sys.argv[1:3])
