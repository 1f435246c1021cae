"""Commands: ``python -m skfashion report``, ``dashboard``, ``page``, ``serve``."""

import argparse
import sys
from importlib import import_module

# Name, the module that adds the command's options by `add_parser(subparsers)`, and what it does.
# A module is imported only if its command is chosen: `serve` needs no PyTorch.
COMMANDS = {
    "report": ("skfashion.inspection.report.command", "one page about fitted classifiers"),
    "dashboard": (
        "skfashion.inspection.dashboard.command",
        "one page of studies, searches and drift logs",
    ),
    "page": ("skfashion.serving.webpage.command", "a page on which models are tried"),
    "serve": ("skfashion.serving.command", "a service over exported files"),
}


def main(arguments=None):
    """Run a command.

    Parameters
    ----------
    arguments : list of str or None
        None means those of the command line.

    Returns
    -------
    int
        0, or 2 if something that was asked for cannot be had.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m skfashion", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    try:
        for name, (module, what) in COMMANDS.items():
            if name == chosen:
                import_module(module).add_parser(subparsers)
            else:
                subparsers.add_parser(name, help=what)
        options = parser.parse_args(arguments)
        return options.command(options)
    except (ImportError, OSError, ValueError) as error:
        # In one line, whatever was raised.
        print("error:", *str(error).split(), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
