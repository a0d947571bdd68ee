#!/usr/bin/env python3
"""text.py - what can be said of a file without understanding it

Lines of C, shell and make are at most 128 columns wide (a tab is 8; tables may take 160: the rows of a .def, and the
tests, whose cases are rows too), end in no blank and are indented with tabs; a file ends in exactly one newline.
Every .c and .h opens with a comment that names the file; that of a .c is its theory of operation: at least three lines,
and it says what the file must never do. Words that promise work instead of doing it are refused.
"""
import re
import subprocess
import sys

WIDTH, TABLE = 128, 160
PROMISE = re.compile(r"\b(TODO|FIXME|XXX|HACK|stub|stubs)\b", re.I)
wrong = []

files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True)
for name in files.stdout.split("\n"):
    if name.startswith("tests/lint/") or not re.search(r"\.(c|h|def|sh|py|md)$|GNUmakefile$", name):
        continue
    try:
        text = open(name).read()
    except FileNotFoundError:
        continue  # deleted, not yet committed
    source = re.search(r"\.(c|h|def)$", name)
    if text.rstrip("\n") + "\n" != text:
        wrong.append(f"{name}: ends in no newline, or in several")
    last = ""
    for n, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            wrong.append(f"{name}:{n}: blank at the end of the line")
        most = TABLE if re.search(r"\.def$|^tests/.*\.[ch]$", name) else WIDTH
        if not re.search(r"\.md$|^tests/vectors/|^tests/stress/.*\.sh$", name) and \
                not line.startswith("// links:") and len(line.expandtabs()) > most:
            wrong.append(f"{name}:{n}: {len(line.expandtabs())} columns, at most {most}")
        if source and re.match(r" {8}|  +[^ *]", line) and (line.startswith(" " * 8) or re.search(r"[{};]$", last)):
            wrong.append(f"{name}:{n}: indented with blanks")  # fewer than eight align a continued line
        last = line
        if m := PROMISE.search(line):
            if name != "docs/HACKING.md":
                wrong.append(f"{name}:{n}: {m[0]}")
    if not re.search(r"\.[ch]$", name) or name.startswith(("tests/vectors", "tests/fuzz/corpus")):
        continue
    base = name.split("/")[-1]
    m = re.match(r"(?://[^\n]*\n)*/\*\n \* " + re.escape(base) + r" - (.*?)\*/\n", text, re.S)
    if not m:
        wrong.append(f'{name}: does not open with "{base} - what it is for"')
    elif name.endswith(".c") and not name.startswith("tests/"):
        if m[1].count("\n") < 3:
            wrong.append(f"{name}: its theory of operation has fewer than three lines")
        elif not re.search(r"must never|must not|mustn't|never", m[1], re.I):
            wrong.append(f"{name}: does not say what it must never do")

print("\n".join(wrong) or "text: widths, blanks, openings and words are fine")
sys.exit(bool(wrong))
