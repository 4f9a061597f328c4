"""Products: their numbers against the rows they come from."""

import math
import re

import pytest

import retreat_research as rr
from retreat_research.products import BRANDS, INDICATIONS, PRODUCTS, nearest, product

TABLE = rr.evidence("products").assign(key=lambda t: t["brand"] + "/" + t["attribute"]).set_index("key")
DURATIONS = rr.evidence("durations").set_index("id")


def row_of(source):
    (key,) = [key for key in TABLE.index if re.match(rf"products\.csv {re.escape(key)}(\W|$)", source)]
    return TABLE.loc[key]


def per_unit(source):
    """ng per unit of the row that a source names: its value over the units in its unit, "ng per 100 U"."""
    row = row_of(source)
    per = re.fullmatch(r"ng per (\d+) U( vial)?", row["unit"])
    return row["number"] / float(per[1])


@pytest.mark.parametrize("name", [name for name, p in PRODUCTS.items() if p.ng_per_unit > 0])
def test_the_load_is_that_of_its_row(name):
    p = PRODUCTS[name]
    assert row_of(p.load_source)["product"] == name
    assert row_of(p.load_source)["attribute"] == "neurotoxin_150kDa"
    assert p.ng_per_unit == pytest.approx(per_unit(p.load_source), rel=1e-12)
    assert row_of(p.load_source)["serotype"] == p.serotype


@pytest.mark.parametrize("name", [name for name, p in PRODUCTS.items() if p.complex_ng_per_unit > 0])
def test_the_complex_is_that_of_its_row(name):
    p = PRODUCTS[name]
    assert row_of(p.complex_source)["product"] == name
    assert row_of(p.complex_source)["attribute"] == "clostridial_complex_protein"
    assert p.complex_ng_per_unit == pytest.approx(per_unit(p.complex_source), rel=1e-12)


def test_the_full_spasticity_doses_agree_with_the_load_per_unit():
    """An independent check: the same paper gives ng for whole doses, rounded to two or three figures."""
    rows = TABLE[TABLE["attribute"] == "neurotoxin_150kDa_per_FDA_ULS_dose"]
    assert len(rows) == 3
    for row in rows.itertuples():
        units = float(re.fullmatch(r"ng per (\d+) U", row.unit)[1])
        assert PRODUCTS[row.product].antigen_ng(units) == pytest.approx(row.number, abs=0.0101)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_label_dose_is_that_of_its_row(name):
    for indication, source in PRODUCTS[name].dose_sources.items():
        units = PRODUCTS[name].label_units[indication]
        cited = re.match(r"durations\.csv (\w+)$", source)
        if cited:
            row = DURATIONS.loc[cited[1]]
            assert float(row["dose_units"]) == units
            assert row["product"] == name
            assert indication.startswith(row["indication"])
        elif source.startswith("products.csv") and "glabellar_dose" in source:
            assert row_of(source)["number"] == units
        elif source.startswith("products.csv"):
            assert f"{units:g} U" in f"{row_of(source)['unit']} {row_of(source)['value']}"
        assert source


def test_no_published_load_is_no_number():
    table = rr.products()
    unknown = table.index[table["ng_per_unit"].isna()]
    published = set(TABLE.loc[TABLE["attribute"] == "neurotoxin_150kDa", "product"])
    assert set(table.index) - set(unknown) - {"placebo"} == published
    assert math.isnan(product(unknown[0]).antigen_ng(10))
    assert product(unknown[0]).antigen_ng(0) == 0


def test_the_table_shows_every_product_with_its_source():
    table = rr.products()
    assert list(table.columns) == ["serotype", "ng_per_unit", "complex_ng_per_unit", *INDICATIONS, "source"]
    assert set(table["serotype"]) == {"A", "B", "none"}
    assert table.loc["rimabotulinumtoxinB", "serotype"] == "B"
    assert table.loc["incobotulinumtoxinA", "complex_ng_per_unit"] == 0
    for name in table.index:
        for part in (PRODUCTS[name].load_source, PRODUCTS[name].complex_source, *PRODUCTS[name].dose_sources.values()):
            assert part in table.loc[name, "source"]


@pytest.mark.parametrize("name", [None, "", "  ", float("nan"), 7])
def test_units_without_a_product_mean_nothing(name):
    with pytest.raises(rr.InputError, match="units need a product; units of different products are not"):
        product(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("onabotulinumtoxin", "unknown product; did you mean onabotulinumtoxinA"),
        ("rimabotulinumtoxinb", "unknown product; did you mean rimabotulinumtoxinB"),
        ("botox", "unknown product; did you mean onabotulinumtoxinA"),
        (" Dysport 500 U", "unknown product; did you mean abobotulinumtoxinA"),
        ("collagen", "unknown product; known are onabotulinumtoxinA, "),
    ],
)
def test_an_unknown_product_is_refused_with_the_nearest_name(name, message):
    with pytest.raises(rr.InputError, match=message):
        product(name)


def test_a_brand_stands_for_a_product_only_where_products_are_asked_for():
    assert set(BRANDS.values()) <= set(PRODUCTS)
    assert nearest("Xeomin", PRODUCTS) == "; did you mean incobotulinumtoxinA?"
    assert nearest("Xeomin", INDICATIONS) == ""


def test_a_world_and_a_decision_offer_a_brands_product():
    with pytest.raises(rr.InputError, match="did you mean daxibotulinumtoxinA"):
        rr.World.default("glabellar", "Daxxify")
    cohort = rr.draw_cohort(2, indication="glabellar")

    class Branded(rr.Strategy):
        def decide(self, seen, memory):
            return rr.Decision.at(12, units=20, product="Xeomin")

    with pytest.raises(rr.InputError, match="did you mean incobotulinumtoxinA"):
        rr.simulate(cohort, Branded(), years=1)
