#!/usr/bin/python3
"""apparmor.py - what a traced nat64d did with files, sockets and mounts, against the rules of its AppArmor profile

usage: apparmor.py PROFILE TRACE [HERE=THERE...]      a path that begins with HERE counts as one that begins with THERE

TRACE is what strace -f -y -o wrote, with %file, flock, socket and the calls for mounts among the traced. Only calls that came
off count. Prints each access that no rule allows, then how many it looked at; the exit status is 1 when there is one, or
hardly any access at all.
"""
import collections
import re
import sys

VARIABLES = {"@{PROC}": "/proc", "@{pid}": "[0-9]*", "@{run}": "/run"}
FAMILIES = {"AF_UNIX": "unix", "AF_INET": "inet", "AF_INET6": "inet6", "AF_NETLINK": "netlink"}
CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\w+)(?:<(.*?)>)?")
AT = re.compile(r'\b\d+<(/[^>]*)>, "(?!/)')  # a directory's descriptor, and a path that begins there
PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')


def pattern(glob):
    """An AppArmor glob as a regular expression."""
    for name, value in VARIABLES.items():
        glob = glob.replace(name, value)
    out, depth, at = "", 0, 0
    while at < len(glob):
        c = glob[at]
        if glob.startswith("**", at):
            out, at = out + ".*", at + 1
        elif c == "*":
            out += "[^/]*"
        elif c == "[":
            end = glob.index("]", at)
            out, at = out + glob[at:end + 1], end
        elif c in "{}":
            depth += 1 if c == "{" else -1
            out += "(?:" if c == "{" else ")"
        else:
            out += "|" if c == "," and depth else re.escape(c)
        at += 1
    return re.compile(out.replace("/proc/[0-9][^/]*", "/proc/(?:[0-9]+|self)") + r"\Z")


def rules(path):
    """[(regular expression, letters)] of the profile's files, and its other rules as words."""
    files, words = [], set()
    for line in open(path):
        line = line.split("#")[0].strip()
        rule = re.match(r"([/@][^ ]*) +([a-z]+),$", line)
        if rule:
            files.append((pattern(rule[1]), set(rule[2])))
        elif line.endswith(","):
            words.add(line[:-1])
    return files, words


def flags_mode(flags):
    mode = {"r"} if "O_WRONLY" not in flags else set()
    return mode | ({"w"} if re.search("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", flags) else set())


def lines(trace):
    """Calls that were interrupted in the trace are put together again."""
    begun = {}
    for line in open(trace, errors="replace"):
        pid = line.split(" ", 1)[0]
        if "<unfinished ...>" in line:
            begun[pid] = line.split(" <unfinished ...>")[0].rstrip("\n")
        elif "resumed>" in line:
            yield begun.pop(pid, "") + line.split("resumed>", 1)[1]
        else:
            yield line


def accesses(trace):
    """(path, letter) or (rule in words,) of every call that succeeded."""
    for line in lines(trace):
        call = CALL.match(line)
        if not call or call[4].startswith("-"):
            continue
        _, name, args, _, opened = call.groups()
        paths = [p for p in PATH.findall(AT.sub(r'"\1/', args)) if p]
        if name in ("open", "openat"):
            for letter in flags_mode(args):
                yield (paths[0] if not paths[0].startswith("/proc/self/fd/") else opened or paths[0], letter)
        elif name == "execve":
            yield (paths[0], "x")
        elif name in ("unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "rename", "renameat", "renameat2", "chmod", "fchmodat",
                      "chown", "lchown", "fchownat", "link", "linkat", "symlink", "truncate", "utimensat"):
            for p in paths:
                yield (p, "w")
        elif name in ("bind", "connect") and "sun_path=" in args:
            yield (re.search(r'sun_path=@?"([^"]*)"', args)[1], "w")
        elif name == "flock":
            yield (re.search(r"<(/.*?)>", args)[1], "k")
        elif name == "socket":
            family, kind = (a.strip() for a in args.split(",")[:2])
            yield (f"network {FAMILIES.get(family, family)} {kind.split('|')[0].removeprefix('SOCK_').lower()}",)
        elif name in ("mount", "umount2", "pivot_root"):
            yield (name.removesuffix("2"),)


def main(profile, trace, moves):
    files, words = rules(profile)
    moves = sorted((m.split("=", 1) for m in moves), key=lambda m: -len(m[0]))
    seen, bad = collections.Counter(accesses(trace)), 0
    for access, times in sorted(seen.items()):
        if len(access) == 1:
            allowed = access[0] in words
        else:
            path, letter = access
            for here, there in moves:
                if path == here or path.startswith(here + "/"):
                    path = there + path[len(here):]
                    break
            # A directory is named with a / at its end there, and without one by who opens it.
            allowed = any((glob.match(path) or glob.match(path + "/")) and letter in letters for glob, letters in files)
        if not allowed:
            bad += 1
            print(f"no rule for {' '.join(access)} ({times} times)")
    print(f"apparmor: {len(seen)} kinds of access, {sum(seen.values())} in all, {bad} without a rule")
    return bad > 0 or len(seen) < 20


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
