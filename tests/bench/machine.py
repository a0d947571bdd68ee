#!/usr/bin/env python3
"""machine.py - what a benchmark ran on, as JSON: figures of two machines cannot be compared, and this says which it was"""
import json
import os
import re
import subprocess
import time


def said(*words):
    """The first line of what a program prints, or nothing."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except OSError:
        return ""
    return (done.stdout or done.stderr).strip().split("\n")[0]


def field(path, pattern):
    m = re.search(pattern, open(path).read())
    return m[1] if m else ""


print(json.dumps(dict(
    date=time.strftime("%Y-%m-%d"),
    version=said("git", "describe", "--always", "--dirty"),
    kernel=os.uname().release,
    processor=field("/proc/cpuinfo", r"model name\s*: (.*)"),
    cores=os.cpu_count(),
    virtual="hypervisor" in field("/proc/cpuinfo", r"flags\s*: (.*)").split(),
    memory_gib=round(int(field("/proc/meminfo", r"MemTotal:\s*(\d+)")) / 2**20, 1),
    load_before=os.environ.get("LOAD_BEFORE", ""),
    load_after=said("cut", "-d ", "-f1-3", "/proc/loadavg"),
    congestion=os.environ.get("CONGESTION", "cubic"),
    page_table_isolation="pti" in field("/proc/cpuinfo", r"flags\s*: (.*)").split(),
    tayga=said("dpkg-query", "-Wf", "${Version}", "tayga"),
    iperf3=said("dpkg-query", "-Wf", "${Version}", "iperf3"),
    nftables=said("dpkg-query", "-Wf", "${Version}", "nftables"),
    compiler=said(os.environ.get("CC", "gcc"), "--version"),
), indent=1))
