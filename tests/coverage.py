#!/usr/bin/python3
"""coverage.py BUILD ROOM - which lines and branches of a room were reached by what has run in an instrumented build

Each source may be compiled more than once (for a library, for a shared object); a line or branch is reached when it was in any
of them. Prints a row per file, then what was never reached. Below 95 % of lines or 90 % of branches the exit status is 1.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys

LINES, BRANCHES = 95, 90


def collect(build, room):
    """{file: {line: times}}, {file: {(line, number): times}}"""
    lines, branches = collections.defaultdict(dict), collections.defaultdict(dict)
    for data in sorted(pathlib.Path(build).rglob("*.gcda")):
        if f"/{room}/" not in str(data):
            continue
        said = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", data], check=True,
                              capture_output=True, text=True).stdout
        for source in (f for part in said.splitlines() for f in json.loads(part)["files"]):
            name = source["file"]
            if not name.startswith(room):
                continue
            for line in source["lines"]:
                n = line["line_number"]
                lines[name][n] = lines[name].get(n, 0) + line["count"]
                for k, branch in enumerate(line["branches"]):
                    branches[name][n, k] = branches[name].get((n, k), 0) + branch["count"]
    return lines, branches


def share(counts):
    return 100 * sum(c > 0 for c in counts) / max(1, len(counts))


def main(build, room):
    lines, branches = collect(build, room)
    for name in sorted(lines):
        print(f"{name}: lines {share(lines[name].values()):.1f} %, branches {share(branches[name].values()):.1f} %")
    for name in sorted(lines):
        text = pathlib.Path(name).read_text().split("\n")
        never = {n for n, c in lines[name].items() if not c}
        half = {n for (n, _), c in branches[name].items() if not c} - never
        for n in sorted(never | half):
            print(f"  {name}:{n}: {'never' if n in never else 'one way only'}: {re.sub(chr(9), ' ', text[n - 1]).strip()}")
    all_lines = share([c for f in lines.values() for c in f.values()])
    all_branches = share([c for f in branches.values() for c in f.values()])
    print(f"coverage of {room}: {all_lines:.1f} % of lines, {all_branches:.1f} % of branches")
    return all_lines < LINES or all_branches < BRANCHES


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
