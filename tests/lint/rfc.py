#!/usr/bin/python3
"""rfc.py - what docs/RFC.md names exists

In the tables of four columns, `file:function` and `file` of the last two must be there, the function defined in that file; any
other word in backticks of the last column is a vector row (* and ? as in the shell) and must match one. A third column without
a function must say why: not yet, other feature, operator, or that there is none or a choice. Claims without a test are refused, and
so is a vector row whose clause is of a document that docs/RFC.md does not know.
"""
import fnmatch
import importlib
import pathlib
import re
import sys

DOCUMENT = pathlib.Path("docs/RFC.md")
EXCUSE = re.compile(r"not yet|other feature|operator|by choice|there is none|see \d|kernel's|stateless")
wrong, claims, functions, excused = [], 0, 0, 0


def vector_rows():
    sys.path.insert(0, "tests/vectors")
    for path in sorted(pathlib.Path("tests/vectors").glob("rows_*.py")):
        importlib.import_module(path.stem)
    return importlib.import_module("row").ROWS if pathlib.Path("tests/vectors/row.py").exists() else []


def there(name):
    """None, or what is wrong with a name that is a path."""
    path, _, function = name.partition(":")
    if not pathlib.Path(path).is_file():
        return f"{path} does not exist"
    text = pathlib.Path(path).read_text() if function else ""
    if function and not re.search(rf"^(?:.*[ *])?{function}\([^;]*$", text, re.M) and \
            not re.search(rf"^\w+\({function}\b", text, re.M):
        return f"{path} has no function {function}"
    return None


def documents(text):
    return set(re.findall(r"RFC \d+", text))


vectors = vector_rows()
rows = [r.name for r in vectors]
text = DOCUMENT.read_text()
for document in sorted(documents(" ".join(r.clause for r in vectors)) - documents(text)):
    wrong.append(f"{DOCUMENT}: nothing of {document}, which vector rows show")
for n, line in enumerate(text.split("\n"), 1):
    cells = [c.strip() for c in line.strip().strip("|").split(" | ")] if line.startswith("| ") else []
    if line.startswith("| ") and line.rstrip().endswith("| |"):
        cells = [c.strip() for c in line.strip()[2:-3].split(" | ")] + [""]
    if len(cells) != 4 or cells[2] in ("where", "---"):
        continue
    claims += 1
    named = [w for w in re.findall(r"`([^`]+)`", cells[2]) if "/" in w]
    shown = re.findall(r"`([^`]+)`", cells[3])
    functions += len(named)
    excused += not named
    for name in named + [w for w in shown if w.startswith("tests/")]:
        problem = there(name)
        if problem:
            wrong.append(f"{DOCUMENT}:{n}: {problem}")
    for name in shown:
        if not name.startswith("tests/") and not any(fnmatch.fnmatchcase(r, name.replace("[", "[[]")) for r in rows):
            wrong.append(f"{DOCUMENT}:{n}: no vector row is called {name}")
    if not named and not EXCUSE.search(cells[2]):
        wrong.append(f"{DOCUMENT}:{n}: names no function and does not say why")
    if named and not shown:
        wrong.append(f"{DOCUMENT}:{n}: names a function and no test")

print("\n".join(wrong))
print(f"rfc: {claims} clauses, {functions} functions named, {excused} clauses without one")
sys.exit(bool(wrong))
