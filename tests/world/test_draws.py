"""Worlds drawn from the priors: addressed, independent, valid, and distributed as they should be."""

import math

import numpy as np
import pytest
from scipy import stats

import retreat_research as rr
from retreat_research.evidence import LogNormal, Uniform
from retreat_research.products import INDICATIONS, PRODUCTS
from retreat_research.world.medians import MEDIANS
from retreat_research.world.numbers import PARTS, address, numbers

WORLD = rr.World.default("glabellar")
ONA = "onabotulinumtoxinA"
ALL = [(indication, product) for indication, medians in MEDIANS.items() for product in medians]
TINY = 2.0**-33  # the least uniform there is; the largest is 1 - TINY


def values(world):
    return {number.label: number.value for _, number in numbers(world)}


def same(a, b):
    return all(a[name] == b[name] or (a[name] != a[name] and b[name] != b[name]) for name in a | b)


def test_a_draw_does_not_depend_on_how_many_there_are():
    few, many = WORLD.draws(10, seed=4), WORLD.draws(100, seed=4)
    assert few == many[:10]
    assert len({repr(values(world)) for world in many}) == 100


def test_another_seed_gives_other_worlds():
    assert not same(values(WORLD.draws(1, seed=1)[0]), values(WORLD.draws(1, seed=2)[0]))


def test_only_numbers_with_a_prior_change():
    drawn = WORLD.draws(3, seed=1)
    for _, number in numbers(WORLD):
        found = {values(world)[number.label] for world in drawn}
        if number.prior is None:
            assert found == {number.value} or math.isnan(number.value)
        else:
            assert len(found) == 3


def test_the_draws_of_one_number_do_not_move_those_of_another():
    """Neither another prior, nor none, nor another product: what a later version adds cannot move what is there."""
    plain = [values(world) for world in WORLD.draws(5, seed=9)]
    changed = WORLD.replace(
        within_sd=0.1,
        priors={"between_sd": Uniform(0.1, 0.2), "booster": None, "delay_weeks": LogNormal(1, 0.3)},
        ng_per_unit={ONA: 0.01},
    )
    moved = {"within_sd", "between_sd", "booster", "delay_weeks"}
    for before, after in zip(plain, [values(world) for world in changed.draws(5, seed=9)], strict=True):
        kept = [name for name in after if name not in moved and not name.startswith("ng_per_unit")]
        assert len(kept) > 50
        assert same({name: before[name] for name in kept}, {name: after[name] for name in kept})


def test_no_two_numbers_share_an_address():
    labels = {number.label for _, number in numbers(WORLD)}
    labels |= {f"{name}[{p}]" for name in ("median_weeks", "ng_per_unit", "complexing") for p in PRODUCTS}
    assert len({address(label) for label in labels}) == len(labels)
    assert max(map(address, labels)) < 2**32


def test_an_address_never_changes():
    assert address("within_sd") == 655952856
    assert address("median_weeks[onabotulinumtoxinA]") == 3318695223


@pytest.mark.parametrize("indication", ["glabellar lines", "cervical dystonia"])
def test_draws_follow_their_priors(indication):
    """Kolmogorov and Smirnov's test for each number, with a fixed seed; 60 of them, so 1e-4 each."""
    world = rr.World.default(indication)
    n = 1000
    drawn = [values(w) for w in world.draws(n, seed=11)]
    grid = (np.arange(1, 20_001) - 0.5) / 20_000
    for _, number in numbers(world):
        if number.prior is not None:
            found = np.array([value[number.label] for value in drawn])
            u = np.interp(found, number.prior.quantile(grid), grid)
            assert stats.kstest(u, "uniform").pvalue > 1e-4, number.label


def test_numbers_are_drawn_independently():
    """Correlations of ranks within 4 standard errors, with room for the largest of some 1,200."""
    n = 1000
    drawn = [values(w) for w in WORLD.draws(n, seed=11)]
    labels = [number.label for _, number in numbers(WORLD) if number.prior is not None]
    ranks = stats.rankdata([[value[name] for name in labels] for value in drawn], axis=0)
    correlation = np.corrcoef(ranks.T) - np.eye(len(labels))
    assert np.abs(correlation).max() < 5 / np.sqrt(n)


@pytest.mark.parametrize(("indication", "product"), ALL)
def test_every_draw_is_a_valid_world(indication, product):
    """At both ends of each prior, one number at a time and all together: no luck gives an impossible world."""
    world = rr.World.default(indication, product)
    for part in PARTS:
        spec = getattr(world, part)
        ends = {}
        for _, number in (pair for pair in numbers(world) if pair[0] == part and pair[1].prior is not None):
            for end, value in enumerate(number.prior.quantile([TINY, 1 - TINY]).tolist()):
                whole = {**getattr(spec, number.name), number.product: value} if number.product else value
                changed = world.replace(**{number.name: whole})
                assert values(changed)[number.label] == value
                ends.setdefault(end, {})[number.name] = whole
        for extreme in ends.values():
            world.replace(**extreme)


def test_half_lives_never_come_near_each_other():
    immunity = WORLD.immunity
    priors = {number.label: number.prior for _, number in numbers(WORLD)}
    for name in ("short_half_life_days", "long_half_life_days"):
        assert priors[name].quantile(TINY) > 1.1 * immunity.titre_half_life_days
    assert priors["titre_half_life_days"] is None


def test_a_prior_that_makes_an_impossible_world_is_refused():
    with pytest.raises(rr.InputError, match="`short_half_life_days` and `titre_half_life_days` must differ"):
        WORLD.replace(priors={"short_half_life_days": Uniform(20.99, 21.01)}).draws(1)


def test_what_is_set_stays_unless_it_has_a_prior():
    fixed = WORLD.replace(within_sd=0.1, median_weeks={ONA: 15.0})
    for world in fixed.draws(3):
        assert world.response.within_sd == 0.1
        assert world.response.median_weeks == {ONA: 15.0}
    believed = WORLD.replace(median_weeks={ONA: 15.0}, priors={"median_weeks": LogNormal(15, 0.01)})
    weeks = [world.response.median_weeks[ONA] for world in believed.draws(20)]
    assert len(set(weeks)) == 20
    assert abs(np.log(weeks).mean() - np.log(15)) < 4 * 0.01 / np.sqrt(20)
    again = believed.replace(within_sd=0.2)
    assert again.priors == {"within_sd": None, "median_weeks": LogNormal(15, 0.01)}
    assert believed.replace(median_weeks={ONA: 16.0}).draws(2)[1].response.median_weeks == {ONA: 16.0}


def test_one_product_can_have_a_prior_of_its_own():
    world = WORLD.replace(priors={"median_weeks": None, f"median_weeks[{ONA}]": Uniform(15, 16)})
    for drawn in world.draws(5):
        medians = dict(drawn.response.median_weeks)
        assert 15 < medians.pop(ONA) < 16
        assert medians == {k: v for k, v in world.response.median_weeks.items() if k != ONA}


def test_drawn_worlds_can_be_simulated():
    for world in WORLD.draws(3, seed=2):
        out = rr.simulate(rr.draw_cohort(50, world=world, seed=1), rr.Fixed(12), years=2, seed=1)
        assert len(out.patients) == 50


@pytest.mark.parametrize("n", [0, -1, 2.5, True])
def test_at_least_one_world_is_drawn(n):
    with pytest.raises(rr.InputError, match="`n` must be a whole number, 1 or more"):
        WORLD.draws(n)


def test_the_seed_is_checked():
    with pytest.raises(rr.InputError, match="`seed` must be"):
        WORLD.draws(1, seed=-1)


def test_there_is_a_default_world_for_each_indication():
    assert {indication for indication, _ in ALL} == set(INDICATIONS)
    assert sum(product == ONA for _, product in ALL) == len(INDICATIONS)
