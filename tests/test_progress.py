"""What is shown while a fit or a study runs: in a terminal, in a file, in a notebook."""

import multiprocessing.connection
import os
import re
import textwrap

import children
import pytest

# Each starts Python once or twice.
pytestmark = pytest.mark.slow

PROGRAM = """
import warnings
from sklearn.datasets import load_digits
from skfashion import MLPNetClassifier
X, y = load_digits(return_X_y=True)
MLPNetClassifier(max_epochs=3, hidden_layer_sizes=8, verbose={verbose}).fit(X, y)
"""
STUDY = """
from sklearn.dummy import DummyClassifier
from skfashion.datasets import load_fashion_sample
from skfashion.studies import imbalance_study
X, y = load_fashion_sample(return_X_y=True)
imbalance_study(
    {{"dummy": DummyClassifier()}}, X, y, X, y, treatments=["nothing"], ratios=[1, 2],
    verbose={verbose},
)
"""


def in_a_file(program, tmp_path, **values):
    """Run a program whose output is files, and return what they hold."""
    out, err = tmp_path / "out", tmp_path / "err"
    children.run(program.format(**values), out=out, err=err)
    return out.read_text(), err.read_text()


def in_a_terminal(program, **values):
    """Run a program in a terminal, and return all that it has written there."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 100))
    process = children.start(program.format(**values), out=os.ttyname(its))
    parts = []
    while ours in multiprocessing.connection.wait([ours, process.sentinel]):
        parts.append(os.read(ours, 4096))
    process.join()
    os.close(ours), os.close(its)
    shown = b"".join(parts).decode()
    assert process.exitcode == 0, shown
    return shown


@pytest.mark.parametrize("program", [PROGRAM, STUDY], ids=["fit", "study"])
def test_a_file_has_lines(program, tmp_path):
    shown = "".join(in_a_file(program, tmp_path, verbose=1))
    assert "\r" not in shown
    lines = shown.splitlines()
    pattern = r"epoch \d/3  loss \d" if program == PROGRAM else r".*\b2/2 .*\d\d:\d\d"
    assert any(re.match(pattern, line) for line in lines), shown
    assert 1 <= len([line for line in lines if line]) <= 4


@pytest.mark.parametrize("program", [PROGRAM, STUDY], ids=["fit", "study"])
def test_a_terminal_has_one_line_that_is_drawn_over(program):
    shown = in_a_terminal(program, verbose=1)
    assert shown.count("\n") == 1
    assert shown.count("\r") > 1
    last = shown.split("\r")[-2]
    assert ("3/3" if program == PROGRAM else "2/2") in last
    assert program == STUDY or "loss=" in last


@pytest.mark.parametrize("program", [PROGRAM, STUDY], ids=["fit", "study"])
def test_nothing_is_shown_unasked(program, tmp_path):
    assert in_a_file(program, tmp_path, verbose=0) == ("", "")
    assert in_a_terminal(program, verbose=0) == ""


SEARCH = """
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from skfashion import MLPNetClassifier
X, y = load_digits(return_X_y=True)
net = MLPNetClassifier(max_epochs=3, hidden_layer_sizes=8)
search = GridSearchCV(net, {{"lr": [1e-3, 2e-3, 3e-3]}}, cv=2, n_jobs=2)
search.set_callbacks(ProgressBar(max_propagation_depth=0)).fit(X, y)
"""


def test_a_search_shows_what_share_is_done_and_the_time_left():
    pytest.importorskip("rich")
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", in_a_terminal(SEARCH))
    found = re.findall(r"GridSearchCV - search #0 \S+\s+(\d+)% (\S+)", shown)
    shares = [int(share) for share, _ in found]
    assert shares == sorted(shares)
    # Three candidates: while others run, some are done.
    assert 100 in shares and set(shares) & {17, 33, 50, 67, 83}
    assert re.fullmatch(r"\d:\d\d:\d\d", found[-1][1])


def test_a_notebook_has_a_widget():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    code = textwrap.dedent(PROGRAM.format(verbose=1))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    outputs = notebook.cells[0].outputs
    views = [out for out in outputs if out.output_type == "display_data"]
    assert len(views) == 1
    assert "application/vnd.jupyter.widget-view+json" in views[0].data
    assert not [out for out in outputs if out.output_type == "stream"]
    state = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    texts = [str(widget["state"].get("value", "")) for widget in state.values()]
    assert any("3/3" in text and "loss=" in text for text in texts), texts
