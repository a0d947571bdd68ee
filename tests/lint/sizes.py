#!/usr/bin/env python3
"""sizes.py - no .c over 600 lines, no function over 80

A function is what stands between a { and a } that are each alone in the first column; its name starts the line above
(return type on its own line). Prints the medians, so that drift is seen before it is a fault.
"""
import pathlib
import re
import statistics
import sys

MAX_FILE, MAX_FUNCTION = 600, 80
wrong, files, functions = [], [], []

for path in sorted(p for room in ("shm", "worker", "supervisor", "ctl") for p in pathlib.Path(room).rglob("*.c")):
    lines = path.read_text().split("\n")
    files.append(len(lines) - 1)
    if files[-1] > MAX_FILE:
        wrong.append(f"{path}: {files[-1]} lines, at most {MAX_FILE}")
    name = start = None
    for n, line in enumerate(lines, 1):
        if m := re.match(r"(\w+)\(", line):
            name = m[1]
        elif m := re.match(r"(?!typedef|struct \w+ \{|_Static_assert)\w[\w \*]*\b(\w+)\([^;]*$", line):
            wrong.append(f"{path}:{n}: {m[1]}(): the return type goes on a line of its own")
        if line == "{":
            start = n
        elif line == "}" and start:
            functions.append(n - start + 1)
            if functions[-1] > MAX_FUNCTION:
                wrong.append(f"{path}:{start}: {name}() has {functions[-1]} lines, at most {MAX_FUNCTION}")
            start = None

print("\n".join(wrong))
print(f"sizes: {len(files)} .c files, {sum(files)} lines, median {statistics.median(files or [0]):.0f}, longest "
      f"{max(files or [0])}; {len(functions)} functions, median {statistics.median(functions or [0]):.0f}, longest "
      f"{max(functions or [0])}")
sys.exit(bool(wrong))
