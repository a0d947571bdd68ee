#!/usr/bin/env python3
"""rounds.py RIG OUT ROUNDS SCALE SECONDS - everything that is measured of whole gateways, in alternating rounds

In each round every figure is taken of every candidate, one right after the other (A B C A B C ...), so that a machine that
is busy for a while slows all of them down, and each round gives one ratio. RIG is the JSON of rig_words, OUT where the
results go, SCALE shortens each run, and after SECONDS no new round begins. TCP by iperf3 with the congestion control
$CONGESTION, the rest by blast, echo and connects. $FIGURES, names with commas between: only these; and where RIG has none
of the candidates that a figure is meant for, all that it has, every second round in reverse.

A result is {figure, candidate, round, value, unit, better, cpu, more}: value is what is compared; cpu the processor seconds
of the translating processes, user and system, during the run.
"""
import json
import os
import subprocess
import sys
import time

rig = json.load(open(sys.argv[1]))
out, rounds, scale, limit = sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
built, prefix, congestion = os.environ["B"], os.environ["PREFIX"], os.environ.get("CONGESTION", "cubic")
quick = scale < 0.5
results, broken, fresh = [], [], 200_000
ALL, PEERS = ("forward", "masquerade", "tayga", "single", "pair"), ("forward", "masquerade", "tayga", "single")
namespaces = [f"/run/netns/{prefix}-client", f"/run/netns/{prefix}-server"]


def run(words, seconds):
    """The JSON that a program prints."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}: {done.stderr or done.stdout}")
    return json.loads(done.stdout)


def pids(candidate):
    """The processes that translate, as they are now: a worker that died has a successor."""
    control = rig[candidate]["control"]
    if not control:
        return rig[candidate]["pids"]
    workers = run([f"{built}/nat64ctl", "-s", control, "--json", "show", "workers"], 1)["workers"]
    return ",".join(str(w["pid"]) for w in workers if w["state"] == "running")


def processor(candidate):
    """Processor seconds of the translating processes, user and system (schedstat: the ticks of stat are too coarse)."""
    return sum(int(open(f"/proc/{pid}/schedstat").read().split()[0]) for pid in filter(None, pids(candidate).split(","))) / 1e9


def tcp(candidate, streams, down):
    seconds = 3 * scale
    words = ["ip", "netns", "exec", f"{prefix}-client", "iperf3", "-6", "-J", "-t", f"{max(1, round(seconds))}", "-P",
             str(streams), "-C", congestion, "-c", rig[candidate]["address"]] + (["-R"] if down else [])
    cpu = processor(candidate)
    end = run(words, seconds)["end"]
    return dict(value=end["sum_received"]["bits_per_second"] / 1e9, unit="Gbit/s", cpu=processor(candidate) - cpu,
                more={"bytes": end["sum_received"]["bytes"], "retransmits": end["sum_sent"].get("retransmits")})


def blast(candidate, mode, **options):
    words = [f"{built}/tests/bench/blast", mode, f"pids={pids(candidate)}"] + rig[candidate]["traffic"].split()
    return run(words + [f"{key}={value}" for key, value in options.items()], 60)


def udp(candidate, frame, flows):
    got = blast(candidate, "flood", frame=frame, flows=flows, seconds=1.5 * scale)
    return dict(value=got["delivered"] / got["seconds"], unit="packets/s", cpu=got["cpu"], more=got)


def new(candidate):
    global fresh
    got = blast(candidate, "flood", fresh=1, first=fresh, flows=1_000_000, seconds=scale)
    fresh += got["opened"]
    return dict(value=got["delivered"] / got["seconds"], unit="packets/s", cpu=got["cpu"], more=got)


def burst(candidate, frame, flows):
    """Packets per processor second when all of them are there before the first one is read: the same on a busy machine."""
    got = blast(candidate, "burst", frame=frame, flows=flows, seconds=1.5 * scale)
    return dict(value=got["delivered"] / got["cpu"], unit="packets / CPU s", cpu=0, more=got)


def paced(candidate):
    """Latency where the gateway sleeps now and then: one way, of frames at a rate that it has no trouble with."""
    cpu = processor(candidate)
    got = blast(candidate, "stream", flows=256, rate=20000, seconds=scale)
    return dict(value=got["latency_p50"], unit="us", cpu=processor(candidate) - cpu, more=got)


def echo(candidate):
    words = [f"{built}/tests/bench/echo", *namespaces, rig[candidate]["address"], rig[candidate]["local"],
             str(round(1500 * scale)), "300"]
    got = run(words, 10)
    return dict(value=got["p50"], unit="us", cpu=0, more=got)


def connects(candidate):
    cpu = processor(candidate)
    got = run([f"{built}/tests/bench/connects", *namespaces, rig[candidate]["address"], rig[candidate]["local"],
               str(1.5 * scale)], 10)
    if got["broken"] > got["whole"] / 100:
        raise RuntimeError(f"connects through {candidate}: {got}")
    return dict(value=got["whole"] / got["seconds"], unit="connections/s", cpu=processor(candidate) - cpu, more=got)


FIGURES = [(f"tcp {streams} {'down' if down else 'up'}", PEERS, lambda c, s=streams, d=down: tcp(c, s, d))
           for streams in (1, 4) for down in (False, True)]
FIGURES += [(f"udp {frame} {flows}", ALL, lambda c, s=frame, f=flows: udp(c, s, f))
            for frame in (84, 1280) for flows in (1, 16, 1000, 100000)
            if (frame, flows) != (1280, 100000) and (not quick or (frame, flows) in ((84, 16), (84, 1000), (1280, 1000)))]
FIGURES += [("udp 84 new", ("forward", "masquerade", "single", "pair"), new), ("echo", PEERS, echo),
            ("connections", PEERS, connects)]
if "FIGURES" in os.environ:
    FIGURES += [("paced", ALL, paced)]
    FIGURES += [(f"burst {frame} {flows}", ALL, lambda c, s=frame, f=flows: burst(c, s, f))
                for frame in (84, 1280) for flows in (1, 16, 256, 1000)]
    FIGURES = [f for f in FIGURES if f[0] in os.environ["FIGURES"].split(",")]


def attempt(figure, candidate, measure):
    """One result, or nothing: a worker that is replaced meanwhile spoils it, and on a busy machine that may happen."""
    try:
        return measure(candidate)
    except (RuntimeError, KeyError, ValueError, ArithmeticError, OSError, subprocess.TimeoutExpired) as wrong:
        print(f"{figure}, {candidate}: {wrong}", file=sys.stderr)
        return None


begun = time.monotonic()
for number in range(rounds):
    if number > 1 and (time.monotonic() - begun) * (number + 1) / number > limit:
        print(f"time is over after {number} rounds", file=sys.stderr)
        break
    for figure, candidates, measure in FIGURES:
        for candidate in [c for c in candidates if c in rig] or list(rig)[::-1 if number % 2 else 1]:
            result = attempt(figure, candidate, measure) or attempt(figure, candidate, measure)
            if result:
                results.append(dict(figure=figure, candidate=candidate, round=number, **result))
            else:
                broken.append(f"{figure}, {candidate}")
    print(f"round {number + 1} of {rounds}, {time.monotonic() - begun:.0f} s", file=sys.stderr)

for candidate in filter(lambda c: rig[c]["control"], rig):
    workers = run([f"{built}/nat64ctl", "-s", rig[candidate]["control"], "--json", "show", "workers"], 1)["workers"]
    for w in workers:
        if w["restarts"]:
            print(f"{candidate}: worker {w['worker']} died {w['restarts']} times: {w['last_death']}", file=sys.stderr)

json.dump(results, open(out, "w"), indent=0)
print("\n".join(broken), file=sys.stderr)
sys.exit(bool(broken))
