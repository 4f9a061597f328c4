"""Botulinum-toxin products: serotype, antigen load and label doses, each with its source.

Units of different products are not interchangeable, so a dose always travels with its product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

import pandas as pd

from .errors import InputError, must

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

_NAN = float("nan")
_UNPUBLISHED = "none published"


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
    load_source, complex_source : str
        Rows of the tables of evidence that these come from.
    label_units : mapping of str to float
        Usual total dose by indication, in this product's units.
    dose_sources : mapping of str to str
        Where each of these comes from.
    """

    name: str
    serotype: str
    ng_per_unit: float
    complex_ng_per_unit: float
    load_source: str
    complex_source: str
    label_units: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    dose_sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def antigen_ng(self, units: float) -> float:
        """Antigen of a dose, ng of 150-kDa neurotoxin (inactive included); NaN where the load is not published."""
        return 0.0 if units == 0 else units * self.ng_per_unit

    @property
    def source(self) -> str:
        """All sources, in one line."""
        doses = dict.fromkeys(self.dose_sources.values())
        parts = [f"load: {self.load_source}", f"complex: {self.complex_source}"]
        return "; ".join([*parts, f"doses: {'; '.join(doses)}"] if doses else parts)


def _product(
    name: str,
    serotype: str,
    load: tuple[float, str],
    complexed: tuple[float, str],
    **doses: tuple[float, str],
) -> Product:
    by_indication = {INDICATION_KEYS[key]: dose for key, dose in doses.items()}
    return Product(
        name,
        serotype,
        ng_per_unit=load[0],
        complex_ng_per_unit=complexed[0],
        load_source=load[1],
        complex_source=complexed[1],
        label_units=MappingProxyType({indication: float(units) for indication, (units, _) in by_indication.items()}),
        dose_sources=MappingProxyType({indication: source for indication, (_, source) in by_indication.items()}),
    )


#: Keyword for each indication in the table below.
INDICATION_KEYS = {name.replace("'", "").replace(" ", "_"): name for name in INDICATIONS}

_LABEL = "assumed, within the US label"
_TABLE = (
    _product(
        "onabotulinumtoxinA", "A",
        (0.9 / 100, "products.csv Botox/neurotoxin_150kDa"),
        (5.0 / 100, "products.csv Botox (current)/clostridial_complex_protein"),
        glabellar_lines=(20, "durations.csv D001"), crows_feet=(24, "durations.csv D071"),
        forehead_lines=(20, "durations.csv D076: without the 20 U for the glabella"), cervical_dystonia=(236, _LABEL),
        blepharospasm=(30, _LABEL), spasticity=(300, "antibodies.csv ONA_PSS: 307 U on average"),
        axillary_hyperhidrosis=(100, "durations.csv D123: 50 U for each side"),
    ),
    _product(
        "abobotulinumtoxinA", "A",
        (2.69 / 500, "products.csv Dysport/neurotoxin_150kDa"),
        (4.35 / 500, "products.csv Dysport/clostridial_complex_protein"),
        glabellar_lines=(50, "durations.csv D027"), cervical_dystonia=(500, "protocols.csv REQ_8WK"),
        spasticity=(1000, "products.csv Dysport/neurotoxin_150kDa_per_FDA_ULS_dose"),
    ),
    _product(
        "incobotulinumtoxinA", "A",
        (0.40 / 100, "products.csv Xeomin/neurotoxin_150kDa"),
        (0.0, "products.csv Xeomin/complex_mass: no complexing proteins"),
        glabellar_lines=(20, "durations.csv D059"), cervical_dystonia=(120, _LABEL), blepharospasm=(50, _LABEL),
        spasticity=(400, "products.csv Xeomin/neurotoxin_150kDa_per_FDA_ULS_dose"),
    ),
    _product(
        "rimabotulinumtoxinB", "B", (_NAN, _UNPUBLISHED), (_NAN, _UNPUBLISHED),
        cervical_dystonia=(5000, "products.csv Myobloc/presentation: a vial"),
    ),
    _product(
        "daxibotulinumtoxinA", "A", (_NAN, _UNPUBLISHED),
        (0.0, "products.csv Daxxify/composition: no complexing proteins"),
        glabellar_lines=(40, "durations.csv D019"), cervical_dystonia=(125, "durations.csv D090"),
    ),
    _product(
        "letibotulinumtoxinA", "A", (_NAN, _UNPUBLISHED), (_NAN, _UNPUBLISHED),
        glabellar_lines=(20, "products.csv Letybo/glabellar_dose"),
    ),
    _product(
        "prabotulinumtoxinA", "A", (_NAN, _UNPUBLISHED), (_NAN, _UNPUBLISHED),
        glabellar_lines=(20, "products.csv Jeuveau/glabellar_dose"),
    ),
    _product(
        "relabotulinumtoxinA", "A", (_NAN, _UNPUBLISHED), (0.0, "assumed: made without complexing proteins"),
        glabellar_lines=(50, "durations.csv D064"),
    ),
    _product("placebo", "none", (0.0, "no toxin by definition"), (0.0, "no toxin by definition")),
)  # fmt: skip

#: Every product by name.
PRODUCTS: Mapping[str, Product] = MappingProxyType({product.name: product for product in _TABLE})


#: What clinics call the products, so that the proper name can be offered.
BRANDS: Mapping[str, str] = MappingProxyType(
    {
        "botox": "onabotulinumtoxinA",
        "vistabel": "onabotulinumtoxinA",
        "dysport": "abobotulinumtoxinA",
        "azzalure": "abobotulinumtoxinA",
        "xeomin": "incobotulinumtoxinA",
        "bocouture": "incobotulinumtoxinA",
        "myobloc": "rimabotulinumtoxinB",
        "neurobloc": "rimabotulinumtoxinB",
        "daxxify": "daxibotulinumtoxinA",
        "letybo": "letibotulinumtoxinA",
        "jeuveau": "prabotulinumtoxinA",
        "nuceiva": "prabotulinumtoxinA",
        "relfydess": "relabotulinumtoxinA",
    }
)


def product(name: str) -> Product:
    """The product of that name.

    Raises
    ------
    InputError
        If there is none, the nearest name is offered; if no name is given, as units mean nothing without a product.

    Examples
    --------
    >>> round(product("onabotulinumtoxinA").antigen_ng(20), 6)
    0.18
    """
    given = isinstance(name, str) and bool(name.strip())
    must(given, "units need a product", "units of different products are not interchangeable")
    if name in PRODUCTS:
        return PRODUCTS[name]
    raise InputError(f"unknown product{nearest(name, PRODUCTS)}; known are {', '.join(PRODUCTS)}")


def nearest(name: object, known: Iterable[str]) -> str:
    """``"; did you mean X?"`` for the known name nearest to `name`, or nothing; a brand stands for its product."""
    text, names = str(name).strip().lower(), list(known)
    branded = [BRANDS[word] for word in text.split() if BRANDS.get(word) in names]
    if branded:
        return f"; did you mean {branded[0]}?"
    match = get_close_matches(text, [k.lower() for k in names], n=1, cutoff=0.6)
    return "".join(f"; did you mean {k}?" for k in names if match and k.lower() == match[0])


def products() -> pd.DataFrame:
    """Every product with its serotype, load, label doses (units) and source.

    Returns
    -------
    pandas.DataFrame
        Indexed by product: ``serotype``, ``ng_per_unit`` (ng of 150-kDa neurotoxin per unit, NaN where none is
        published), ``complex_ng_per_unit`` (ng of clostridial complex protein), one column of label units for each
        indication (NaN: none), ``source`` (rows of `evidence`).
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
