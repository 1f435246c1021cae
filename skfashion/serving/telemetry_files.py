"""The folder through which metrics of several processes are added up."""

import os
from pathlib import Path

# The variable by which prometheus-client knows it, when it is imported.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


def share_metrics(folder):
    """Let processes that are started from now on share their metrics in a folder."""
    Path(folder).mkdir()
    os.environ[SHARED] = str(folder)


def forget_process(pid):
    """Remove what a process that has died says of the present; what it has counted stays."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid)
