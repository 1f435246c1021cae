"""The pages of the documentation, the code on them, and what it prints.

``python tests/pages.py docs/quickstart.md …`` runs pages, and writes below each block of Python
what it has printed.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import warnings
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [README, *(ROOT / f"{name}.md" for name in ("CONTRIBUTING", "SECURITY")), *DOCS]

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# A block of Python, and what it prints.
WITH_OUTPUT = re.compile(
    r"^```python\n(?P<source>.*?)^```$(?P<shown>\n\n```output\n(?P<output>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
# Pages so long that workers share their sections: each of these needs nothing but what its page
# begins with.
BY_SECTION = [ROOT / "docs" / f"{name}.md" for name in ("searching", "user_guide")]


def page_name(path):
    return path.relative_to(ROOT).as_posix()


def blocks(path, language):
    """Yield the first line's number and the source of each block of a language."""
    text = path.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        if match[1] == language:
            yield text.count("\n", 0, match.start(2)), match[2]


def sections(path):
    """Yield headings of a page with the blocks of Python that run one after another.

    Each block is the first line's number, the source, and the output that the page shows, if any.
    """
    text = path.read_text(encoding="utf-8")
    found = [
        (text.count("\n", 0, match.start("source")), match["source"], match["output"])
        for match in WITH_OUTPUT.finditer(text)
    ]
    if path not in BY_SECTION:
        if found:
            yield "", found
        return
    lines = text.split("\n")

    def heading(block):
        above = [line for line in lines[: block[0]] if line.startswith("## ")]
        return above[-1].removeprefix("## ") if above else ""

    first, *others = [(name, list(its)) for name, its in groupby(found, heading)]
    yield first
    for name, its in others:
        yield name, first[1] + its


def printed(path, found):
    """Run the blocks of a section; yield the first line's number of each, and what it prints."""
    namespace = {"__name__": "__page__"}
    for line, source, _ in found:
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout):
            # Empty lines in front, so that a traceback names the line of the page.
            exec(compile("\n" * line + source, str(path), "exec"), namespace)
        text = stdout.getvalue()
        # A progress bar writes for a terminal.
        yield line, "" if set(text) & set("\r\x1b") else text


def outline(text):
    """Return how many lines an output has, and what is true and false.

    Numbers and predictions differ from processor to processor, and with the number of threads.
    """
    text = (text or "").strip()
    return text.count("\n"), re.findall(r"\b(?:True|False)\b", text), not text


def write_outputs(path):
    """Write below each block of a page what it prints."""
    outputs = {}
    for _, found in sections(path):
        outputs |= dict(printed(path, found))
    text = path.read_text(encoding="utf-8")

    def written(match):
        output = outputs[text.count("\n", 0, match.start("source"))]
        lines = "".join(f"{line.rstrip()}\n" for line in output.rstrip().split("\n"))
        shown = f"\n\n```output\n{lines}```" if output.strip() else ""
        return f"```python\n{match['source']}```{shown}"

    path.write_text(WITH_OUTPUT.sub(written, text), encoding="utf-8")


if __name__ == "__main__":
    warnings.simplefilter("error")
    for page in [Path(name).absolute() for name in sys.argv[1:]]:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            write_outputs(page)
            os.chdir(ROOT)
