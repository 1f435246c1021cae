"""The runner's option ``--backend``: joblib's runs on this machine, or on a Dask cluster."""

import contextlib

from benchmarks.errors import BenchmarkError

# Seconds in which a scheduler must answer, and have a worker.
TIMEOUT = 10
# What decides the bits of a result; a worker that has others would mix two experiments.
PACKAGES = ("numpy", "scikit-learn", "skfashion", "skorch", "torch")
SERVERS = "dask scheduler, and dask worker tcp://ITS-ADDRESS:8786 --nthreads 1 on each machine"


def add_options(parser):
    """Add the options that say where runs are computed, to an ``ArgumentParser``."""
    add = parser.add_argument
    about = "processes of this machine, or a Dask cluster, all of whose threads are used"
    add("--backend", choices=("local", "dask"), default="local", help=about)
    add("--scheduler", metavar="ADDRESS", help="of the cluster, such as tcp://10.0.0.1:8786")


@contextlib.contextmanager
def chosen(options):
    """Let joblib compute where the options of a study say, if it has any.

    Yields what a row says about it: ``jobs``, and for a cluster ``backend``. A BenchmarkError is
    raised if the options contradict each other, Dask is not installed, the scheduler does not
    answer or goes away, or its workers are missing or have other versions.
    """
    if not hasattr(options, "backend"):  # a study without runs of joblib's
        yield {}
        return
    address = options.scheduler
    if (options.backend == "dask") != (address is not None):
        got = f"--scheduler {address} without --backend dask"
        got = "--backend dask without --scheduler" if address is None else got
        about = f"Got {got}, expected both or neither. Start a scheduler, with workers: {SERVERS}."
        raise BenchmarkError(about, exit_code=2)
    if address is None:
        yield {"jobs": options.jobs}
        return
    import joblib

    with _client(address) as client, joblib.parallel_config("dask", client=client):
        _check_versions(client)
        try:
            yield {"jobs": sum(client.ncores().values()), "backend": "dask"}
        except ConnectionError as error:
            raise BenchmarkError(str(error)) from error


@contextlib.contextmanager
def _client(address):
    """Connect to a scheduler that has workers."""
    try:
        from distributed import Client
    except ImportError as error:
        raise BenchmarkError(
            "Got --backend dask, which needs Dask's distributed; install it with: "
            "pip install -e '.[cluster]'"
        ) from error
    try:
        client = Client(address, timeout=TIMEOUT)
    except (OSError, ValueError) as error:
        raise BenchmarkError(
            f"Got --scheduler {address}, which did not answer within {TIMEOUT} s "
            f"({type(error).__name__}: {error}). Start one, with workers: {SERVERS}."
        ) from error
    with client:
        with contextlib.suppress(TimeoutError):
            client.wait_for_workers(2, timeout=TIMEOUT)
        # One worker of several threads will do: joblib leaves a single thread alone.
        if sum(client.ncores().values()) < 2:
            raise BenchmarkError(
                f"Got --scheduler {address}, which has fewer than two workers, expected two "
                f"within {TIMEOUT} s. Start some: dask worker {address} --nthreads 1."
            )
        yield client


def _check_versions(client):
    found = client.get_versions(packages=PACKAGES)
    here = found["client"]["packages"]
    for address, versions in {"the scheduler": found["scheduler"], **found["workers"]}.items():
        there = versions["packages"]
        for name in ("python", *PACKAGES):
            if there.get(name) != here[name]:
                raise BenchmarkError(
                    f"Got {name} {there.get(name)} at {address}, expected {here[name]} as on this "
                    "machine: results would differ. Make the two equal."
                )
