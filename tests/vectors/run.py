#!/usr/bin/python3
"""run.py - vectors: packets that scapy wrote against what libnat64 makes of them

usage: run.py VECTORS.SO [WORD...]      only rows whose name, clause or file has one of the words

Every row runs twice, at the same time: as it is, and with the checksums of TCP and UDP packets left to the device, as one with
offloads does it; what comes out must be the same.

Prints for every clause how many rows passed, every difference field by field, how many rows each RFC has (one may be for
several), and "N passed, N failed".
"""
import collections
import faulthandler
import importlib
import multiprocessing
import pathlib
import re
import sys

import row as rows
from gateway import Gateway

faulthandler.enable()


def run(library, words, partial):
    """Passed, failed, [passed, failed] of each clause."""
    passed, failed, clauses = 0, 0, {}
    Gateway.load(library)
    Gateway.library.vectors_leave_checksums(partial)
    for path in sorted(pathlib.Path(__file__).parent.glob("rows_*.py")):
        before = len(rows.ROWS)
        importlib.import_module(path.stem)
        for r in rows.ROWS[before:]:
            if words and not any(w.lower() in f"{path.stem} {r.clause} {r.name}".lower() for w in words):
                continue
            difference = rows.run_row(r, Gateway)
            count = clauses.setdefault(r.clause, [0, 0])
            count[difference is not None] += 1
            if difference:
                failed += 1
                left = ", checksums left to the device" if partial else ""
                print(f"FAILED {path.stem} [{r.clause}] {r.name}{left}\n  {difference}", flush=True)
            else:
                passed += 1
    return passed, failed, clauses


def main(library, words):
    # Spawned, and waited for: forked ones would end without what C has to do at the end, and coverage not be written.
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        (passed, failed, clauses), (again, wrong, others) = pool.starmap(run, [(library, words, p) for p in (False, True)])
        pool.close()
        pool.join()
    passed, failed = passed + again, failed + wrong
    for clause, count in others.items():
        clauses[clause] = [a + b for a, b in zip(clauses[clause], count)]
    for clause, (good, bad) in sorted(clauses.items()):
        print(f"{'FAILED' if bad else 'ok'} {clause}: {good} of {good + bad} rows")
    documents = collections.Counter()
    for clause, counts in clauses.items():
        for document in set(re.findall(r"RFC \d+", clause)) or {"no RFC"}:
            documents[document] += sum(counts)
    print("rows by document, each twice: " + ", ".join(f"{d} {n}" for d, n in documents.most_common()))
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
