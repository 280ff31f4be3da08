#!/usr/bin/env python3
"""Holds every #include of src/ against the layer order of docs/ARCHITECTURE.md.

A module may include modules to its left, never one of its own step, and from storage only reader.h and writer.h are
seen from above. The order here is the order; the picture in ARCHITECTURE.md is a copy of it.
"""
import pathlib
import re
import sys

STEPS = [
    ["base"],
    ["env", "codec", "model"],
    ["plan", "net"],
    ["wire", "storage"],
    ["query", "ingest"],
    ["pipeline", "collect", "rules", "investigate"],
    ["alerting", "slo"],
    ["api"],
    ["server"],
]
# Inside a module the same rule between its folders, left to right; what is not named may use anything of its module.
INNER = {
    "query": [["core"], ["promql", "logql", "traceql"]],
    "api": [["request"], ["push", "prometheus", "loki", "tempo", "obelisk"], ["jaeger"], ["zipkin"]],
}
SEEN_FROM_ABOVE = {"storage/reader.h", "storage/writer.h"}
# Tests may use the memory store as a store; server/ wires the engine and so knows it.
TEST_STORES = re.compile(r"^storage/(memory|embedded)/")

STEP_OF = {name: i for i, step in enumerate(STEPS) for name in step}


def inner_step(module, folder):
    for i, step in enumerate(INNER.get(module, [])):
        if folder in step:
            return i
    return None


def complaint(source, included):
    """Why `source` may not include `included` (both relative to src/), or None."""
    own, other = source.split("/")[0], included.split("/")[0]
    if other not in STEP_OF:
        return f"unknown module {other}"
    if own == other:
        a = inner_step(own, source.split("/")[1])
        b = inner_step(own, included.split("/")[1])
        same_folder = source.split("/")[1] == included.split("/")[1]
        if a is None or b is None or same_folder:
            return None
        return None if b < a else f"{own}: {included} is not to the left"
    if STEP_OF[other] >= STEP_OF[own]:
        return f"{other} is not to the left of {own}"
    if other == "storage" and included not in SEEN_FROM_ABOVE:
        allowed = own == "server" or re.search(r"_(test|bench)\.cc$|/test_", source)
        if not (allowed and TEST_STORES.match(included)):
            return "from storage only reader.h and writer.h are seen from above"
    return None


def main():
    root = pathlib.Path(__file__).resolve().parent.parent / "src"
    checked, wrong = 0, []
    for path in sorted(root.rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        source = path.relative_to(root).as_posix()
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#include "([^"]+)"', line)
            if not match:
                continue
            checked += 1
            why = complaint(source, match.group(1))
            if why is None and not (root / match.group(1)).exists():
                why = "no such file below src/"
            if why:
                wrong.append(f"src/{source}:{number}: {match.group(1)}: {why}")
    if checked == 0:
        wrong.append("no #include found: is src/ there?")
    # The check must be able to fail.
    assert complaint("base/x.h", "model/labels.h") and complaint("query/promql/x.cc", "query/logql/y.h")
    assert complaint("api/loki/x.cc", "storage/memory/memory_store.h")
    for line in wrong:
        print(line)
    print(f"{checked} includes checked, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
