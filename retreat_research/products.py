"""Botulinum-toxin products: serotype, antigen load and label doses, each with its source.

Units of different products are not interchangeable, so a dose always travels with its product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

import pandas as pd

from .errors import InputError

#: The clinical uses a dose can be labelled for.
INDICATIONS = (
    "glabellar lines",
    "crow's feet",
    "forehead lines",
    "cervical dystonia",
    "blepharospasm",
    "spasticity",
    "axillary hyperhidrosis",
)

_LOAD_SOURCE = "Field et al., Toxins 2018;10:535, doi:10.3390/toxins10120535 (150-kDa neurotoxin by ELISA)"
_NO_LOAD = "no published load of 150-kDa neurotoxin: antigen is NaN"


@dataclass(frozen=True)
class Product:
    """One product.

    Attributes
    ----------
    name : str
        International non-proprietary name, or ``placebo``.
    serotype : str
        ``A``, ``B`` or ``none``.
    ng_per_unit : float
        ng of 150-kDa neurotoxin per labelled unit; NaN where none is published.
    complex_ng_per_unit : float
        ng of clostridial complex protein per labelled unit; NaN where none is published.
    label_units : mapping of str to float
        Usual total dose by indication, in this product's units.
    source : str
        Where load and doses come from.
    """

    name: str
    serotype: str
    ng_per_unit: float
    complex_ng_per_unit: float
    label_units: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    source: str = ""

    def antigen_ng(self, units: float) -> float:
        """Antigen of a dose, ng of 150-kDa neurotoxin (inactive included); NaN where the load is not published."""
        return 0.0 if units == 0 else units * self.ng_per_unit


def _product(
    name: str, serotype: str, ng_per_unit: float, complex_ng_per_unit: float, source: str, **label_units: float
) -> Product:
    doses = {INDICATION_KEYS[key]: units for key, units in label_units.items()}
    return Product(name, serotype, ng_per_unit, complex_ng_per_unit, MappingProxyType(doses), source)


#: Keyword for each indication in the table below.
INDICATION_KEYS = {name.replace("'", "").replace(" ", "_"): name for name in INDICATIONS}

_NAN = float("nan")
_TABLE = (
    _product(
        "onabotulinumtoxinA", "A", 0.9 / 100, 5.0 / 100,
        f"{_LOAD_SOURCE}; complex: Jankovic et al., Neurology 2003; doses: US label, cervical dystonia and "
        "spasticity within the label's range",
        glabellar_lines=20, crows_feet=24, forehead_lines=20, cervical_dystonia=236, blepharospasm=30,
        spasticity=300, axillary_hyperhidrosis=100,
    ),
    _product(
        "abobotulinumtoxinA", "A", 2.69 / 500, 4.35 / 500,
        f"{_LOAD_SOURCE}; complex: Panjwani et al., Botulinum J 2008;1(1); doses: US label",
        glabellar_lines=50, cervical_dystonia=500, spasticity=1000,
    ),
    _product(
        "incobotulinumtoxinA", "A", 0.40 / 100, 0.0,
        f"{_LOAD_SOURCE}; no complexing proteins (doi:10.3109/9781841847559-15); doses: US label",
        glabellar_lines=20, cervical_dystonia=120, blepharospasm=50, spasticity=400,
    ),
    _product(
        "rimabotulinumtoxinB", "B", _NAN, _NAN, f"{_NO_LOAD}; dose: US label (2,500 to 5,000 U)",
        cervical_dystonia=5000,
    ),
    _product(
        "daxibotulinumtoxinA", "A", _NAN, 0.0,
        f"{_NO_LOAD}; no complexing proteins (Solish et al., Drugs 2021;81:2091); doses: US label",
        glabellar_lines=40, cervical_dystonia=125,
    ),
    _product("letibotulinumtoxinA", "A", _NAN, _NAN, f"{_NO_LOAD}; dose: US label", glabellar_lines=20),
    _product("prabotulinumtoxinA", "A", _NAN, _NAN, f"{_NO_LOAD}; dose: US label", glabellar_lines=20),
    _product(
        "relabotulinumtoxinA", "A", _NAN, 0.0,
        f"{_NO_LOAD}; dose: Shridharani, Aesthet Surg J 2024;44:1330", glabellar_lines=50,
    ),
    _product("placebo", "none", 0.0, 0.0, "no toxin"),
)  # fmt: skip

#: Every product by name.
PRODUCTS: Mapping[str, Product] = MappingProxyType({product.name: product for product in _TABLE})


def product(name: str) -> Product:
    """The product of that name.

    Raises
    ------
    InputError
        If there is none; the nearest name is offered.

    Examples
    --------
    >>> round(product("onabotulinumtoxinA").antigen_ng(20), 6)
    0.18
    """
    if name in PRODUCTS:
        return PRODUCTS[name]
    raise InputError(f"unknown product{nearest(name, PRODUCTS)}; known are {', '.join(PRODUCTS)}")


def nearest(name: object, known: Iterable[str]) -> str:
    """``"; did you mean X?"`` for the known name nearest to `name`, or nothing."""
    match = get_close_matches(str(name).strip().lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    return "".join(f"; did you mean {k}?" for k in known if match and k.lower() == match[0])


def products() -> pd.DataFrame:
    """Every product with its serotype, load, label doses (units) and source.

    Returns
    -------
    pandas.DataFrame
        Indexed by product: ``serotype``, ``ng_per_unit`` (ng of 150-kDa neurotoxin per unit, NaN where none is
        published), ``complex_ng_per_unit``, one column of label units for each indication, ``source``.
    """
    rows = {
        p.name: {
            "serotype": p.serotype,
            "ng_per_unit": p.ng_per_unit,
            "complex_ng_per_unit": p.complex_ng_per_unit,
            **{indication: p.label_units.get(indication, _NAN) for indication in INDICATIONS},
            "source": p.source,
        }
        for p in _TABLE
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("product")
