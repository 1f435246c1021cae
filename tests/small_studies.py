"""Studies of the benchmarks with small settings, run as a user runs them."""

import argparse
import dataclasses

from benchmarks import results, runner


def run(study, settings, folder, *words):
    """Run ``--quick`` of a study with other settings; return the rows that count."""
    small = dataclasses.replace(study, sizes=study.sizes | {"quick": settings})
    parser = argparse.ArgumentParser()
    runner.add_parser(parser.add_subparsers(), small)
    options = parser.parse_args([small.name, "--quick", "--output", str(folder), *words])
    assert runner.run(small, options) == 0
    return results.current(results.read(folder / f"{small.name}-quick.jsonl"))
