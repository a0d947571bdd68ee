#!/usr/bin/env python3
"""rooms.py - who may include whom

The rooms are folders (docs/HACKING.md). This reads every #include of every .c, .h and .def and fails on a door that
should not exist: a room that includes a room above it, a library header outside the room that owns the library, an
impure header in a pure room, and atomics of any kind outside shm/atomic.h. To change the house, change the tables.
"""
import pathlib
import re
import sys

MAY = {  # room: rooms it may include
    "shm": "shm",
    "worker/xlat": "worker/xlat shm",
    "supervisor/birth": "supervisor/birth shm",
    "worker": "worker worker/xlat supervisor/birth shm",
    "supervisor": "supervisor supervisor/birth shm",
    "ctl": "ctl supervisor/birth shm",
}
OWNED = {  # library header: rooms (or files) that may include it
    r"libmnl/.*|linux/(rt)?netlink\.h|linux/if_(addr|link|tun)\.h": "supervisor",
    r"linux/bpf\.h|linux/netfilter.*": "supervisor",
    r"cap-ng\.h": "supervisor supervisor/birth",
    r"ini\.h": "supervisor",
    r"ck_.*": "shm/atomic.h",
    r"seccomp\.h": "supervisor supervisor/birth worker ctl",
    r"microhttpd\.h|jansson\.h": "ctl",
    r"stdatomic\.h": "",
}
PURE = {"shm", "worker/xlat"}
# What a pure room may have of the C library: freestanding headers and memory copies.
FREE = {"assert.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdnoreturn.h",
        "string.h", "endian.h", "emmintrin.h"}
ATOMIC = re.compile(r"\b(__atomic_\w+|__sync_\w+|ck_pr_\w+|_Atomic)\b")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
wrong = []

for path in sorted(p for room in ("shm", "worker", "supervisor", "ctl") for p in pathlib.Path(room).rglob("*")):
    if path.suffix not in (".c", ".h", ".def"):
        continue
    room, text = str(path.parent), path.read_text()
    if room not in MAY:
        wrong.append(f"{path}: {room} is not a room")
        continue
    for n, line in enumerate(text.split("\n"), 1):
        if m := re.match(r'\s*#\s*include\s+"(.*)/[^/]*"', line):
            if m[1] not in MAY[room].split():
                wrong.append(f"{path}:{n}: {room} may not include {m[1]}")
        elif re.match(r'\s*#\s*include\s+"', line):
            wrong.append(f"{path}:{n}: write the path from the top of the tree")
        elif m := re.match(r"\s*#\s*include\s+<(.*)>", line):
            for header, rooms in OWNED.items():
                if re.fullmatch(header, m[1]) and not {room, str(path)} & set(rooms.split()):
                    wrong.append(f"{path}:{n}: <{m[1]}> belongs to {rooms or 'nobody'}")
            if room in PURE and m[1] not in FREE and not m[1].startswith("ck_"):
                wrong.append(f"{path}:{n}: {room} is pure; it may not include <{m[1]}>")
    code = COMMENT.sub(lambda c: "\n" * c[0].count("\n"), text)
    for n, line in enumerate(code.split("\n"), 1):
        if str(path) != "shm/atomic.h" and (m := ATOMIC.search(line)):
            wrong.append(f"{path}:{n}: {m[1]}: shared words go through shm/atomic.h")

print("\n".join(wrong) or "rooms: every include is a legal door")
sys.exit(bool(wrong))
