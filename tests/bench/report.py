#!/usr/bin/env python3
"""report.py DIR - the figures of a benchmark as tables, and which targets are met

DIR holds what bench.sh collected: rounds.json (rounds.py), state.json (state.py), micro.txt (lines of measure_report and
of cost.sh), storm.txt (storm.sh), machine.json. Prints the tables, and writes all of it to DIR/benchmarks.json. A missed
target is news, not an error: the exit status is 0 unless something could not be measured at all.
"""
import json
import pathlib
import re
import statistics
import sys

OURS = "single"  # the candidate with one worker


def load(directory, name, otherwise):
    path = pathlib.Path(directory, name)
    return json.loads(path.read_text()) if path.exists() and path.stat().st_size else otherwise


def per_round(results, figure, candidate, per_cpu=False):
    """{round: value} of a figure; per processor second if asked for and there was any."""
    values = {}
    for r in results:
        if r["figure"] == figure and r["candidate"] == candidate and (not per_cpu or r["cpu"] > 0):
            values[r["round"]] = r["more"]["delivered"] / r["cpu"] if per_cpu else r["value"]
    return values


def ratios(a, b):
    """The ratios of two {round: value}, round by round."""
    return sorted(a[n] / b[n] for n in a if b.get(n))


def row(number, what, ours, rival, values, at_least=None, at_most=None, unit=""):
    """One line of the table of targets. values are the ratios (or figures) of the rounds; ours and rival are shown."""
    if not values:
        return dict(number=number, what=what, ours="", rival="", median=None, met=None, target=at_least or at_most)
    median = statistics.median(values)
    met = median >= at_least if at_least is not None else median <= at_most
    return dict(number=number, what=what, ours=ours, rival=rival, median=median, low=min(values), high=max(values),
                rounds=len(values), met=met, unit=unit, target=at_least if at_least is not None else at_most,
                sign=">=" if at_least is not None else "<=")


def compare(results, number, figure, rival, at_least, ours=OURS, rival_figure=None, per_cpu=False):
    """Our median against a rival's in the same rounds."""
    a = per_round(results, figure, ours, per_cpu)
    b = per_round(results, rival_figure or figure, rival, per_cpu)
    unit = next((r["unit"] for r in results if r["figure"] == figure), "")
    unit = "packets / CPU s" if per_cpu else unit
    what = f"{figure} against {rival_figure or rival}" + (" per CPU second" if per_cpu else "")
    show = [f"{statistics.median(v.values()):,.{2 if unit == 'Gbit/s' else 0}f} {unit}" if v else "" for v in (a, b)]
    return row(number, what, *show, ratios(a, b), at_least=at_least)


def added_round_trip(results, number, key, at_most):
    """Microseconds on top of plain forwarding in the same round."""
    a, b = ({r["round"]: r["more"][key] for r in results if r["figure"] == "echo" and r["candidate"] == c}
            for c in (OURS, "forward"))
    return row(number, f"round trip added to plain forwarding, {key}", *(f"{statistics.median(v.values()):.1f} us" if v else ""
               for v in (a, b)), sorted(a[n] - b[n] for n in a if n in b), at_most=at_most, unit="us")


def micro_lines(text):
    """{name: (median, low, high, unit)} of what measure_report printed."""
    found = {}
    for line in text.split("\n"):
        if m := re.match(r"(\S.*?) {2,}([\d.]+) (ns|us|ms|bytes|times|M/s)\b(?: +\(([\d.]+) to ([\d.]+))?", line):
            value = float(m[2])
            found[m[1]] = (value, float(m[4] or value), float(m[5] or value), m[3])
    return found


# Targets 5 to 7 and 9: what of the micro-benchmarks, as a pattern of its name, and the bound.
MICRO = [
    (5, r"established UDP, IPv\d to IPv\d, 10,000 flows", 100, None), (5, r"established UDP.* random of .*", 300, None),
    (6, r"create a binding at .*", 300, None), (7, r"memory for each port of a pool .*", 80, None),
    (7, r"memory for each session beyond the first", 32, None), (9, r"two workers of the library against one.*", None, 1.8),
]


def micro_rows(lines):
    rows = []
    for number, pattern, at_most, at_least in MICRO:
        names = [name for name in lines if re.fullmatch(pattern, name)]
        for name in names:
            median, low, high, unit = lines[name]
            rows.append({**row(number, name, f"{median:.1f} {unit}", "", [median], at_least=at_least, at_most=at_most,
                               unit=unit), "low": low, "high": high, "rounds": ""})
        if not names:
            rows.append(row(number, pattern, "", "", [], at_most=at_most, at_least=at_least))
    return rows


def cost_rows(text):
    """Target 8, of cost.sh: with system calls is the loop as it is."""
    rows = []
    pattern = (r"^(loop with.*?): ([\d.]+) ns .*?, ([\d.]+) without: "
               r"(-?[\d.]+) % \((-?[\d.]+) to (-?[\d.]+), (\d+)")
    for m in re.finditer(pattern, text, re.M):
        rows.append({**row(8, m[1] + ": safety costs", m[2] + " ns", m[3] + " ns", [float(m[4])], at_most=5, unit="%"),
                     "low": float(m[5]), "high": float(m[6]), "rounds": int(m[7])})
    return rows or [row(8, "loop with and without its safety", "", "", [], at_most=5)]


def storm_rows(text):
    """Target 11, of storm.sh."""
    m = re.search(r"after (\d+) kills .*: median ([\d.]+) ms.*p99 ([\d.]+) ms.*longest ([\d.]+)", text)
    lost = re.search(r"lost inside (\d+)", text)
    if not m or not lost:
        return [row(11, "worker killed under load", "", "", [], at_most=0)]
    gap = lambda what, value, most: {**row(11, f"worker killed under load: {what}", f"{value} ms", "", [float(value)],
                                           at_most=most, unit="ms"), "rounds": f"{m[1]} kills", "high": float(m[4])}
    return [gap("gap, median", m[2], 2), gap("gap, p99", m[3], 10),
            row(11, "worker killed under load: packets lost", lost[1], "", [int(lost[1])], at_most=0)]


def targets(results, micro, storm):
    rows = [compare(results, number, f"tcp {streams} {way}", rival, least) for number, rival, least in
            ((1, "forward", 0.9), (2, "tayga", 5)) for streams in (1, 4) for way in ("up", "down")]
    rows += [compare(results, 3, f"udp 84 {flows}", "tayga", least, per_cpu=True) for flows, least in ((1000, 1.3), (16, 3))]
    rows.append(compare(results, 4, "udp 84 new", OURS, 0.6, rival_figure="udp 84 1000"))
    lines = micro_lines(micro)
    rows += micro_rows(lines) + cost_rows(micro)
    rows.append(compare(results, 9, "udp 84 1000", OURS, 1.8, ours="pair"))
    rows += [added_round_trip(results, 10, "p50", 30), added_round_trip(results, 10, "p99", 150)] + storm_rows(storm)
    return sorted(rows, key=lambda r: r["number"])


def number(value):
    if value is None:
        return ""
    return f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"


def table(rows, markdown=False):
    """Rows of texts, the first being the head; aligned, or as Markdown."""
    rows = [[str(cell) for cell in r] for r in rows]
    if markdown:
        return "\n".join("| " + " | ".join(r) + " |" + ("\n|" + "---|" * len(r) if i == 0 else "") for i, r in enumerate(rows))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(r, widths)).rstrip() for r in rows)


def target_table(rows):
    yield "#", "figure", "ours", "rival", "median", "min to max", "rounds", "target", "met"
    for r in rows:
        if r["median"] is None:
            yield r["number"], r["what"], "", "", "", "", "", r["target"], "not measured"
        else:
            yield (r["number"], r["what"], r["ours"], r["rival"], f"{number(r['median'])} {r['unit']}".strip(),
                   f"{number(r['low'])} to {number(r['high'])}", r["rounds"], f"{r['sign']} {r['target']}",
                   "met" if r["met"] else "missed")


def figure_table(results):
    """Medians of every figure and candidate; in brackets, per processor second of the translator."""
    candidates = list(dict.fromkeys(r["candidate"] for r in results))
    yield "figure", "unit", *candidates
    for figure in dict.fromkeys(r["figure"] for r in results):
        cells = []
        for c in candidates:
            of = [r for r in results if r["figure"] == figure and r["candidate"] == c]
            value = statistics.median(r["value"] for r in of) if of else None
            digits = 2 if of and of[0]["unit"] == "Gbit/s" else 0
            cells.append("" if value is None else f"{value:,.{digits}f}")
            cpu = sum(r["cpu"] for r in of)
            if cpu > 0 and "delivered" in of[0]["more"]:
                cells[-1] += f" ({sum(r['more']['delivered'] for r in of) / cpu:,.0f})"
            elif cpu > 0:
                cells[-1] += f" ({cpu / len(of):.2f} s)"
        yield figure, next(r["unit"] for r in results if r["figure"] == figure), *cells


def state_table(state):
    yield "figure", "candidate", "value", "unit", "how"
    for s in state:
        yield s["figure"], s["candidate"], f"{s['value']:,.0f}", s["unit"], s["how"]


def main(directory):
    results, state = load(directory, "rounds.json", []), load(directory, "state.json", [])
    micro, storm = (pathlib.Path(directory, n).read_text() if pathlib.Path(directory, n).exists() else ""
                    for n in ("micro.txt", "storm.txt"))
    rows = targets(results, micro, storm)
    everything = dict(machine=load(directory, "machine.json", {}), targets=rows, results=results, state=state,
                      micro=micro_lines(micro), storm=storm.strip())
    pathlib.Path(directory, "benchmarks.json").write_text(json.dumps(everything).replace("}, {", "},\n{") + "\n")
    print("Medians; in brackets packets per processor second of the translating processes, or those seconds in a run:\n")
    print(table(list(figure_table(results))))
    if state:
        print("\nThe table of bindings and sessions (RFC 8219, RFC 9693), and rivals':\n")
        print(table(list(state_table(state))))
    print("\nTargets:\n")
    print(table(list(target_table(rows))))
    counts = [sum(r["met"] is k for r in rows) for k in (True, False, None)]
    print(f"\n{counts[0]} met, {counts[1]} missed, {counts[2]} not measured")


if __name__ == "__main__":
    main(sys.argv[1])
