"""`optimise`: the best member of a family of strategies, found by racing and judged on fresh patients."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ..cohort import Cohort, draw_cohort
from ..errors import InputError, RetreatError, must, whole_number
from ..simulation import Simulation, simulate, whole
from ..simulation.identity import digest_of
from ..simulation.known import SOURCES, source_digest
from ..simulation.result import Kept
from ..strategies import Strategy
from ..streams import checked_seed
from .aims import Limit, Objective, is_worse, limits_of, objective_of
from .arms import Arm
from .bound import Bound, bound
from .family import Family
from .outcomes import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIRST_LOOK = 512
FINALISTS = 8
#: A candidate is dropped when it is worse by so many Monte Carlo errors of the paired difference: with five looks at
#: each of 100 candidates against a leader that may be any of them, one that is as good is dropped by chance in at most
#: 5% of searches (Bonferroni over 100 · 99 · 5 one-sided looks).
ERRORS = 4.8
#: Scores of what is out of the question, below every value: impossible, and infeasible less its excess.
IMPOSSIBLE, INFEASIBLE = -1e12, -1e9


@dataclass(frozen=True, eq=False)
class Search:
    """What a search has found.

    Attributes
    ----------
    best : Strategy
        The winner, an ordinary strategy.
    trials : pandas.DataFrame
        Every candidate: its parameters, ``patients`` it was looked at in, ``value``, ``mcse``, ``state`` (finished,
        dropped, infeasible, impossible) and ``reason``.
    objective : str
    constraints : tuple of str
    bound : Bound
        How much is left: the winner's time in benefit on the cohort that reports, and what no strategy with as many
        sessions can exceed.
    """

    best: Strategy
    trials: pd.DataFrame
    objective: str
    constraints: tuple[str, ...]
    bound: Bound
    _final: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """The finalists on fresh patients, the best first.

        Returns
        -------
        pandas.DataFrame
            ``strategy``; ``search`` (value in the search, which flatters the best); ``ranking`` (on a first fresh
            cohort, by which they are ordered, those that keep the constraints there first); ``fresh`` with ``mcse`` (on
            a second one, which had no say in the choice and so is unbiased); ``shrunk`` with ``shrunk_mcse`` (both
            fresh cohorts together, drawn to the mean of the finalists as far as their differences are noise);
            ``optimism``, by how much ``search`` is better than ``fresh``; each constrained outcome on the second cohort
            with ``_mcse``; ``keeps``, whether every constraint holds there. Values are those of the objective's name,
            so less of some is better.
        """
        return self._final.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Value of each candidate in the order in which they were tried."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
        for state, marker, colour in (
            ("finished", "o", "#0072B2"),
            ("dropped", "x", "0.55"),
            ("infeasible", "v", "#D55E00"),
        ):
            rows = self.trials[self.trials["state"] == state]
            if len(rows):
                ax.scatter(rows.index, rows["value"], marker=marker, color=colour, s=26, label=state)
        first = self._final.iloc[0]
        ax.axhline(first["fresh"], color="black", lw=1, ls="--", label="winner on fresh patients")
        ax.set(xlabel="candidate, in the order tried", ylabel=self.objective.replace("_", " "))
        ax.legend(fontsize=8, frameon=False)
        return ax

    def __repr__(self) -> str:
        first = self._final.iloc[0]
        value = f"{self.objective} {first['fresh']:.4g} (MCSE {first['mcse']:.2g}) on fresh patients"
        broken = "" if first["keeps"] else f", who break {' or '.join(self.constraints)}"
        return f"<Search: {self.best}, {value}{broken}>"

    def _repr_html_(self) -> str:
        return f"<p>{repr(self)[1:-1]}</p>" + self._final.to_html(index=False, border=0, float_format="{:.4g}".format)


def optimise(
    family: Family,
    objective: str = "time_in_benefit",
    constraints: str | Sequence[str] | None = None,
    budget: int = 100,
    *,
    cohort: Cohort,
    years: float = 10,
    seed: int = 1,
    store: str | Path | None = None,
    progress: bool = False,
) -> Search:
    """Search a family of strategies.

    Parameters
    ----------
    family : Family
    objective : str
        An outcome of `compare`, made large or small as its nature is, or "value at 0.5": the value at that preference.
    constraints : str or sequence of str, optional
        Such as "antigen <= 0.8"; what a candidate breaks by more than its Monte Carlo error is infeasible.
    budget : int, at least 1
        Candidates.
    cohort : Cohort
        Candidates race on growing parts of it: 512 patients, 1,024, …, all.
    years, seed
        As in `compare`.
    store : str or Path, optional
        A folder in which finished candidates are noted: a search that was stopped goes on when it is called again with
        the same arguments, and ends as if it had not been stopped.
    progress : bool
        Show a bar of candidates.

    Returns
    -------
    Search

    Raises
    ------
    InputError
        If a name is unknown, or no candidate keeps the constraints; the message says how near the best came.

    Notes
    -----
    Candidates come from optuna's tree-structured Parzen estimator, seeded. All have the same luck, so each is compared
    with the best so far by paired differences, and dropped as soon as it is worse by 4.8 Monte Carlo errors. The value
    of a winner flatters it (winner's curse), so the eight best are ranked again on a fresh cohort with fresh luck, and
    what is reported comes from a second one.
    """
    must(isinstance(family, Family), "`family` must be a Family, such as Family(Stepped, step=(1.0, 6.0))")
    must(isinstance(cohort, Cohort), f"`cohort` must come from draw_cohort, not {type(cohort).__name__}")
    drawn = isinstance(cohort._address, range)
    must(drawn, "`cohort` must be as drawn, or a slice of it", "a selection of patients cannot be drawn anew")
    aim, limits = objective_of(objective), limits_of(constraints)
    budget, seed = whole_number(budget, "budget", 1), checked_seed(seed)
    optuna = _optuna()
    sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    notes = _Notes.of(store, family, cohort, years, seed, aim, limits)
    race = _Race(aim, limits, cohort, years, seed)
    rows, proposed = [], []
    for _ in tqdm(range(budget), desc="searching", unit="candidate", disable=not progress):
        trial = study.ask()
        parameters = family.suggested(trial)
        key = json.dumps(parameters, sort_keys=True, default=str)
        row = notes.found.get(key)
        if row is None:
            row = race.run(family, parameters)
            notes.add(key, row)
        race.remember(family, parameters, row)
        study.tell(trial, row["score"])
        rows.append({**parameters, **row, "key": key})
        proposed.append(parameters)
    trials = pd.DataFrame(rows).rename_axis("candidate")
    finished = trials[trials["state"] == "finished"].drop_duplicates("key")
    if finished.empty:
        raise InputError(_why_none(trials, limits))
    leading = finished.sort_values("score", ascending=False, kind="stable").head(FINALISTS)
    strategies = [family.made(proposed[k]) for k in leading.index]
    final, winner = _judged(strategies, leading, aim, limits, cohort, years, seed)
    return Search(
        winner.strategy,
        trials.drop(columns=["score", "excess", "key"]).assign(value=aim.sign * trials["value"]),
        objective,
        tuple(map(str, limits)),
        bound(winner),
        final,
    )


class _Race:
    """The race: who leads, and what each candidate comes to."""

    def __init__(self, aim: Objective, limits: Sequence[Limit], cohort: Cohort, years: float, seed: int) -> None:
        self.aim, self.limits, self.cohort, self.years, self.seed = aim, limits, cohort, years, seed
        self.leader: Arm | None = None
        self.best = -np.inf
        self._behind: tuple[Family, dict[str, Any]] | None = None

    def run(self, family: Family, parameters: dict[str, Any]) -> dict[str, Any]:
        """Look at one candidate in more and more patients."""
        try:
            strategy = family.made(parameters)
        except (InputError, TypeError) as error:
            return _row(0, np.nan, np.nan, "impossible", str(error), IMPOSSIBLE, np.nan)
        parts: list[Simulation] = []
        n, seen = len(self.cohort), 0
        leader = self._leading()
        while True:
            stop = min(max(FIRST_LOOK, 2 * seen), n)
            stop = n if n - stop < stop // 2 else stop
            parts.append(whole(simulate(self.cohort[seen:stop], strategy, years=self.years, seed=self.seed)))
            seen = stop
            arm = Arm(_joined(parts, self.cohort[:seen]))
            value = self.aim.estimate(arm)
            must(np.isfinite(value.value), f"`objective`: {self.aim.name} is not known in this world")
            broken, text = self._broken(arm)
            excess = max(broken, 0.0)
            if text:
                return _row(seen, value.value, value.mcse, "infeasible", text, INFEASIBLE - excess, excess)
            if leader is not None and is_worse(
                value, _first(self.aim.estimate(leader), self.aim, leader, seen), ERRORS
            ):
                return _row(seen, value.value, value.mcse, "dropped", "worse than the best so far", value.value, excess)
            if seen == n:
                return _row(seen, value.value, value.mcse, "finished", "", value.value, excess)

    def remember(self, family: Family, parameters: dict[str, Any], row: dict[str, Any]) -> None:
        """Who leads now; its arm is simulated again only if the next candidate needs it."""
        if row["state"] == "finished" and row["score"] > self.best:
            self.best, self.leader, self._behind = row["score"], None, (family, parameters)

    def _leading(self) -> Arm | None:
        if self.leader is None and self._behind is not None:
            family, parameters = self._behind
            out = simulate(self.cohort, family.made(parameters), years=self.years, seed=self.seed)
            self.leader = Arm(whole(out))
        return self.leader

    def _broken(self, arm: Arm) -> tuple[float, str]:
        """The largest excess as a share of its limit, and what is broken beyond doubt."""
        worst, texts = -np.inf, []
        for limit in self.limits:
            excess = limit.excess(arm)
            must(np.isfinite(excess.value), f"`constraints`: {limit.name} is not known in this world")
            worst = max(worst, excess.value / (abs(limit.bound) or 1.0))
            if excess.value > (ERRORS if arm.n < len(self.cohort) else 1.0) * excess.mcse:
                texts.append(f"{limit}, but it is {arm.value(limit.name):.4g}")
        return worst, " and ".join(texts)


def _first(estimate: Any, aim: Objective, leader: Arm, seen: int) -> Any:
    """The leader's estimate on the first patients only."""
    if seen == leader.n:
        return estimate
    patients = leader.out.patients.iloc[:seen]
    out = leader.out
    part = Simulation(out.strategy, out.cohort[:seen], out.years, out.seed, out.products, (), True, Kept(patients))
    return aim.estimate(Arm(part))


def _joined(parts: Sequence[Simulation], cohort: Cohort) -> Simulation:
    """Parts of a cohort as one simulation."""
    first = parts[0]
    if len(parts) == 1:
        return first
    patients = pd.concat([part.patients for part in parts], ignore_index=True)
    products = tuple(dict.fromkeys(name for part in parts for name in part.products))
    return Simulation(first.strategy, cohort, first.years, first.seed, products, (), True, Kept(patients))


def _row(
    patients: int, value: float, mcse: float, state: str, reason: str, score: float, excess: float
) -> dict[str, Any]:
    return {"patients": patients, "value": value, "mcse": mcse, "state": state, "reason": reason, "score": score,
            "excess": excess}  # fmt: skip


def _judged(
    strategies: Sequence[Strategy],
    leading: pd.DataFrame,
    aim: Objective,
    limits: Sequence[Limit],
    cohort: Cohort,
    years: float,
    seed: int,
) -> tuple[pd.DataFrame, Simulation]:
    """Finalists on two fresh cohorts, the first of which ranks and the second reports; and the winner on the second."""
    fresh = []
    for purpose in ("ranking", "report"):
        own = int.from_bytes(sha256(f"{seed} {cohort.seed} {purpose}".encode()).digest()[:8], "big")
        patients = draw_cohort(len(cohort), world=cohort.world, seed=own)
        fresh.append([Arm(whole(simulate(patients, s, years=years, seed=own))) for s in strategies])
    ranking, report = ([aim.estimate(arm) for arm in arms] for arms in fresh)
    shrunk, shrunk_mcse = shrunken(ranking, report)
    table = pd.DataFrame(
        {
            "strategy": list(strategies),
            "search": aim.sign * leading["value"].to_numpy(),
            "ranking": [aim.sign * one.value for one in ranking],
            "fresh": [aim.sign * one.value for one in report],
            "mcse": [one.mcse for one in report],
            "shrunk": aim.sign * shrunk,
            "shrunk_mcse": shrunk_mcse,
        }
    )
    table["optimism"] = aim.sign * (table["search"] - table["fresh"])
    for name in dict.fromkeys(limit.name for limit in limits):
        found = [arm.estimate(name) for arm in fresh[1]]
        table[name], table[f"{name}_mcse"] = [one.value for one in found], [one.mcse for one in found]
    excess, reported = (
        np.array([max((limit.excess(arm).value for limit in limits), default=0.0) for arm in arms]) for arms in fresh
    )
    table["keeps"] = reported <= 0
    order = np.lexsort((-np.array([one.value for one in ranking]), excess > 0))
    return table.iloc[order].reset_index(drop=True), fresh[1][order[0]].out


def shrunken(*cohorts: Sequence[Estimate]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of k candidates over several cohorts of one size, drawn to their mean as far as they differ by chance.

    Parameters
    ----------
    *cohorts : sequences of Estimate, each of the k candidates in the same order

    Returns
    -------
    value, mcse : float array (k,)

    Notes
    -----
    Candidates of one cohort share its patients, so it is differences from the mean of the candidates that are shrunk:
    d_i has the Monte Carlo variance v_i of the paired difference, the true differences the variance
    τ² = max(Σd²/(k − 1) − mean v, 0), and the value is mean + τ²/(τ² + v_i) d_i (empirical Bayes: Efron and Morris
    1973, doi:10.1080/01621459.1973.10481350). Its variance is that of the mean plus τ² v_i/(τ² + v_i).
    """
    values = np.mean([[one.value for one in found] for found in cohorts], axis=0)
    each = zip(*([one.influence for one in found] for found in cohorts), strict=True)
    influences = np.array([np.concatenate(parts) for parts in each])
    mean, n = values.mean(), influences.shape[1]
    middle = influences.mean(axis=0)
    noise = (influences - middle).var(axis=1, ddof=1) / n
    apart = values - mean
    spread = max(float((apart**2).sum()) / (len(values) - 1) - noise.mean(), 0.0) if len(values) > 1 else 0.0
    share = np.divide(spread, spread + noise, out=np.ones_like(noise), where=noise > 0)
    return mean + share * apart, np.sqrt(middle.var(ddof=1) / n + share * noise)


def _why_none(trials: pd.DataFrame, limits: Sequence[Limit]) -> str:
    impossible = trials[trials["state"] == "impossible"]
    if len(impossible) == len(trials):
        return f"no candidate is possible: {impossible['reason'].iloc[0]}"
    nearest = trials[trials["state"] == "infeasible"].sort_values("excess", kind="stable").iloc[0]
    texts = " and ".join(map(str, limits))
    return f"no candidate keeps the constraints {texts}; the nearest must have {nearest['reason']}"


class _Notes:
    """Finished candidates on disk, one line each, so that a search can go on."""

    def __init__(self, path: Path | None, found: dict[str, dict[str, Any]]) -> None:
        self.path, self.found = path, found

    @classmethod
    def of(cls, store: str | Path | None, family: Family, cohort: Cohort, years: float, seed: int, aim: Objective,
           limits: Sequence[Limit]) -> _Notes:  # fmt: skip
        """Those of this search, told from others by everything that decides about them."""
        if store is None:
            return cls(None, {})
        about = [
            digest_of([family.kind, dict(family.space), dict(family.fixed), cohort.world, aim, list(limits)]),
            str(cohort._address),
            cohort.seed, float(years), seed, source_digest((*SOURCES, "comparison")),
        ]  # fmt: skip
        folder = Path(store)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"`store` cannot be written: {error.strerror}") from None
        path = folder / f"search_{sha256(json.dumps(about).encode()).hexdigest()[:24]}.jsonl"
        found = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                with suppress(ValueError, KeyError, TypeError):  # a line that was cut off is done again
                    one = json.loads(line)
                    found[one["key"]] = {name: one["row"][name] for name in _row(0, 0, 0, "", "", 0, 0)}
        return cls(path, found)

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Note one candidate."""
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(
                    "\n" * bool(file.tell() and not self._ends_well()) + json.dumps({"key": key, "row": row}) + "\n"
                )

    def _ends_well(self) -> bool:
        assert self.path is not None
        return self.path.read_bytes().endswith(b"\n")


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise RetreatError("a search needs optuna: install retreat-research with its extra `study`") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
