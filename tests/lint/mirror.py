#!/usr/bin/env python3
"""mirror.py - how much of one direction is repeated for the other

Every NAT64 in C says a third to a half of its translation twice, once for each direction. Ours must stay under 15 %.
The figure: take all code lines of worker/xlat (comments, blanks, #include and lone braces left out). A line is
mirrored when it belongs to a run of at least two lines that, with every 4 and 6 exchanged (also inside names, and
AF_INET with AF_INET6), stands somewhere else in the room, and the exchange changed at least one line of the run. Both halves
of a mirror count. The figure is mirrored lines / all lines. Two functions that differ in nothing but the family are
found entirely, wherever they stand and whatever is between them; an `if (ip6) x else y` whose two lines stand one under
the other is not, since a run may not overlap its mirror. -v prints the runs.
"""
import pathlib
import re
import sys

LIMIT = 15
MINIMUM = 2


def swap(line):
    line = re.sub(r"\bAF_INET6?\b", lambda m: "AF_INET" if m[0] == "AF_INET6" else "AF_INET6", line)
    return line.translate(str.maketrans("46", "64"))


lines = []  # (file, number, text without blanks)
for path in sorted(pathlib.Path("worker/xlat").glob("*.c")):
    code = re.sub(r"/\*.*?\*/|//[^\n]*", lambda c: "\n" * c[0].count("\n"), path.read_text(), flags=re.S)
    for n, line in enumerate(code.split("\n"), 1):
        line = re.sub(r"\s+", "", line)
        if len(line) > 3 and not line.startswith("#include"):
            lines.append((path, n, line))

where = {}
for i, (_, _, text) in enumerate(lines):
    where.setdefault(text, []).append(i)
swapped = [swap(text) for _, _, text in lines]

mirrored = set()
for i, (path, n, text) in enumerate(lines):
    for j in where.get(swapped[i], []):
        if i >= j or (i and j and swapped[i - 1] == lines[j - 1][2]):
            continue  # seen from the other half, or not the start of its run
        length = 0
        while i + length < j and j + length < len(lines) and swapped[i + length] == lines[j + length][2]:
            length += 1
        if length >= MINIMUM and any(swapped[k] != lines[k][2] for k in range(i, i + length)):
            mirrored |= set(range(i, i + length)) | set(range(j, j + length))
            if "-v" in sys.argv:
                print(f"{path}:{n} and {lines[j][0]}:{lines[j][1]}: {length} lines")

share = 100 * len(mirrored) / max(1, len(lines))
print(f"mirror: {len(mirrored)} of {len(lines)} code lines, {share:.1f} % (limit {LIMIT} %)")
sys.exit(share >= LIMIT)
