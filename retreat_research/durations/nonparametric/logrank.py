"""The log-rank test for interval-censored durations, by permutation, for repeated cycles of a patient too."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ...cycles import Cycles
from ...errors import FitError, must, must_all, whole_number
from ..groups import By, groups_of
from ..observed import Observed, observe
from .graph import Edges, spans
from .intervals import innermost_intervals
from .logrank_result import LogrankResult
from .npmle import maximise

SCORES = ("sun", "finkelstein", "wilcoxon")
FEW = 20  # units up to which the normal approximation is not used: the rule of R's interval::methodRuleIC1
PERMUTATIONS = 9_999
CHUNK = 2_000_000  # random numbers drawn at a time
TIE = 1e-9  # relative; statistics closer than this are the same
FLAT = 1e-12  # scores whose variance is below this are all equal


def logrank(
    cycles: Cycles,
    by: By,
    scores: str = "sun",
    within: str | None = None,
    permutations: int | None = None,
    seed: int = 1,
) -> LogrankResult:
    """Test whether durations are alike in groups.

    Parameters
    ----------
    cycles : Cycles
    by : str or sequence of str
        Columns of ``cycles.frame``; their combinations are the groups, two or more.
    scores : {"sun", "finkelstein", "wilcoxon"}
        Log-rank scores after Sun, those of the proportional-hazards score test, or those of Wilcoxon, Mann and Whitney,
        which weigh early differences more (they are efficient for proportional odds).
    within : {None, "patient"}
        What is alike, and so may be exchanged, if the groups do not differ. None: patients; labels of whole patients
        are permuted. "patient": the cycles of a patient; labels are permuted inside patients, as after a cross-over.
    permutations : int, optional
        Monte Carlo permutations for the p-value. None: the χ² distribution, or 9,999 permutations if no more than 20
        patients (cycles, with ``within="patient"``) can change their label.
    seed : int in [0, 2**64)
        Of the permutations.

    Returns
    -------
    LogrankResult

    Raises
    ------
    InputError
        Naming the rows, if a label is missing, or varies within a patient and ``within`` is None; if there are fewer
        than two groups, or no patient has two labels with ``within="patient"``.
    FitError
        If all scores are equal, so that nothing can be compared.

    Notes
    -----
    With S the Turnbull estimate of all rows together, a row of (L, R] has the score [g(L) − g(R)]/[S(L) − S(R)], where
    g is S log S̃ (Sun; S̃ = exp(−Σ p/S₋), the curve with the Nelson-Aalen hazard), S log S (Finkelstein), or S² − S
    (Wilcoxon) [1]_. Scores sum to 0. The statistic of a group is its sum of scores; its mean and covariance over
    permutations are exact, whatever the censoring, as long as that does not differ between the groups either.

    One row per patient: equivalent in R to ``interval::ictest(L, R, group, scores = "logrank1"`` (or ``"logrank2"``,
    ``"wmw"``) ``, exact = FALSE)``. With several, the score of a patient is the sum over her cycles.
    Permuting inside patients assumes that the order of her cycles does not matter.

    References
    ----------
    .. [1] Fay MP, Shaw PA (2010). Exact and asymptotic weighted logrank tests for interval censored data: the interval
       R package. J Stat Softw 36(2):1-34. doi:10.18637/jss.v036.i02

    Examples
    --------
    >>> lower, upper = [4, 8, 8, 12, 12, 16], [8, 12, 12, 16, 20, 20]
    >>> cycles = Cycles(lower, upper, data=pd.DataFrame({"dose": [20, 20, 20, 50, 50, 50]}))
    >>> test = logrank(cycles, "dose")
    >>> round(test.z, 2), test.pvalue
    (1.95, 0.1011)
    """
    from ...streams import checked_seed

    must(isinstance(scores, str) and scores in SCORES, f"`scores` must be one of {', '.join(SCORES)}")
    must(within is None or (isinstance(within, str) and within == "patient"), "`within` must be None or 'patient'")
    permutations = None if permutations is None else whole_number(permutations, "permutations", 1)
    seed = checked_seed(seed)
    data = observe(cycles, None)
    by, groups, code = groups_of(cycles, by, data.rows)
    must(len(groups) >= 2, f"`by` makes {len(groups)} group of the cycles that have a duration; two are needed")
    score = pooled_scores(data, scores)
    if np.var(score) <= FLAT:
        raise FitError("the intervals say nothing of an order: all scores are equal, so no difference can be tested")
    units = _patients(score, code, data, len(cycles)) if within is None else _rows(score, code, data)
    drawn = _moments(units, len(groups))
    statistic, df = _distance(drawn.total - drawn.mean, drawn.covariance)
    movable = _movable(units)
    count = permutations if permutations is not None else (PERMUTATIONS if movable <= FEW else 0)
    if count:
        pvalue = _monte_carlo(units, drawn, statistic, count, seed)
    else:
        from scipy.special import chdtrc

        pvalue = float(chdtrc(df, statistic))
    member = pd.DataFrame({"code": code, "patient": data.patient}).groupby("code")["patient"]
    arrays = member.nunique().to_numpy(), member.size().to_numpy(), *drawn, score
    for array in arrays:
        array.setflags(write=False)
    how = _sentence(scores, within, movable, df, count, pvalue)
    return LogrankResult(by, groups, *arrays, data.rows, statistic, df, pvalue, count, how, cycles.endpoint)


def pooled_scores(data: Observed, scores: str) -> np.ndarray:
    """The scores of the rows from the Turnbull estimate of all of them, shape (n,)."""
    inner = innermost_intervals(data.lower, data.upper)
    mass = maximise(inner, np.ones(data.rows.size)).mass
    support = np.flatnonzero(mass)
    p = mass[support]
    before = np.cumsum(p[::-1])[::-1]  # S just before each mass
    before[0] = 1.0
    after = np.append(before[1:], 0.0)
    if scores == "wilcoxon":
        each = before + after - 1
    elif scores == "sun":
        each = after / before - np.append(0.0, np.cumsum(p / before)[:-1])
    else:
        ending = np.log1p(-p[:-1] / before[:-1]) * after[:-1] / p[:-1]
        each = np.log(before) - np.append(ending, 0.0)
    start, end = np.searchsorted(support, inner.first), np.searchsorted(support, inner.last, side="right")
    rows = Edges(start, end, np.ones(start.size))
    return spans(rows, p * each) / spans(rows, p)


class _Units(NamedTuple):
    """What is exchanged: each unit has a score and a label, and keeps its block."""

    score: np.ndarray
    label: np.ndarray
    block: np.ndarray


class _Moments(NamedTuple):
    total: np.ndarray  # the sum of scores of each group
    mean: np.ndarray
    covariance: np.ndarray


def _patients(score: np.ndarray, code: np.ndarray, data: Observed, n: int) -> _Units:
    """Whole patients, in one block."""
    patients = data.labels.size
    label = np.zeros(patients, dtype=np.intp)
    label[data.patient[::-1]] = code[::-1]  # of her first cycle
    same = np.ones(n, dtype=bool)
    same[data.rows] = code == label[data.patient]
    must_all(
        same, "`by` varies within a patient", 'use within="patient" to permute labels inside patients; the row differs'
        " from the first of the patient",
    )  # fmt: skip
    return _Units(np.bincount(data.patient, score, patients), label, np.zeros(patients, dtype=np.intp))


def _rows(score: np.ndarray, code: np.ndarray, data: Observed) -> _Units:
    """Cycles, inside the block of their patient."""
    units = _Units(score, code, data.patient)
    must(
        _movable(units) > 0, '`within="patient"`: no patient has cycles in two groups', "within=None compares patients"
    )
    return units


def _movable(units: _Units) -> int:
    """How many units are in a block with more than one label."""
    table = pd.DataFrame({"block": units.block, "label": units.label})
    return int((table.groupby("block")["label"].transform("nunique") > 1).sum())


def _moments(units: _Units, groups: int) -> _Moments:
    """Mean and covariance of the groups' sums over all permutations inside blocks.

    In a block of n units with variance v (over n − 1), n_g of them with label g: mean n_g times the mean of the block,
    covariance v (n_g δ_gh − n_g n_h/n).
    """
    blocks = units.block.max() + 1
    size = np.bincount(units.block, minlength=blocks)
    member = np.bincount(units.block * groups + units.label, minlength=blocks * groups).reshape(blocks, groups)
    mean = np.bincount(units.block, units.score, blocks) / size
    squares = np.bincount(units.block, (units.score - mean[units.block]) ** 2, blocks)
    variance = squares / np.maximum(size - 1, 1)
    covariance = np.diag(variance @ member) - (member.T * (variance / size)) @ member
    expected = mean @ member
    expected[np.abs(expected) <= FLAT * np.abs(units.score).sum()] = 0.0  # scores sum to 0 but for rounding
    return _Moments(np.bincount(units.label, units.score, groups), expected, covariance)


def _distance(difference: np.ndarray, covariance: np.ndarray) -> tuple[float, int]:
    """χ² and its degrees of freedom."""
    if np.trace(covariance) <= FLAT:
        raise FitError("no permutation changes the statistic: the scores of what may be exchanged are equal")
    inverse = np.linalg.pinv(covariance, hermitian=True)
    return float(difference @ inverse @ difference), int(np.linalg.matrix_rank(covariance, hermitian=True))


def _monte_carlo(units: _Units, drawn: _Moments, statistic: float, count: int, seed: int) -> float:
    """(1 + permutations at least as far out)/(1 + permutations): never 0, and valid for any number of them."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    order = np.argsort(units.block, kind="stable")
    score, label, block = (array[order] for array in units)
    inverse = np.linalg.pinv(drawn.covariance, hermitian=True)
    beyond, done = 0, 0
    while done < count:
        here = min(count - done, max(1, CHUNK // score.size))
        shuffled = label[np.argsort(block + rng.random((here, score.size)), axis=1)]
        off = np.stack([(shuffled == g) @ score for g in range(drawn.total.size)], axis=1) - drawn.mean
        beyond += int(np.count_nonzero(np.einsum("bg,gh,bh->b", off, inverse, off) >= statistic * (1 - TIE)))
        done += here
    return (1 + beyond) / (1 + count)


def _sentence(scores: str, within: str | None, movable: int, df: int, count: int, pvalue: float) -> str:
    names = {"sun": "Log-rank test with Sun's scores", "finkelstein": "Log-rank test with Finkelstein's scores"}
    what = "whole patients" if within is None else "the cycles of a patient"
    if count:
        error = np.sqrt(pvalue * (1 - pvalue) / count)
        how = f"p from {count:,} Monte Carlo permutations (standard error {error:.2g})"
    else:
        how = f"p from the χ² distribution with {df} df"
    return (
        f"{names.get(scores, 'Wilcoxon test')} from the pooled Turnbull estimate; labels permuted among {what} "
        f"({movable} that can change); {how}."
    )
