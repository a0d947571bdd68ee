#!/usr/bin/python3
"""run.py - random traffic through libnat64 and through the reference, compared byte by byte

usage: run.py VECTORS.SO PACKETS [SEED [PROCESSES]]

Sequences of some hundred packets, each with a configuration of its own. What came out must be one of the fates that the
reference allows; after every wait, and at the end, bindings and sessions must be as many, and the table must pass its audit.
On a difference the sequence is made as short as still differs, printed as a row of tests/vectors/, and the exit status is 1.
"""
import collections
import faulthandler
import functools
import multiprocessing
import pathlib
import random
import struct
import sys
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "vectors"))
from gateway import Gateway  # noqa: E402
from fragments import Kin, Series, fields  # noqa: E402
from reference import ANY, Config, Cut, Reference, Wrong, join, matches  # noqa: E402
from traffic import Traffic, keys_of  # noqa: E402

LENGTH = 250  # packets and waits of one sequence
faulthandler.enable()


class Differs(Exception):
    pass


def text_of(keys):
    return "[tenant row]\n" + "".join(f"{k} = {v}\n" for k, values in keys.items() for v in values)


def fate(out):
    if isinstance(out, Cut):
        return "anything" if out is ANY else f"in pieces of {out.most}, id {out.ident}: {out.whole.hex()}"
    return out.hex() if out else "dropped"


def where(got, right):
    """From which byte on they differ."""
    right = right.whole if isinstance(right, Cut) else right
    if not got or not right:
        return ""
    at = next((n for n, (a, b) in enumerate(zip(got, right)) if a != b), min(len(got), len(right)))
    return (f"\n    ({len(got)} and {len(right)} bytes, different from byte {at}: "
            f"{got[at:at + 8].hex()}, {right[at:at + 8].hex()})")


def play(keys, items, counts=None, log=None):
    """Raises Differs. An item is a packet, a number of seconds, or a function of Traffic that makes one of these. log gets
    what happened: numbers of seconds, or (packet, verdict, what came out)."""
    gateway, reference = Gateway(text_of(keys)), Reference(Config(keys))
    gateway.workers, gateway.ini = reference.config.workers, text_of(keys).encode()
    Gateway.library.vectors_leave_checksums(keys.get("offload") != ["off"])
    traffic = Traffic(reference)
    try:
        for item in items:
            what = item(traffic) if callable(item) else item
            if isinstance(what, int):
                if log is not None:
                    log.append(what)
                gateway.clock(what)
                reference.clock(what)
                try:
                    drain(gateway, reference)
                except Wrong as e:
                    raise Differs(f"after {what} s: {e}") from e
                same_tables(gateway, reference)
                continue
            if isinstance(what, tuple):
                play_fragments(gateway, reference, what, counts, log)
                continue
            if isinstance(what, Series):
                play_series(gateway, reference, what, counts, log)
                continue
            verdict, out, pieces = let_through(gateway, what)
            if log is not None:
                log.append((what, verdict, out))
            if counts is not None:
                counts[verdict] += 1
            try:
                out = join(pieces)[0] if len(pieces) > 1 else out
                right = reference.packet(what, out)
                drain(gateway, reference)
            except Wrong as e:
                raise Differs(f"{e}\n  packet  {what.hex()}\n  {verdict}: {fate(out)}") from e
            if not any(matches(r, pieces) for r in right) or (verdict == "translated") != (
                    gateway.action(verdict) == "translate" and bool(out)):
                raise Differs(f"packet {what.hex()}\n  came out ({verdict}, {len(pieces)}): {fate(out)}\n" + "".join(
                    f"  would be right: {fate(r)}{where(out, r)}\n" for r in right))
            traffic.note(what, out)
        same_tables(gateway, reference)
        violation = gateway.audit()
        if violation:
            raise Differs(f"audit: {violation}")
    finally:
        gateway.close()


def let_through(gateway, data):
    """A packet that any worker has read, through the workers until one decides: verdict, what came out, and what is written.
    Which worker it is follows from its bytes, and so does which one dies before and has a successor; nobody may notice."""
    chance = zlib.crc32(data)
    if chance % 61 == 0 and b"icmp-rate = 2" not in gateway.ini:  # a successor begins to count anew
        gateway.restart(chance // 61 % gateway.workers)
    return hand_on(gateway, data, chance // 256 % gateway.workers, b"")


def hand_on(gateway, data, worker, kin):
    for _ in range(6):
        verdict, out, to = gateway.packet(data, worker, kin)
        if verdict != "handed_over":
            return verdict, out, gateway.pieces
        data, kin, worker = out, gateway.kin, to
    raise Differs(f"handed over for ever: {data.hex()}")


def released(gateway):
    """What was kept and is due goes on: [(verdict, what came out, what is written)]."""
    gone = []
    for worker in range(gateway.workers):
        while due := gateway.due(worker):
            gone.append(hand_on(gateway, due[0], worker, due[1]))
    return gone


def play_series(gateway, reference, series, counts, log):
    """Fragments that are hostile, doubled or late. Each has the fate that the model gives it, and the bytes that go on are
    those that may, translated."""
    kin, head = Kin(series, reference.config.late, reference.config.zero), None
    reference.kin.append(kin)
    if log is not None:
        log.append(series)
    try:
        for step in series.steps:
            if isinstance(step, int):
                wait_in_between(gateway, reference, kin, step)
                continue
            verdict, _, pieces = let_through(gateway, series.packet(*step))
            if counts is not None:
                counts[verdict] += 1
            fate_is = {"translated": "pass", "kept": "keep"}.get(verdict, gateway.action(verdict))
            pieces = pieces + [p for _, _, more in released(gateway) for p in more]
            wanted = kin.meet(*step, reference.now)
            if fate_is != wanted:
                raise Wrong(f"{verdict} for the fragment at {step[0]} of {len(step[2])} bytes, more {step[1]}; not {wanted}")
            head = compare_gone(kin.gone, pieces, head, reference, series)
    except Wrong as e:
        raise Differs(f"{e}\n  series {series.whole(series.body)[:64].hex()}, steps " + repr(
            [s if isinstance(s, int) else (s[0], s[1], len(s[2])) for s in series.steps])) from e


def wait_in_between(gateway, reference, kin, seconds):
    gateway.clock(seconds)
    reference.clock(seconds)
    late, over = kin.clock(reference.now), 0
    own = {kin.series.packet(*s)[:48] for s in kin.series.steps if not isinstance(s, int)}
    for worker in range(gateway.workers):
        while due := gateway.due(worker):
            verdict, out, _ = hand_on(gateway, due[0], worker, due[1])
            over += due[0][:48] in own
            reference.release(verdict, out)
    if late != over:
        raise Wrong(f"{over} fragments let go after {seconds} s, {late} would be right")


def translated_first(reference, series, first, more):
    """A first fragment goes on: what its header and it become. That depends on no byte behind it, unless all have come."""
    fates = reference.datagram(series.whole(first + (series.body[len(first):] if more else b"")), b"")
    if len(fates) != 1 or not isinstance(fates[0], bytes):
        raise Wrong(f"the reference sees no way for it: {fates}")
    head, _, _, message = fields(fates[0])
    return head, message[:len(first)]


def compare_gone(gone, pieces, head, reference, series):
    """What came out must be the fragments that go on, translated, in pieces or not. Returns what all of them begin with."""
    wanted, got = {}, {}
    for at, more, payload in gone:
        if at == 0:
            head, payload = translated_first(reference, series, payload, more)
        wanted.update((n, byte) for n, byte in enumerate(payload, at))
    ends = {at + len(payload) for at, more, payload in gone if not more}
    for piece in pieces:
        its, at, more, payload = fields(piece)
        if its != head:
            raise Wrong(f"a header that is not the packet's, {head.hex()}: {piece[:48].hex()}")
        if (at + len(payload) in ends) != (not more):
            raise Wrong(f"more is {more} at byte {at + len(payload)}")
        got.update((n, byte) for n, byte in enumerate(payload, at))
    if got != wanted:
        where = min(n for n in got.keys() | wanted.keys() if got.get(n) != wanted.get(n))
        raise Wrong(f"{len(got)} bytes came out, {len(wanted)} would be right; different from byte {where}")
    return head


def play_fragments(gateway, reference, fragments, counts, log):
    """Fragments of one packet. All that comes out, put together, must be what becomes of the packet, put together."""
    pieces = []
    if log is not None:
        log.append(list(fragments))
    for data in fragments:
        verdict, _, written = let_through(gateway, data)
        if counts is not None:
            counts[verdict] += 1
        pieces += written + [p for _, _, written in released(gateway) for p in written]
    try:
        whole, ident = join(fragments)
        if whole[0] >> 4 == 6:  # with a fragment header, as if it were the only one
            whole = whole[:4] + struct.pack(">HB", len(whole) - 32, 44) + whole[7:40] + \
                struct.pack(">BBHI", whole[6], 0, 0, ident) + whole[40:]
        got, its = join(pieces) if pieces else (b"", 0)
        right = reference.datagram(whole, got)
        wrong = pieces and its != ident & 0xffff
    except Wrong as e:
        raise Differs(f"{e}\n  fragments  {[f.hex() for f in fragments]}\n  came out: {[p.hex() for p in pieces]}") from e
    if (got or None) not in right or wrong:
        raise Differs(f"fragments {[f.hex() for f in fragments]}\n  came out: {fate(got)}, id {its}\n" + "".join(
            f"  would be right: {fate(r)}{where(got, r)}\n" for r in right))


def drain(gateway, reference):
    """What was kept and is due."""
    for verdict, out, _ in released(gateway):
        reference.release(verdict, out)
    reference.settled()


def same_tables(gateway, reference):
    probes, right = sorted(gateway.probes()), sorted(reference.probes)
    reference.probes = []
    if probes != right:
        raise Differs(f"probes {[p.hex() for p in probes]}, {[p.hex() for p in right]} would be right")
    bindings, sessions = len(reference.by_host), sum(len(b.sessions) for b in reference.by_host.values())
    if (gateway.bindings(), gateway.sessions()) != (bindings, sessions):
        raise Differs(f"{gateway.bindings()} bindings and {gateway.sessions()} sessions, "
                      f"{bindings} and {sessions} would be right")
    if reference.size() > 4096 and gateway.held() != reference.held():
        raise Differs(f"{gateway.held()} ports at rest, {reference.held()} would be right")


def difference(keys, items, log=None):
    try:
        play(keys, items, log=log)
    except Differs as e:
        return str(e)
    return None


def shrink(keys, items, seconds=30):
    """Leave out what is not needed for a difference."""
    end, size = time.monotonic() + seconds, max(1, len(items) // 2)
    while time.monotonic() < end:
        at, before = 0, len(items)
        while at < len(items) and time.monotonic() < end:
            fewer = items[:at] + items[at + size:]
            if fewer and difference(keys, fewer):
                items = fewer
            else:
                at += size
        if size == 1 and len(items) == before:
            break
        size = max(1, size // 2)
    return items


def minimal(keys, items):
    """The sequence as what it came to, shortened: first as a tale in which each packet follows from those before it."""
    log = []
    difference(keys, shrink(keys, items, 10), log)
    items = [what if isinstance(what, (int, Series)) else tuple(what) if isinstance(what, list) else what[0] for what in log]
    return shrink(keys, items)


def as_row(keys, items):
    """A row of tests/vectors/. What its last packet is to become must be put right by hand."""
    log = []
    why = difference(keys, items, log)
    steps = []
    for what in log:
        if isinstance(what, int):
            steps.append(f"    wait({what})")
        elif isinstance(what, Series):
            steps += [f"    wait({s})" if isinstance(s, int) else
                      f'    drop(bytes.fromhex("{what.packet(*s).hex()}"), "a fragment")' for s in what.steps]
        elif isinstance(what, list):
            steps += [f'    drop(bytes.fromhex("{f.hex()}"), "a fragment")' for f in what]
        else:
            data, verdict, out = what
            steps.append(f'    send(bytes.fromhex("{data.hex()}"), "{verdict}", ' +
                         (f'bytes.fromhex("{out.hex()}"))' if out else "None)"))
    lines = [f"{k} = {v}" for k, values in keys.items() for v in values]
    return 'row("found by the reference", "RFC",\n' + ",\n".join(steps) + f",\n    config={lines!r})\n{why}"


def work(library, packets, seed):
    """Returns the verdicts, and None or a report."""
    Gateway.load(library)
    rng, counts = random.Random(seed), collections.Counter()
    while counts.total() < packets:
        own = rng.getrandbits(48)
        keys, items = keys_of(own), [functools.partial(Traffic.make, seed=own * 1000 + n) for n in range(LENGTH)]
        try:
            play(keys, items, counts)
        except Differs as e:
            short = minimal(keys, items)
            return counts, f"sequence {own} of seed {seed}: {e}\nshortened to {len(short)}:\n{as_row(keys, short)}"
    return counts, None


def child(pipe, *task):
    pipe.send(work(*task))


def main(library, packets, seed=None, processes=2):
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    print(f"differential: seed {seed}", flush=True)
    begun, running, counts, reports = time.monotonic(), [], collections.Counter(), []
    if processes == 1:  # in this process, for whoever wants to measure it
        counts, report = work(library, packets, seed)
        reports += [report] if report else []
    for n in range(processes if processes > 1 else 0):
        mine, its = multiprocessing.Pipe(False)
        process = multiprocessing.Process(target=child, args=(its, library, packets // processes, seed + n))
        process.start()
        its.close()
        running.append((process, mine))
    for process, pipe in running:
        try:
            got, report = pipe.recv()
            counts += got
        except EOFError:
            report = f"a process ended with status {process.exitcode}"
        process.join()
        reports += [report] if report else []
    for report in reports:
        print(report)
    print(", ".join(f"{v} {n}" for v, n in counts.most_common()))
    print(f"differential: {counts.total()} packets in {time.monotonic() - begun:.0f} s, {len(reports)} differences")
    return bool(reports)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:])))
