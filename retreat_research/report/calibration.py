"""A fit to published curves on paper: tables, figure, a summary whose sentences are computed, and a manifest."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import __version__, plots
from ..calibration import CurveFit
from ..evidence.tables import FOLDER
from .validation_sentences import markdown_table

PACKAGES = ("numpy", "scipy", "pandas", "matplotlib")
POOR = 2.0  # χ² per datum from which an arm is named
FAR = 2.0  # standard errors between fit and default from which a parameter is named


def fill_calibration(
    fit: CurveFit, default: CurveFit, folder: Path, *, arguments: Mapping[str, Any] | None = None
) -> None:
    """Write the tables (CSV), ``curves.png``, ``summary.md`` and ``manifest.json`` into an existing folder.

    Parameters
    ----------
    fit : CurveFit
    default : CurveFit
        The same with the response held at the default world's: ``fit_curves(fixed=fit.defaults)``.
    folder : Path
    arguments : mapping, optional
        What the command was called with, for the manifest.
    """
    arms = _arms(fit, default)
    tables = {"params": fit.params.reset_index(), "misfit": fit.misfit(), "arms": arms, "rows": fit.uses}
    for name, table in tables.items():
        text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    _figure(fit, folder)
    (folder / "summary.md").write_text(_summary(fit, default, arms), encoding="utf-8")
    manifest = {
        "retreat_research": __version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "inputs_sha256": {"curves.csv": hashlib.sha256((FOLDER / "curves.csv").read_bytes()).hexdigest()},
        "arguments": dict(arguments or {}),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _arms(fit: CurveFit, default: CurveFit) -> pd.DataFrame:
    own = default.by_arm().set_index(["study", "arm"])["chi2"]
    arms = fit.by_arm()
    return arms.assign(chi2_default=own.reindex(pd.MultiIndex.from_frame(arms[["study", "arm"]])).to_numpy())


def _figure(fit: CurveFit, folder: Path) -> None:
    import matplotlib.pyplot as plt

    with plots.theme():
        figure = fit.plot()
        figure.savefig(folder / "curves.png", metadata={"Software": None}, dpi=100)
        plt.close(figure)


def _summary(fit: CurveFit, default: CurveFit, arms: pd.DataFrame) -> str:
    uses = fit.uses["use"].value_counts()
    left = fit.uses[fit.uses["use"] == "left out"]["why"].value_counts()
    parts = [
        "# The response, fitted to published curves",
        f"{uses.get('fitted', 0)} of {len(fit.uses)} rows of `curves.csv` are fitted ({fit.nobs} data of {fit.studies} "
        f"studies), {uses.get('predicted', 0)} are predicted only, {uses.get('left out', 0)} are left out. Written by "
        "`retreat-research calibrate`; every sentence with a number is computed. It does not change the default world.",
        f"χ² is {fit.chi2:.1f}, the overdispersion φ {fit.overdispersion:.2f}; standard errors contain √φ. With the "
        f"response of the default world, and raters, endpoints and studies fitted, χ² is {default.chi2:.1f}.",
        "![Published shares and fitted curves, by study](curves.png)",
        "## Parameters",
        markdown_table(_parameters(fit)),
        *_differences(fit),
        "## What the data do not say",
        *_unknown(fit),
        "## Where it does not fit",
        *_misfits(arms),
        markdown_table(_arm_table(arms)),
        "## Rows that are left out",
        "\n".join(f"- {count}: {why}" for why, count in left.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _parameters(fit: CurveFit) -> pd.DataFrame:
    rows = []
    for name, row in fit.params.iterrows():
        known = np.isfinite(row["se"])
        rows.append(
            {
                "parameter": name,
                "value": f"{row['value']:.3g}",
                "95% interval": f"{row['lower']:.3g} to {row['upper']:.3g}" if known else "–",
                "default": f"{row['default']:.3g}" if np.isfinite(row["default"]) else "–",
                "from data": f"{row['from_data']:.0%}" if known else "–",
                "unit": row["unit"] or "–",
                "prior, or why fixed": row["source"],
            }
        )
    return pd.DataFrame(rows)


def _differences(fit: CurveFit) -> list[str]:
    far = fit.params[fit.params["difference"].abs() >= FAR]
    if far.empty:
        return [f"No parameter lies {FAR:g} standard errors or more from the default world's."]
    lines = [
        f"- {name}: {row['value']:.3g} instead of {row['default']:.3g} ({row['difference']:+.1f} SE)"
        for name, row in far.iterrows()
    ]
    return [f"{FAR:g} standard errors or more from the default world's:", "\n".join(lines)]


def _unknown(fit: CurveFit) -> list[str]:
    directions = fit.identifiability()
    weak = directions[directions["information"] < 1]
    head = f"The condition number of the information, priors included, is {fit.condition:.0f}."
    if weak.empty:
        return [f"{head} In every direction the data say more than the priors."]
    lines = [f"- {row.parameters} ({row.information:.2g})" for row in weak.itertuples(index=False)]
    return [
        f"{head} In {len(weak)} of {len(directions)} directions the data say less than the priors (their information, "
        "the prior's being 1, in brackets):",
        "\n".join(lines),
    ]


def _misfits(arms: pd.DataFrame) -> list[str]:
    poor = arms[arms["ratio"] >= POOR]
    if poor.empty:
        return [f"No arm has a χ² of {POOR:g} or more per datum."]
    lines = [
        f"- {row.study}, {row.arm}: χ² {row.chi2:.1f} of {row.data} data; furthest off in week {row.worst_week:.3g}, "
        f"by {row.worst_residual:+.1f} standard errors ({row.worst_quantity})"
        for row in poor.itertuples(index=False)
    ]
    return [f"χ² is {POOR:g} or more per datum in {len(poor)} of {len(arms)} arms:", "\n".join(lines)]


def _arm_table(arms: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "study": arms["study"],
            "arm": arms["arm"],
            "data": arms["data"],
            "χ²": arms["chi2"].map("{:.1f}".format),
            "χ² per datum": arms["ratio"].map("{:.1f}".format),
            "χ² of the default world": arms["chi2_default"].map("{:.1f}".format),
        }
    )
