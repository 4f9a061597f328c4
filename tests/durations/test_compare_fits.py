import pickle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import retreat_research as rr


@pytest.fixture(scope="module")
def fits(golden):
    models = {
        "lognormal": rr.AFT("product + log(dose)"),
        "weibull": rr.AFT("product + log(dose)", family="weibull"),
        "no dose": rr.AFT("product"),
        "patients": rr.MixedAFT("product + log(dose)", nodes=5),
    }
    return {name: model.fit(golden) for name, model in models.items()}


NEWDATA = {"product": [0, 1], "dose": 2.5}


def test_table_is_what_the_fits_say(fits):
    found = rr.compare_fits(fits, NEWDATA)
    table = found.table
    assert table["aic"].is_monotonic_increasing
    assert table.index[0] == "patients"
    for name, fit in fits.items():
        row = table.loc[name]
        assert (row["llf"], row["aic"], row["bic"], row["parameters"]) == (fit.llf, fit.aic, fit.bic, len(fit.params))
        assert row["delta_aic"] == fit.aic - min(other.aic for other in fits.values())
        assert row["delta_bic"] == fit.bic - min(other.bic for other in fits.values())
        medians = fit.quantile(0.5, NEWDATA)
        for i in (0, 1):
            assert row[f"median_{i}"] == medians["estimate"].iloc[i]
            assert row[f"median_{i}_lower"] == medians["lower"].iloc[i]
            assert row[f"median_{i}_upper"] == medians["upper"].iloc[i]
    assert table.loc["weibull", ["model", "family", "formula"]].tolist() == ["AFT", "weibull", "product + log(dose)"]
    assert found.medians["row"].unique().tolist() == ["product 0", "product 1"]
    again = pickle.loads(pickle.dumps(found))
    pd.testing.assert_frame_equal(again.table, table)


def test_prints(fits):
    found = rr.compare_fits(fits, NEWDATA)
    assert "4 fits of 884 cycles of 150 patients" in repr(found)
    assert "delta_aic" in repr(found)
    assert "<table" in found._repr_html_()


def test_medians_need_rows_where_formulas_have_variables(fits, golden):
    without = rr.compare_fits(fits)
    assert "median_0" not in without.table
    with pytest.raises(rr.InputError, match=r"there are no medians: the formulas read variables; .*newdata"):
        without.plot()
    plain = {family: rr.AFT(family=family).fit(golden) for family in ("lognormal", "weibull")}
    assert rr.compare_fits(plain).medians["row"].tolist() == ["all cycles"] * 2


def test_plots(fits):
    found = rr.compare_fits(fits, NEWDATA)
    _, (left, right) = plt.subplots(1, 2)
    assert found.plot(left) is left
    assert [tick.get_text() for tick in left.get_yticklabels()] == ["product 0", "product 1"]
    assert [text.get_text() for text in left.get_legend().get_texts()] == list(fits)
    places = np.concatenate([part.lines[0].get_xdata() for part in left.containers])
    np.testing.assert_allclose(places, found.medians["estimate"])
    found.plot_ratios(right)
    assert [tick.get_text() for tick in right.get_yticklabels()] == ["product", "log(dose)"]
    plt.close("all")


def test_fits_of_other_cycles_are_refused(fits, golden):
    other = rr.AFT("product").fit(golden[:800])
    with pytest.raises(rr.InputError, match="fits of different cycles cannot be compared: 'a' has 884 cycles, 'b' 800"):
        rr.compare_fits({"a": fits["weibull"], "b": other})
    weighted = rr.AFT("product").fit(golden, np.full(884, 2.0))
    with pytest.raises(rr.InputError, match="'a' and 'b' differ in `weight`"):
        rr.compare_fits({"a": fits["weibull"], "b": weighted})
    moved = rr.AFT("product").fit(rr.Cycles(golden.lower, golden.upper + 1, data=golden.frame.drop(columns="upper")))
    with pytest.raises(rr.InputError, match="'a' and 'b' differ in `upper`"):
        rr.compare_fits({"a": fits["weibull"], "b": moved})


def test_other_endpoints_are_refused(golden):
    both = [
        rr.AFT().fit(rr.Cycles(golden.lower, golden.upper, endpoint=endpoint)) for endpoint in ("80% lost", "50% lost")
    ]
    with pytest.raises(rr.InputError, match="different endpoints cannot be compared: 'a' to 80% lost, 'b' to 50% lost"):
        rr.compare_fits(dict(zip("ab", both, strict=True)))


def test_what_is_not_a_comparison(fits, golden):
    with pytest.raises(rr.InputError, match="`fits` must be a dict of two fits or more"):
        rr.compare_fits({"a": fits["weibull"]})
    with pytest.raises(rr.InputError, match="'np' is not a fit with a likelihood and parameters but TurnbullResult"):
        rr.compare_fits({"a": fits["weibull"], "np": rr.Turnbull().fit(golden)})
    with pytest.raises(rr.InputError, match="`newdata` has no column dose"):
        rr.compare_fits(fits, {"product": 1})
