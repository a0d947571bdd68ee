#!/usr/bin/env python3
"""names.py - a name in a comment exists

A comment that speaks of a function, a file or a constant that is gone misleads more than no comment. Checked in the
comments of every .c, .h and .def: words with a call's parentheses, name(); words_with_underscores, in either case; file
names with a known suffix. Each must be a word of the code of the tree (a comment is no witness for another), a
name that a table makes (PREFIX_##id), a file of the tree, or a word of a system header. A word that ends in _ or is
followed by * or < stands for a family of names and is not checked. tests/lint/names.allow holds what cannot be found
this way, a reason after each.
"""
import pathlib
import re
import subprocess
import sys

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.S)
NAME = re.compile(r"(?<![\w./<-])(\w+(?:\.\w+)*)(\(\)|\b)(?![*<\w-])")
FILE = re.compile(r"^[\w/-]+\.(c|h|def|sh|py|ini|md)$")

tree = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True)
tree = [f for f in tree.stdout.split("\n") if pathlib.Path(f).is_file()]
code_words, pasted, claims = set(), set(), {}

for f in tree:
    if not re.search(r"\.(c|h|def|sh|py|ini)$|GNUmakefile$", f):
        continue
    text = pathlib.Path(f).read_text()
    if not re.search(r"\.(c|h|def)$", f):
        if not f.startswith("tests/lint/"):
            code_words |= set(re.findall(r"\w+", text))
        continue
    code = COMMENT.sub(lambda m: m[0] if m[0][0] == '"' else " ", text)
    code_words |= set(re.findall(r"\w+", code))
    pasted |= set(re.findall(r"(\w+)\s*##", code))
    if f.startswith("tests/"):
        continue
    for comment in COMMENT.finditer(text):
        if comment[0][0] == '"':
            continue
        line = text.count("\n", 0, comment.start()) + 1
        for n, words in enumerate(comment[0].split("\n"), line):
            for path in re.findall(r"(?<![\w<.])[\w/-]+\.(?:c|h|def|sh|py)\b(?!\()", words):
                claims.setdefault(path, f"{f}:{n}")
            for m in NAME.finditer(re.sub(r"[\w/-]+\.(c|h|def|sh|py)\b", " ", words)):
                for part in m[1].split("."):
                    if (m[2] or "_" in part) and not part.endswith("_") and not part.isdigit():
                        if m[2] or re.fullmatch(r"[a-zA-Z][a-zA-Z0-9]*(_[a-zA-Z0-9]+)+", part):
                            claims.setdefault(part, f"{f}:{n}")


def made(name):
    return any(name.startswith(p) and name[len(p):] in code_words for p in pasted)


unknown = {}
for name, place in claims.items():
    if "." in name or "/" in name:
        if not any(f == name or f.endswith("/" + name) for f in tree):
            unknown[name] = place
    elif name not in code_words and not made(name):
        unknown[name] = place
allow = {line.split()[0] for line in pathlib.Path("tests/lint/names.allow").read_text().split("\n")
         if line.strip() and line[0] != "#"}
unknown = {k: v for k, v in unknown.items() if k not in allow}
words = [k for k in unknown if "." not in k and "/" not in k]
if words:  # ask the system's headers about all of them at once
    top = pathlib.Path("/usr/include")
    places = [*top.glob("*.h"), top / "linux", top / "asm-generic", top / "x86_64-linux-gnu", top / "libmnl"]
    pattern = "(__NR_)?(" + "|".join(words) + ")"  # a system call's name stands there as __NR_read
    found = subprocess.run(["grep", "-rhowE", "--include=*.h", pattern, *map(str, places)],
                           capture_output=True, text=True)
    known = {word.removeprefix("__NR_") for word in found.stdout.split()}
    unknown = {k: v for k, v in unknown.items() if k not in known}
for k in [k for k in unknown if k.endswith(".h") and any(pathlib.Path("/usr/include").rglob(k.split("/")[-1]))]:
    del unknown[k]
for name, place in sorted(unknown.items(), key=lambda item: item[1]):
    print(f"{place}: {name} does not exist")
print(f"names: {len(claims)} names in comments, {len(unknown)} of them unknown")
sys.exit(bool(unknown))
