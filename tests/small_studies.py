"""Studies of the benchmarks with small settings, run as a user runs them."""

import argparse
import dataclasses

from benchmarks import results, runner

# Of these nothing is committed yet: they take hours, and the list gets shorter with each.
WAITING = {"architectures", "architecture-seconds", "architecture-search"}
WAITING |= {"datasets", "records", "rivals"}

# What every row says of its circumstances, for those that tests write.
ABOUT = {"machine": {"cpu": "x"}, "date": "2026-11-30", "versions": {}}
ABOUT |= {"commit": "1", "command": "c"}


def command(study, *words):
    """Run the command of a study, registered or not; return its exit status."""
    parser = argparse.ArgumentParser()
    runner.add_parser(parser.add_subparsers(), study)
    words = [study.name, *map(str, words)]
    options = parser.parse_args(words)
    options.words = words
    return runner.run(study, options)


def run(study, settings, folder, *words):
    """Run ``--quick`` of a study with other settings; return the rows that count."""
    small = dataclasses.replace(study, sizes=study.sizes | {"quick": settings})
    assert command(small, "--quick", "--output", folder, *words) == 0
    return results.current(results.read(folder / f"{small.name}-quick.jsonl"))
