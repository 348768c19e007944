"""What a process keeps in memory: the same content is shared, other content is not, and memory is bounded."""

import dataclasses
import threading

import equinox as eqx
import jax
import numpy as np
import pytest

import cevnsjax
from cevnsjax.recent import ENTRY, Recent, key_of
from cevnsjax.response import Chain, Gaussian, shared, shared_probabilities


@pytest.fixture
def counted(monkeypatch):
    """The numbers of bins and nodes of all probabilities that are calculated, from nothing kept on."""
    monkeypatch.setattr(shared, "_recent", Recent(shared.MEMORY))
    calls = []
    probabilities = Chain.probabilities

    def noted(self, energy, bins):
        found = probabilities(self, energy, bins)
        calls.append(found.shape)
        return found

    monkeypatch.setattr(Chain, "probabilities", noted)
    return calls


def test_what_was_used_longest_ago_goes_first():
    recent = Recent(limit=4 * (ENTRY + 8 * 16))
    for name in "abcd":
        recent.put(name, np.zeros(16))
    recent.get("a")
    recent.put("e", np.zeros(16))
    assert [recent.get(name) is not None for name in "abcde"] == [True, False, True, True, True]
    assert recent.size == recent.limit
    recent.clear()
    assert recent.size == 0


def test_values_of_next_to_nothing_are_bounded_too():
    recent = Recent(limit=10 * ENTRY)
    for number in range(100):
        recent.put(number, np.zeros(0))
    assert sum(recent.get(number) is not None for number in range(100)) == 10


def test_what_would_drive_out_the_rest_is_not_kept():
    recent = Recent(limit=100 * ENTRY)
    recent.put("small", np.zeros(1))
    large = recent.put("large", np.zeros(50 * ENTRY))
    assert recent.get("large") is None
    assert recent.get("small") is not None
    large[0] = 1.0  # nobody shares it


def test_what_is_shared_is_read_only():
    values = {"a": np.zeros(3), "b": [np.ones(2), (np.ones(1), "text")]}
    Recent(limit=100 * ENTRY).put("key", values)
    for array in (values["a"], values["b"][0], values["b"][1][0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 2.0


def test_nothing_is_kept_without_a_key():
    recent = Recent(limit=100 * ENTRY)
    recent.put(None, np.zeros(3))
    assert recent.get(None) is None


def test_threads_may_ask_at_once():
    recent, wrong = Recent(limit=20 * (ENTRY + 80)), []

    def ask(start):
        for number in range(2000):
            key = (start + number) % 40
            found = recent.get(key)
            if found is None:
                found = recent.put(key, np.full(10, float(key)))
            if found[0] != key:
                wrong.append(key)

    threads = [threading.Thread(target=ask, args=(7 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert recent.size <= recent.limit


GAUSSIAN = Gaussian(noise=20.0, poisson=0.3)


@pytest.mark.parametrize(
    "other",
    [
        (np.arange(4.0), dataclasses.replace(GAUSSIAN, noise=np.nextafter(20.0, 21.0))),
        (np.arange(4.0), dataclasses.replace(GAUSSIAN, truncated=True)),
        (np.arange(4.0)[None], GAUSSIAN),
        (np.arange(4), GAUSSIAN),
        (np.arange(5.0), GAUSSIAN),
        (GAUSSIAN, np.arange(4.0)),
    ],
)
def test_any_other_content_has_another_key(other):
    key = key_of(np.arange(4.0), GAUSSIAN)
    assert key == key_of(np.arange(4.0), Gaussian(20.0, 0.3))
    assert key_of(*other) not in (key, None)


def test_what_content_does_not_tell_has_no_key():
    class Own(Gaussian):
        """A user's smearing: its name does not say what it does."""

    assert key_of(Own(20.0, 0.3)) is None
    assert key_of(np.array([object()])) is None
    assert key_of("text") is None
    keys = []
    jax.jit(lambda x: keys.append(key_of(x)) or x)(1.0)
    assert keys == [None]


def test_a_second_likelihood_calculates_no_probabilities(counted):
    """In another model, another channel, and at other values: the detector answers as before."""

    def counts(**given):
        likelihood = cevnsjax.Likelihood("coherent_lar", **given)
        return likelihood.preparation.signals.at(0, likelihood.experiments[0], {})

    first = counts()
    assert counted
    counted.clear()
    assert counts(model="magnetic_moment").sum() == pytest.approx(first.sum())  # which is zero by default
    np.testing.assert_array_equal(counts(channel="cevns"), first)
    assert not counted


def test_another_response_is_calculated(counted):
    """After one of its numbers has changed by a part in a million."""
    experiment = cevnsjax.load_experiment("coherent_lar")
    chain = experiment.signal.nuclear
    energy, _ = chain.nodes()
    shared_probabilities(chain, energy, slice(None))
    moved = eqx.tree_at(lambda c: c.smearing.noise, chain, chain.smearing.noise + 1e-6)
    part, matrix = shared_probabilities(moved, energy, slice(None))
    assert len(counted) == 2
    np.testing.assert_array_equal(matrix, moved.probabilities(energy[part], slice(None)))
    for given in ((chain, energy[:-1], slice(None)), (chain, energy, slice(1, None)), (chain, energy, np.array([2]))):
        counted.clear()
        shared_probabilities(*given)
        assert len(counted) == 1


def test_a_users_own_smearing_is_calculated_each_time(counted):
    class Own(Gaussian):
        """A user's smearing."""

    chain = cevnsjax.load_experiment("coherent_lar").signal.nuclear
    own = eqx.tree_at(lambda c: c.smearing, chain, Own(chain.smearing.noise, chain.smearing.poisson))
    for _ in range(2):
        shared_probabilities(own, chain.nodes()[0], slice(None))
    assert len(counted) == 2
