"""What the published percentages say about the parameters, beside the priors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .fitting import Peak, Problem

LOADING = 0.3  # of a parameter on a direction that is named


def directions(problem: Problem, peak: Peak) -> pd.DataFrame:
    """Eigenvectors of the data's information in SDs of the priors; see `CurveFit.identifiability`."""
    information, names, spread = _marginal(problem, peak)
    values, vectors = np.linalg.eigh(information * np.outer(spread, spread))
    rows = []
    for value, vector in zip(values[::-1], vectors.T[::-1], strict=True):
        vector = vector * np.sign(vector[np.abs(vector).argmax()])
        order = [j for j in np.argsort(-np.abs(vector)) if abs(vector[j]) >= LOADING]
        text = ", ".join(f"{vector[j]:+.2f} {names[j]}" for j in order)
        rows.append({"information": max(float(value), 0.0), "parameters": text})
    return pd.DataFrame(rows)


def condition(problem: Problem, peak: Peak) -> float:
    """Condition number of the information with the priors', scaled to unit diagonal."""
    information, _, spread = _marginal(problem, peak)
    whole = information + np.diag(spread**-2)
    scale = np.sqrt(np.diag(whole))
    return float(np.linalg.cond(whole / np.outer(scale, scale)))


def _marginal(problem: Problem, peak: Peak) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Information of the data with the studies' effects integrated out, the names and the SDs of the priors."""
    study = np.array([unknown.name.startswith("study") for unknown in problem.unknowns])
    information, spread = peak.information / peak.overdispersion, problem.spread
    own, cross = information[np.ix_(~study, ~study)], information[np.ix_(~study, study)]
    if study.any():
        inside = information[np.ix_(study, study)] + np.diag(spread[study] ** -2)
        own = own - cross @ np.linalg.solve(inside, cross.T)
    names = [unknown.name for unknown in problem.unknowns if not unknown.name.startswith("study")]
    return own, names, spread[~study]
