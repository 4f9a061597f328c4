"""Accelerated failure times of the breast cosmesis data, against survreg."""

import numpy as np
import pytest

import retreat_research as rr

NAMES = {"(Intercept)": "Intercept", "RadChem": "treatment[T.RadChem]", "log_sigma": "log(scale)"}


@pytest.mark.parametrize(
    ("family", "model"),
    [("weibull", "Weibull AFT"), ("lognormal", "lognormal AFT"), ("loglogistic", "loglogistic AFT")],
)
def test_aft(bcos, published, family, model):
    rows = published.loc[("bcos", model)].set_index("parameter")
    fit = rr.AFT("treatment", family=family).fit(bcos)
    assert fit.llf == pytest.approx(rows["loglik"].iloc[0], abs=1e-7)
    for printed, name in NAMES.items():
        assert fit.params[name] == pytest.approx(rows.loc[printed, "estimate"], abs=1e-7)
        assert fit.bse[name] == pytest.approx(rows.loc[printed, "se"], abs=1e-7)


def test_weibull_hazard_ratio(bcos, published):
    params = rr.AFT("treatment", family="weibull").fit(bcos).params
    ratio = np.exp(-params["treatment[T.RadChem]"] / np.exp(params["log(scale)"]))
    row = published.loc[("bcos", "Weibull AFT")].set_index("parameter").loc["HR=exp(-b/sigma)"]
    assert ratio == pytest.approx(row["estimate"], abs=1e-7)
