"""Arithmetic that endpoints share: visits (one row each: cycle, weeks, gain, …) into one value per cycle.

Arrays of shape (n,) hold one value per cycle, NaN where there is none; a visit's ``cycle`` is a position in them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

#: Gains that differ by less than this share are a tie.
TIE = 1e-9


def gains(visits: pd.DataFrame, rater: str, before: np.ndarray, better: str) -> pd.DataFrame:
    """The visits whose gain over the baseline is known, with that ``gain`` in points."""
    sign = 1.0 if better == "lower" else -1.0
    gain = sign * (before[visits["cycle"]] - visits[rater].to_numpy())
    return visits[["cycle", "weeks"]].assign(gain=gain).dropna(subset="gain")


def in_window(visits: pd.DataFrame, peak_by: float) -> np.ndarray:
    """Which visits are early enough for a response."""
    return visits["weeks"].to_numpy() <= peak_by


def earliest(visits: pd.DataFrame, where: np.ndarray, n: int) -> np.ndarray:
    """The first week of each cycle at which `where` holds."""
    return visits["weeks"][where].groupby(visits["cycle"][where]).min().reindex(range(n)).to_numpy()


def peak(visits: pd.DataFrame, peak_by: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest gain in the window, and its earliest week."""
    window = in_window(visits, peak_by)
    gain = visits["gain"][window].groupby(visits["cycle"][window]).max().reindex(range(n)).to_numpy()
    return gain, earliest(visits, window & (visits["gain"].to_numpy() == gain[visits["cycle"]]), n)


def outcome(
    visits: pd.DataFrame,
    before: np.ndarray,
    peak_gain: np.ndarray,
    peak_week: np.ndarray,
    start: np.ndarray,
    lost: np.ndarray,
) -> pd.DataFrame:
    """What `Endpoint.judge` gives.

    Parameters
    ----------
    visits : pandas.DataFrame
    before, peak_gain, peak_week : float arrays (n,)
        Baseline and peak; ``peak_week`` NaN says that nothing was assessed in the window.
    start : float array (n,), weeks
        Where the effect begins to be followed; NaN for a non-responder.
    lost : bool array, one per visit
        Whether the visit shows no effect.
    """
    n, cycle, weeks = len(before), visits["cycle"].to_numpy(), visits["weeks"].to_numpy()
    loss = earliest(visits, lost & (weeks > start[cycle]), n)
    upper = np.where(np.isnan(loss) & ~np.isnan(start), np.inf, loss)
    held = weeks < upper[cycle]
    lower = visits["weeks"][held].groupby(cycle[held]).max().reindex(range(n)).to_numpy()
    responder = pd.array(~np.isnan(start), dtype="boolean")
    responder[np.isnan(peak_week)] = pd.NA
    columns = {"baseline": before, "peak_gain": peak_gain, "peak_week": peak_week}
    return pd.DataFrame({**columns, "responder": responder, "lower": lower, "upper": upper})
