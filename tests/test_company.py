"""A fit beside other processes: its threads sleep, or have a core each, and its bits stay."""

import itertools
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from common import small, weights_of
from skorch.callbacks import Callback

from skfashion import MLPNetClassifier
from skfashion.parallel import company, pinning
from skfashion.parallel.company import beside_others
from skfashion.parallel.locks import ForkSafeLock
from skfashion.parallel.threads import borrowed_threads, spins
from skfashion.parallel.workers import count_cores

CORES = len(os.sched_getaffinity(0)) if pinning.CAN_PIN else 1
lists_tasks = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="This system does not list a process' threads."
)
sleeps = pytest.mark.skipif(not spins(), reason="This PyTorch's threads sleep when they wait.")
pins = pytest.mark.skipif(CORES < 2, reason="This system has one core, or keeps no thread on one.")


def wait_for(condition):
    """Wait until something is true; not for ever."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def busy(monkeypatch):
    """Return a list whose number is how often the system takes the core away at each look."""
    return pretend(monkeypatch)


def pretend(monkeypatch, per_look=0):
    """Count interruptions that are said, from now on; return a list of how many a look."""
    count, per_look = [0], [per_look]

    def count_interruptions():
        count[0] += per_look[0]
        return count[0]

    monkeypatch.setattr(company, "_count_interruptions", count_interruptions)
    monkeypatch.setattr(company, "PATIENCE", 0.05)
    monkeypatch.setattr(company, "INTERVAL", 0.01)
    return per_look


@pytest.fixture
def sleepers():
    """Return threads that sleep, by the system's numbers."""
    ends, numbers = threading.Event(), []

    def sleep():
        numbers.append(threading.get_native_id())
        ends.wait()

    threads = [threading.Thread(target=sleep) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(numbers) == 2)
    yield numbers
    ends.set()
    for thread in threads:
        thread.join()


# --- threads that sleep ---------------------------------------------------------------------------


@lists_tasks
@sleeps
def test_more_threads_than_cores_are_held_while_the_machine_is_busy(busy):
    own = torch.get_num_threads()
    torch.set_num_threads(1)  # whatever number the user has set
    try:
        with borrowed_threads(2):
            n_held = max(2, len(os.sched_getaffinity(0)))  # one of Python's, and OpenMP's
            tasks = set(os.listdir("/proc/self/task"))

            def count_new():
                return len(set(os.listdir("/proc/self/task")) - tasks)

            with beside_others():
                wait_for(lambda: count_new() == 1)  # who looks
                time.sleep(0.3)
                assert count_new() == 1
                busy[0] = 1000
                wait_for(lambda: count_new() == 1 + n_held)
                busy[0] = 0
                wait_for(lambda: count_new() == 1)
            wait_for(lambda: count_new() == 0)
    finally:
        torch.set_num_threads(own)


@pytest.mark.parametrize(
    ("interruptions", "waits"),
    [
        # Of two threads in each look. One that is suspicious is none; a second one is.
        ([4, 13, 4, 13, 4], []),
        ([13, 13, 4], [1]),
        ([16, 4], [1]),
        # Still busy after that: longer. Idle in between: as at first.
        ([16, 13, 4, 4], [1, 2]),
        ([16, 13, 16, 4], [1, 2, 4]),
        ([16, 4, 16, 4], [1, 1]),
    ],
)
@pytest.mark.parametrize("sleep", [True, False])
def test_when_a_machine_is_taken_for_busy_and_for_how_long(
    sleep, interruptions, waits, monkeypatch
):
    looks, done = iter(interruptions), []

    class Ends:
        def wait(self, seconds):
            return next(looks, None) is None

    # Twice a look: what they are before it, and after.
    counts = itertools.accumulate(n for its in interruptions for n in (0, its))
    monkeypatch.setattr(company, "_count_interruptions", lambda: next(counts, 0))
    monkeypatch.setattr(company, "_let_sleep", lambda *args: sleep)

    def note(*args):
        done.append(args[-2] / company.PATIENCE)
        return True

    monkeypatch.setattr(company, "_let_sleep" if sleep else "_keep_apart", note)
    company._watch(2, 1, Ends())
    assert done == waits


def test_help_that_fails_makes_nobody_wait_longer(monkeypatch):
    asked, helps = [], iter([False, True, True, True])

    class Ends:
        def wait(self, seconds):
            return len(asked) == 4

    def note(n_threads, task, patience, ends):
        asked.append(patience / company.PATIENCE)
        return next(helps)

    counts = itertools.count(0, 1000)
    monkeypatch.setattr(company, "_count_interruptions", lambda: next(counts))
    monkeypatch.setattr(company, "_let_sleep", lambda *args: False)
    monkeypatch.setattr(company, "_keep_apart", note)
    company._watch(2, 1, Ends())
    assert asked == [1, 1, 2, 4]


@pytest.mark.parametrize(
    ("interruptions", "sleep"),
    [
        ([0, 1, 0, 3, 0, 0], True),
        ([700, 800, 30, 900, 900, 20, 700, 800, 900], True),
        ([700, 20, 30, 20], False),
        ([24, 300, 14, 0, 24], False),
    ],
)
def test_threads_that_do_not_sleep_lose_their_core_once_a_turn(interruptions, sleep, monkeypatch):
    counts = itertools.accumulate([0, *interruptions])
    monkeypatch.setattr(company, "_count_interruptions", lambda: next(counts))
    monkeypatch.setattr(company, "_hold_threads", lambda n, ends: None)
    left = iter(interruptions)

    class Ends:
        def wait(self, seconds):
            return next(left, None) is None

    assert company._let_sleep(2, 100.0, Ends()) == sleep


def test_each_training_looks_whether_the_machine_is_busy(digits, monkeypatch):
    X, y = digits
    looked, watch = [], company._watch
    monkeypatch.setattr(company, "_watch", lambda n, *rest: (looked.append(n), watch(n, *rest)))
    net = small(MLPNetClassifier, n_threads=2).fit(X, y)
    net.partial_fit(X, y)
    assert looked == [2, 2]
    net.set_params(n_threads=1).fit(X, y).partial_fit(X, y)
    assert looked == [2, 2]


@pytest.mark.parametrize(
    ("n_cores", "may_sleep", "held"), [(64, True, 0), (4, False, 0), (4, True, 1)]
)
def test_not_too_many_threads_are_held(n_cores, may_sleep, held, monkeypatch):
    holds, ends = [], threading.Event()
    monkeypatch.setattr(company, "_count_cores", lambda: n_cores)
    monkeypatch.setattr(company, "spins", lambda: may_sleep)
    monkeypatch.setattr(company, "_hold_threads", lambda *args: holds.append(args))
    ends.set()
    assert company._let_sleep(2, 1.0, ends) == bool(held)
    wait_for(lambda: len(holds) == held)


def test_a_process_that_may_start_no_more_threads_fits(digits, monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert small(MLPNetClassifier, n_threads=2).fit(*digits).n_iter_ == 3


HELD_AT_THE_END = """
import numpy as np
from skfashion import MLPNetClassifier
from skfashion.parallel import company

# A machine that is busy at once, and threads that take as long to start as on one.
company.INTERVAL, company.SOME, company.MANY, company.GRAIN = 1e-3, -1, -1, 20_000_000
X, y = np.zeros((40, 9), np.uint8), np.arange(40) % 2
MLPNetClassifier(n_threads=2, max_epochs=1, device="cpu").fit(X, y)
"""


def test_a_process_that_holds_threads_ends_well():
    done = subprocess.run([sys.executable, "-c", HELD_AT_THE_END], timeout=300)
    assert done.returncode == 0


# --- a core each ----------------------------------------------------------------------------------


@pins
@pytest.mark.parametrize("core", [0, 1])
def test_threads_on_one_core_are_kept_apart_and_let_go(core, sleepers):
    all_cores, ends = os.sched_getaffinity(0), threading.Event()
    core = sorted(all_cores)[core]
    assert pinning.pin(dict.fromkeys(sleepers, core), ends)
    first, second = (os.sched_getaffinity(number) for number in sleepers)
    assert first == {core}
    assert len(second) == 1 and second <= all_cores - first
    pinning.unpin(threading.Event())  # somebody else's
    assert os.sched_getaffinity(sleepers[0]) == first
    pinning.unpin(ends)
    assert [os.sched_getaffinity(number) for number in sleepers] == [all_cores] * 2
    ends.set()
    assert not pinning.pin(dict.fromkeys(sleepers, core), ends)
    assert [os.sched_getaffinity(number) for number in sleepers] == [all_cores] * 2


@pins
def test_threads_that_somebody_has_put_on_cores_stay_there(sleepers):
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(sleepers[0], cores[:1])
    assert not pinning.pin({sleepers[0]: cores[0], sleepers[1]: cores[1]}, threading.Event())
    os.sched_setaffinity(sleepers[1], cores[:1])  # fewer cores than threads
    assert not pinning.pin(dict.fromkeys(sleepers, cores[0]), threading.Event())
    assert [os.sched_getaffinity(number) for number in sleepers] == [{cores[0]}] * 2
    assert not pinning.pin({sleepers[0]: cores[0], 2**22 + 1: cores[0]}, threading.Event())
    assert not pinning.pin({}, threading.Event())


@pins
def test_a_thread_that_may_use_all_cores_is_not_kept():
    task, all_cores = threading.get_native_id(), os.sched_getaffinity(0)
    try:
        with pinning.any_core():
            with pinning.any_core():
                pass
            assert not pinning.pin({task: min(all_cores)}, threading.Event())
            assert os.sched_getaffinity(0) == all_cores
        ends = threading.Event()
        assert pinning.pin({task: min(all_cores)}, ends)
        pinning.unpin(ends)
    finally:
        os.sched_setaffinity(0, all_cores)


@pins
def test_what_a_kept_thread_starts_may_use_all_cores():
    task, ends, all_cores = threading.get_native_id(), threading.Event(), os.sched_getaffinity(0)
    command = [sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"]
    try:
        assert pinning.pin({task: min(all_cores)}, ends)
        assert count_cores() == len(all_cores)
        with pinning.any_core():
            n_cores = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert os.sched_getaffinity(0) == all_cores
        assert int(n_cores) == len(all_cores)
        assert os.sched_getaffinity(0) == {min(all_cores)}
        with pinning.any_core():
            pinning.unpin(ends)
        assert os.sched_getaffinity(0) == all_cores
    finally:
        os.sched_setaffinity(0, all_cores)


@pins
def test_threads_that_a_kept_one_starts_are_let_go_with_it():
    task, ends, all_cores = threading.get_native_id(), threading.Event(), os.sched_getaffinity(0)
    stays = threading.Event()
    started = threading.Thread(target=stays.wait)
    try:
        assert pinning.pin({task: min(all_cores)}, ends)
        started.start()
        assert os.sched_getaffinity(started.native_id) == {min(all_cores)}
        pinning.unpin(ends)
        assert os.sched_getaffinity(started.native_id) == all_cores
    finally:
        stays.set()
        started.join()
        os.sched_setaffinity(0, all_cores)


@pins
def test_who_moves_a_kept_thread_has_the_last_word():
    task, ends, all_cores = threading.get_native_id(), threading.Event(), os.sched_getaffinity(0)
    try:
        assert pinning.pin({task: min(all_cores)}, ends)
        with pinning.any_core():
            os.sched_setaffinity(0, {max(all_cores)})
        assert os.sched_getaffinity(0) == {max(all_cores)}
        pinning.unpin(ends)
        assert os.sched_getaffinity(0) == {max(all_cores)}
    finally:
        os.sched_setaffinity(0, all_cores)


@pins
def test_a_forked_process_may_use_all_cores_and_moves_nobody_of_its_parent():
    task, ends, all_cores = threading.get_native_id(), threading.Event(), os.sched_getaffinity(0)
    try:
        assert pinning.pin({task: min(all_cores)}, ends)
        if (child := os.fork()) == 0:
            known = pinning._pins or pinning._free
            os._exit(0 if os.sched_getaffinity(0) == all_cores and not known else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert os.sched_getaffinity(0) == {min(all_cores)}
        pinning.unpin(ends)
    finally:
        os.sched_setaffinity(0, all_cores)


def compute(ends):
    while not ends.is_set():
        sum(range(1_000))


@pins
def test_threads_of_others_are_not_taken_for_those_of_a_computation():
    task, ends = threading.get_native_id(), threading.Event()
    other = threading.Thread(target=compute, args=(ends,))
    other.start()

    class Computes:
        def wait(self, seconds):
            until = time.monotonic() + 5 * seconds
            while time.monotonic() < until:
                sum(range(1_000))

    try:
        assert pinning.computing_threads(2, task, Computes()) == {}
    finally:
        ends.set()
        other.join()
    assert set(pinning.computing_threads(1, task, Computes())) == {task}
    assert pinning.computing_threads(1, 2**22 + 1, Computes()) == {}


def test_a_computation_has_the_thread_that_waits_for_it(monkeypatch):
    monkeypatch.setattr(pinning, "CAN_PIN", True)
    for mine, found in ((1, {1: 0, 2: 1}), (3, {})):
        looks = iter([{1: (0, 0), 2: (0, 1), 3: (0, 0)}, {1: (9, 0), 2: (9, 1), 3: (1, 0)}])
        monkeypatch.setattr(pinning, "_ticks", lambda looks=looks: next(looks))
        assert pinning.computing_threads(2, mine, threading.Event()) == found


def interrupted(work, number):
    """Return the interrupt that ends some work, None if it ends before.

    Python looks for signals as its functions begin, and as those in C return.
    """
    seen = itertools.count()

    def interrupt(frame, event, argument):
        if event in ("call", "c_return") and next(seen) == number:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(interrupt)
    try:
        work()
    except KeyboardInterrupt as error:
        # With a traceback that keeps all that was interrupted alive.
        return error
    finally:
        sys.setprofile(None)


def enter(context):
    with context():
        pass


def test_an_interrupt_leaves_no_lock_held_and_no_thread_free():
    lock = ForkSafeLock()
    for context in (lock.held, pinning.any_core):  # which holds such a lock
        for number in range(200):
            error = interrupted(partial(enter, context), number)
            assert not lock._lock.locked() and not pinning._changing._lock.locked()
            is_done, error = error is None, None
            assert not pinning._free
            if is_done:
                break
        assert 0 < number < 199


@pins
def test_threads_are_let_go_after_an_interrupt():
    task, all_cores = threading.get_native_id(), os.sched_getaffinity(0)
    try:
        for number in range(200):
            ends = threading.Event()
            assert pinning.pin({task: min(all_cores)}, ends)
            if interrupted(partial(pinning.unpin, ends), number) is None:
                break
            pinning.unpin(ends)  # as the watch does, too
            assert os.sched_getaffinity(0) == all_cores
    finally:
        os.sched_setaffinity(0, all_cores)
    assert 5 < number < 199


@pytest.mark.skipif(not pinning.CAN_PIN, reason="This system keeps no thread on a core.")
def test_names_of_threads_may_be_any_bytes():
    name = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
    before = name.read_bytes()
    name.write_bytes(b"caf\xe9) 1")
    try:
        assert threading.get_native_id() in pinning._ticks()
    finally:
        name.write_bytes(before)


class Cores(Callback):
    """Notes at the end of each epoch how many cores it may use, and how many threads have one."""

    told, kept = set(), set()  # a fit copies its callbacks

    def on_epoch_end(self, net, **kwargs):
        self.told.add(len(os.sched_getaffinity(0)))
        self.kept.add(len(pinning._pins))


@pins
def test_a_fit_whose_threads_spin_has_a_core_for_each_and_its_bits(monkeypatch):
    rng = np.random.RandomState(0)
    X, y = rng.randint(0, 256, (1_000, 400)).astype(np.uint8), np.arange(1_000) % 10
    all_cores = os.sched_getaffinity(0)
    params = {"hidden_layer_sizes": (256,), "n_threads": 2, "max_epochs": 40}
    # Before anything is pretended: other tests may want the cores in fact.
    expected = weights_of(small(MLPNetClassifier, **params).fit(X, y))
    pretend(monkeypatch, 20)  # ten a thread: turns
    monkeypatch.setattr(company, "PATIENCE", 1.0)
    net = small(MLPNetClassifier, **params, skorch_callbacks=[("cores", Cores())])
    # Where other tests compute at the same time, a thread may get too little to be seen.
    wait_for(lambda: net.fit(X, y) and 2 in Cores.kept)
    np.testing.assert_array_equal(weights_of(net), expected)
    assert Cores.told == {len(all_cores)}
    assert os.sched_getaffinity(0) == all_cores
    assert not pinning._pins
