#!/usr/bin/env python3
"""duel.py ROUNDS - what duel.sh has measured, as a table: median, least and greatest of either, and of the ratios of the rounds

ROUNDS is the JSON of rounds.py with the candidates `one` and `other`. Each figure has a line for what it counts, one for
packets or Gbit per processor second of the workers where there is something to divide, and latencies one for their 99th
percentile.
A ratio says how much better the other one is than the one: above 1 it is faster.
"""
import json
import statistics
import sys


def spread(values, digits=None):
    if digits is None:
        digits = 0 if min(values) >= 1000 else 1 if min(values) >= 20 else 2
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def series(results):
    """{(figure, unit, higher is better): {candidate: {round: value}}}"""
    found = {}
    for r in results:
        more, late = r["more"], r["unit"] == "us"
        told = [(r["unit"], not late, r["value"])]
        if late:
            told.append(("us, p99", False, more.get("p99", more.get("latency_p99"))))
        if r["cpu"] > 0 and "arrived" in more:
            told.append(("packets / CPU s", True, more["arrived"] / r["cpu"]))
        elif r["cpu"] > 0 and "delivered" in more:
            told.append(("packets / CPU s", True, more["delivered"] / r["cpu"]))
        elif r["cpu"] > 0 and "bytes" in more:
            told.append(("Gbit / CPU s", True, more["bytes"] * 8e-9 / r["cpu"]))
        for unit, higher, value in told:
            found.setdefault((r["figure"], unit, higher), {}).setdefault(r["candidate"], {})[r["round"]] = value
    return found


def main(path):
    print("| figure | unit | one: median (min to max) | other | other against one | rounds |\n|---|---|---|---|---|---|")
    for (figure, unit, higher), of in series(json.load(open(path))).items():
        one, other = of.get("one", {}), of.get("other", {})
        both = [n for n in one if n in other and one[n] > 0 and other[n] > 0]
        if both:
            ratios = [other[n] / one[n] if higher else one[n] / other[n] for n in both]
            print(f"| {figure} | {unit} | {spread([one[n] for n in both])} | {spread([other[n] for n in both])} | "
                  f"{spread(ratios, 3)} | {len(both)} |")


if __name__ == "__main__":
    main(sys.argv[1])
