"""Reference data: see tests/reference/README.md."""

import json
import warnings
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

import retreat_research as rr

mpl.use("Agg")
REFERENCE = Path(__file__).parent.parent / "reference"


@pytest.fixture(scope="session")
def golden():
    frame = pd.read_csv(REFERENCE / "golden_cycles.csv")
    frame["age_c55"] = frame["age"] - 55
    return rr.Cycles(frame["left"], frame["right"], patient=frame["id"], data=frame.drop(columns=["left", "right"]))


@pytest.fixture(scope="session")
def bcos():
    """Breast cosmesis: `lower` and `upper` in months, treatment "Rad" or "RadChem"."""
    frame = pd.read_csv(REFERENCE / "bcos.csv")
    return rr.Cycles(frame["left"], frame["right"], data=frame[["treatment"]])


@pytest.fixture(scope="session")
def published():
    return pd.read_csv(REFERENCE / "published.csv").set_index(["dataset", "model"]).sort_index()


@pytest.fixture(scope="session")
def survreg():
    return json.loads((REFERENCE / "survreg.json").read_text())


@pytest.fixture(scope="session")
def npsurv():
    return json.loads((REFERENCE / "npsurv.json").read_text())


@pytest.fixture(scope="session")
def lifelines_cycles():
    """The sets of lifelines that `published` has results for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifelines.datasets import load_diabetes, load_mice

        diabetes, mice = load_diabetes(), load_mice()
    return {
        "IR_diabetes": rr.Cycles(diabetes["left"], diabetes["right"], data=diabetes[["gender"]]),
        "miceData": rr.Cycles(mice["l"], mice["u"], data=mice[["grp"]]),
    }
