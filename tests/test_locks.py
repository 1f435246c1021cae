"""Locks that forked processes find free."""

import multiprocessing
import os
import threading

import pytest

from skfashion.parallel.locks import ForkSafeLock


def get_through(lock):
    with lock.held():
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system does not fork.")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("make", [threading.Lock, threading.RLock])
def test_a_forked_process_finds_a_held_lock_free(make):
    lock, ready, done = ForkSafeLock(make), threading.Event(), threading.Event()

    def hold():
        with lock.held():
            ready.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    ready.wait()
    child = multiprocessing.get_context("fork").Process(target=get_through, args=(lock,))
    child.start()
    child.join(30)
    hangs = child.is_alive()
    child.kill()
    child.join()
    done.set()
    holder.join()
    assert not hangs
    get_through(lock)
