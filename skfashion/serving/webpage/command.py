"""The command ``python -m skfashion page``."""

import argparse
import sys
import tempfile
from pathlib import Path

from skfashion.serving.model import read_file
from skfashion.serving.staging import Stage
from skfashion.serving.webpage.offline import offline_page
from skfashion.serving.webpage.pages import TITLE
from skfashion.serving.webpage.runtime import NAME, VERSION, find_runtime
from skfashion.utils.command_line import checked_output, paths_by_name
from skfashion.utils.files import write_text

DESCRIPTION = f"""\
Write one page of HTML on which models are tried: by drawing, and with pictures. It holds the models
and what computes them, so that it needs no network and no other file, and nothing leaves the device
of whoever opens it; whoever has the page has the models.

A MODEL is an ONNX file of skfashion.export.to_onnx or quantize; or FILE.safetensors, of
net.save(path), which is exported first and for which PyTorch must be there.

What computes them is the npm package {NAME} {VERSION}. It is taken from the data folder; else
brought there by npm, or from --runtime PATH. Its files are compared with known hashes.
"""


def add_parser(subparsers):
    """Add the command ``page``.

    Parameters
    ----------
    subparsers : argparse's subparsers action
    """
    parser = subparsers.add_parser(
        "page",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("models", nargs="+", metavar="MODEL", help="file; NAME=FILE names it")
    add("--title", default=TITLE, help=f"heading of the page, default {TITLE!r}")
    add("-o", "--output", default="page.html", help="default page.html")
    add(
        "--runtime",
        metavar="PATH",
        help=f"the npm package {NAME}@{VERSION}, a .tgz file or a folder",
    )
    parser.set_defaults(command=main)


def main(options):
    """Read models and the runtime, write the page.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    int
        0.
    """
    paths = paths_by_name(options.models)
    checked_output(options.output)
    with tempfile.TemporaryDirectory(prefix="skfashion-") as folder:
        stage = Stage(paths, folder)
        for name in paths:
            stage.fill(name)
        contents = {name: read_file(path) for name, path in stage.paths.items()}
    page = offline_page(contents, find_runtime(options.runtime), options.title)
    write_text(options.output, page)
    size = Path(options.output).stat().st_size
    print(f"{options.output}: {size / 1e6:.1f} MB", file=sys.stderr)
    return 0
