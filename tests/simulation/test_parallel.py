"""On a real Dask cluster of two processes, a worker killed included: the same numbers."""

import os
import pickle
import signal
from contextlib import contextmanager

import pandas as pd
import pytest

import retreat_research as rr
from retreat_research.simulation import parallel, run
from retreat_research.strategies import Strategy

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

WORLD = rr.World.default("cervical dystonia").replace(induction_rate=0.3, dropout_per_year=0.1)
COHORT = rr.draw_cohort(3000, world=WORLD, seed=2)


def killing(marker):
    """Every 12 weeks; the first worker that is asked in the second year is killed in the middle of its part."""

    class Killing(Strategy):  # inside a function, so that it is sent and not imported
        def decide(self, seen, memory):
            if seen.week[0] > 52 and marker.exists():
                marker.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            return rr.Decision.at(12.0)

        def __str__(self):
            return "killing"

    return Killing()


@contextmanager
def processes(n):
    quiet = {"dashboard_address": ":0", "silence_logs": 50}
    with (
        distributed.LocalCluster(n_workers=n, threads_per_worker=1, processes=True, **quiet) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client():
    with processes(2) as client:
        yield client


def same(a, b):
    pd.testing.assert_frame_equal(a.patients, b.patients, check_exact=True)
    pd.testing.assert_frame_equal(a.summary(), b.summary(), check_exact=True)
    assert (a.products, a.notes, a.complete) == (b.products, b.notes, b.complete)


def test_a_cluster_gives_the_same_bits(client):
    plain = rr.simulate(COHORT, rr.Stepped(), years=4, history=True)
    there = rr.simulate(COHORT, rr.Stepped(), years=4, history=True, client=client, block=500)
    same(plain, there)
    pd.testing.assert_frame_equal(plain.sessions, there.sessions, check_exact=True)
    sums = rr.simulate(COHORT, rr.Stepped(), years=4, patients=False, client=client)
    assert sums.moments == plain.moments
    enough = rr.simulate(COHORT, rr.Stepped(), years=4, until_mcse=0.01, client=client)
    same(enough, rr.simulate(COHORT, rr.Stepped(), years=4, until_mcse=0.01))
    assert len(enough.cohort) < 3000


@pytest.mark.parametrize("stored", [False, True])
def test_after_a_worker_is_killed_the_numbers_are_the_same(client, tmp_path, stored):
    marker = tmp_path / "marker"
    marker.touch()
    before = set(client.nthreads())
    store = tmp_path / "store" if stored else None
    out = rr.simulate(COHORT, killing(marker), years=4, client=client, store=store)
    assert not marker.exists()
    assert set(client.nthreads()) != before
    same(out, rr.simulate(COHORT, rr.Fixed(12), years=4))


def test_a_part_that_kills_every_worker_is_given_up(tmp_path):
    (tmp_path / "marker").touch()
    once = dask.config.set({"distributed.scheduler.allowed-failures": 0})
    with once, processes(1) as client, pytest.raises(rr.RetreatError, match="ended every worker that tried it"):
        rr.simulate(COHORT[:50], killing(tmp_path / "marker"), years=2, client=client)


def test_a_store_that_a_cluster_wrote_is_read_without_it(client, tmp_path):
    there = rr.simulate(COHORT, rr.Fixed(12), years=4, history=True, client=client, store=tmp_path)
    here = rr.simulate(COHORT, rr.Fixed(12), years=4, history=True, store=tmp_path)
    same(there, here)
    assert here._kept.parts == there._kept.parts
    plain = rr.simulate(COHORT, rr.Fixed(12), years=4, history=True)
    pd.testing.assert_frame_equal(plain.sessions, there.sessions, check_exact=True)


def test_a_mistake_on_a_worker_is_told_here(client):
    class Bad(Strategy):
        def decide(self, seen, memory):
            return rr.Decision(0, 12)

        def __str__(self):
            return "bad"

    with pytest.raises(rr.InputError, match="bad: `earliest` must be positive"):
        rr.simulate(COHORT, Bad(), years=1, client=client)


def test_an_error_of_the_strategy_comes_out_as_it_is(client):
    class Raising(Strategy):
        def decide(self, seen, memory):
            raise KeyError("mine")

        def __str__(self):
            return "raising"

    with pytest.raises(KeyError, match="mine"):
        rr.simulate(COHORT, Raising(), years=1, client=client)


def test_a_closed_client_is_refused(client):
    with distributed.Client(client.scheduler.address) as closed:
        pass
    with pytest.raises(rr.InputError, match="`client` is closed; make a new one"):
        rr.simulate(COHORT, rr.Fixed(12), years=1, client=closed)


def test_a_worker_of_another_version_is_refused(client, monkeypatch):
    monkeypatch.setattr(run, "source_digest", lambda: "another")
    with pytest.raises(rr.InputError, match="a worker runs another version"):
        rr.simulate(COHORT, rr.Fixed(12), years=1, client=client)


def test_a_folder_that_workers_do_not_share_is_found(client, tmp_path, monkeypatch):
    monkeypatch.setattr(parallel.Store, "load", lambda *_: None)
    with pytest.raises(rr.InputError, match="`store` must be on a shared disk"):
        rr.simulate(COHORT, rr.Fixed(12), years=1, client=client, store=tmp_path)


def test_parts_are_some_seconds_of_work_and_enough_for_all():
    class Two:
        def nthreads(self):
            return {"a": 4, "b": 4}

    assert 100_000 < run._part_size(10**8, 10, False, Two()) < 400_000
    assert 10_000 < run._part_size(10**8, 10, True, Two()) < 60_000
    assert run._part_size(32_000, 10, False, Two()) == 2000
    assert run._part_size(100, 10, False, Two()) == parallel.CHECKED
    assert run._part_size(10**8, 1e7, False, None) == 1


def test_what_is_sent_is_small():
    """A part of a cohort is sent as its addresses, not its traits."""
    cohort = rr.draw_cohort(10**8, world=WORLD)
    assert cohort[10**6 : 2 * 10**6].dropout_week.size == 10**6
    assert len(pickle.dumps(cohort[10**6 : 2 * 10**6])) < 20_000
