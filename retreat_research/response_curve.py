"""Response curves for teaching: what dose, antibodies and an adjunct do to the effect over weeks."""

from __future__ import annotations

from math import exp, log
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from .errors import must, must_all, real_numbers
from .immunity import DAYS_PER_WEEK, effective_share
from .products import PRODUCTS
from .products import product as product_named
from .response import amplitude, below_support, duration_factor, effect_of, lasting, onset_share_of
from .world import World

Floats = NDArray[np.float64]


class Scale(NamedTuple):
    """How the effect reads on a rating scale: severity = baseline − benefit · effect."""

    name: str
    baseline: float
    benefit: float


#: Severe lines, and a full benefit of two grades: assumed, as in `Observation.rater_sd`.
GLABELLAR = Scale("Facial Wrinkle Scale, grades 0 (none) to 3 (severe)", 3.0, 2.0)
SHARE = Scale("share of the severity before treatment", 1.0, 1.0)

DEFAULT_INDICATION = "glabellar lines"
DEFAULT_WEEKS = 40  # a day apart: long enough to see the largest doses wear off


def response_curve(
    units: ArrayLike | None = None,
    product: str | None = None,
    titre: ArrayLike = 0.0,
    *,
    indication: str | None = None,
    world: World | None = None,
    weeks: ArrayLike | None = None,
    log_offset: float = 0.0,
    adjunct: bool = False,
    baseline: float | None = None,
    benefit: float | None = None,
) -> pd.DataFrame:
    """Effect and severity over the weeks after one session, in a patient who responds.

    Parameters
    ----------
    units : float or sequence of float, units of `product`, optional
        Dose, by default the label dose. A dose needs a `product`.
    product : str, optional
        By default that of the world.
    titre : float or sequence of float, mU/mL
        Neutralising antibodies at the session, against the product's serotype. Of several doses and several titres
        every pair gives a curve.
    indication : str, optional
        "glabellar lines" if neither this nor `world` is given.
    world : World, optional
        Instead of `indication`: where the parameters come from.
    weeks : sequence of float, weeks, optional
        When the effect is asked for; by default each day for 40 weeks.
    log_offset : float, ln weeks
        The patient's ln duration minus the median over patients; a standard deviation is `between_sd`, 0.26.
    adjunct : bool
        With an adjunct treatment (`adjunct_lengthening`, `adjunct_support`; both do nothing in the default world).
    baseline, benefit : float, points of a scale, optional
        Severity before treatment, and by how much the full effect of the label dose lowers it. Glabellar lines have 3
        and 2 grades of the Facial Wrinkle Scale; elsewhere severity is a share, 1 before treatment and 0 at full
        effect, because points need a patient's own baseline.

    Returns
    -------
    pandas.DataFrame
        One row for each dose, titre and week: ``week``, ``effect`` (share of the full benefit of the label dose),
        ``severity``, ``product``, ``units``, ``label_doses``, ``titre``, ``duration_weeks`` (for which the effect stays
        above the endpoint's threshold) and ``threshold``. `frame.attrs` says the ``indication``, the ``scale`` of
        severity and the ``endpoint``.

    Raises
    ------
    InputError
        If there are units without a product, the product is unknown or has no duration or label dose here, or a dose,
        titre or week is negative, missing, infinite or not a number.

    Notes
    -----
    With r = units/label dose · 1/(1 + (A/A50)ⁿ) label doses left of a dose at titre A,

        effect(t) = (1 + ca) r/(r + ca) · (1 − e^(−t/onset)) / (1 + (1/θ − 1) (t/T)^h)
        T = median · e^offset · g(r)/g(1),   g(r) = r/(r + c)

    One curve serves every endpoint: the median T belongs to the threshold θ (0.2: loss of 80% of the benefit), and
    T80/T50 = 4^(1/h) at the label dose. Above `failure_titre`, without toxin, and for a placebo the effect is 0. With
    an adjunct the benefit 1 − (1 − effect)(1 − support) is given as the effect, and T is lengthened. Severity is
    baseline − benefit · effect, not below 0. The duration counts from the session, as in `simulate`: the days of onset
    are not taken off, so a nearly neutralised dose can have a duration of days although the onset keeps its curve below
    the threshold. Non-response and variation between cycles are not drawn: `simulate` does that. Parameters and their
    sources: `world.describe()`.

    References
    ----------
    Neutralisation and complete failure above 10 mU/mL: doi:10.1007/s00415-003-1129-6 (`rr.evidence("tests")`).

    Examples
    --------
    >>> curve = response_curve(20, "onabotulinumtoxinA", weeks=[0, 4, 12, 17, 24])
    >>> curve[["week", "effect", "severity", "duration_weeks"]].round(2)
       week  effect  severity  duration_weeks
    0   0.0    0.00      3.00            17.0
    1   4.0    0.95      1.10            17.0
    2  12.0    0.42      2.17            17.0
    3  17.0    0.20      2.60            17.0
    4  24.0    0.08      2.84            17.0

    A family of curves is one call of seaborn:

    >>> import seaborn as sns
    >>> doses = response_curve([5, 10, 20, 40, 80], "onabotulinumtoxinA")
    >>> ax = sns.lineplot(doses, x="week", y="severity", hue="units", palette="colorblind")
    """
    must(indication is None or world is None, "give either `indication` or `world`")
    must(
        units is None or product is not None,
        "`units` without a product: units of different products are not interchangeable",
        'give both, for example response_curve(20, "onabotulinumtoxinA")',
    )
    if product is not None:
        must(isinstance(product, str), "`product` must be one name", "units of products are not interchangeable")
        product_named(product)
    world = _world(indication, product) if world is None else world
    must(isinstance(world, World), "`world` must be a World", 'for example World.default("glabellar")')
    product = world.product if product is None else product
    label = _label_units(world, product)
    doses = _amounts(label if units is None else units, "units")
    titres = _amounts(titre, "titre")
    at = np.arange(DEFAULT_WEEKS * DAYS_PER_WEEK + 1) / DAYS_PER_WEEK if weeks is None else _weeks(weeks)
    offset = real_numbers(log_offset, "log_offset")
    must(offset.ndim == 0 and bool(np.isfinite(offset)), "`log_offset` must be one finite number")
    must(isinstance(adjunct, bool | np.bool_), "`adjunct` must be True or False")
    scale = _scale(world, baseline, benefit)

    curves = []
    for dose in doses:
        for level in titres:
            value, duration = _curve(world, product, dose / label, level, at, float(offset), bool(adjunct))
            curves.append(
                pd.DataFrame(
                    {
                        "week": at,
                        "effect": value,
                        "severity": np.maximum(scale.baseline - scale.benefit * value, 0.0),
                        "product": product,
                        "units": dose,
                        "label_doses": dose / label,
                        "titre": level,
                        "duration_weeks": duration,
                        "threshold": world.response.threshold,
                    }
                )
            )
    frame = pd.concat(curves, ignore_index=True)
    frame.attrs.update(
        indication=world.indication,
        scale=scale.name,
        endpoint=f"loss of {1 - world.response.threshold:.0%} of the full benefit of the label dose",
    )
    return frame


def _curve(
    world: World, product: str, dose: float, titre: float, weeks: Floats, log_offset: float, adjunct: bool
) -> tuple[Floats, float]:
    """Benefit at `weeks` of `dose` label doses, and the weeks for which it stays above the threshold."""
    response, immunity = world.response, world.immunity
    support = response.adjunct_support if adjunct else 0.0
    left = dose * effective_share(titre, immunity.half_titre, immunity.neutralisation_hill)
    if product == "placebo" or left == 0 or titre > immunity.failure_titre:
        return np.full(weeks.size, support), 0.0
    theta, hill = response.threshold, response.curve_hill
    own = response.median_weeks[product] * exp(log_offset) * duration_factor(left, response.dose_half)
    own *= response.adjunct_lengthening if adjunct else 1.0
    peak = amplitude(left, response.amplitude_half)
    with np.errstate(divide="ignore", over="ignore"):  # week 0; a dose of which next to nothing is left
        value = effect_of(np.log(weeks), peak, log(own), onset_share_of(weeks, response.onset_weeks), theta, hill)
    duration = own * lasting(peak, below_support(theta, support), theta, hill)
    return 1 - (1 - value) * (1 - support), duration


def _world(indication: str | None, product: str | None) -> World:
    indication = DEFAULT_INDICATION if indication is None else indication
    return World.default(indication) if product in (None, "placebo") else World.default(indication, str(product))


def _label_units(world: World, product: str) -> float:
    """The label dose in this world; a placebo's units count as label doses of nothing."""
    if product == "placebo":
        return 1.0
    known = ", ".join(world.response.median_weeks)
    must(product in world.response.median_weeks, f"this world knows no duration of {product}", f"it knows {known}")
    if product == world.product:
        return world.label_units
    label = PRODUCTS[product].label_units.get(world.indication)
    must(label is not None, f"{product} has no label dose for {world.indication}")
    return float(label or 0)


def _amounts(values: ArrayLike, name: str) -> Floats:
    """One or several amounts, 0 or more."""
    amounts = np.atleast_1d(real_numbers(values, name))
    must(np.asarray(values).dtype != bool, f"`{name}` must be numbers, not True or False")
    must(amounts.ndim == 1 and amounts.size > 0, f"`{name}` must be a number or a sequence of numbers")
    must_all(np.isfinite(amounts), f"`{name}` must be finite")
    must_all(amounts >= 0, f"`{name}` must not be negative")
    return amounts


def _weeks(weeks: ArrayLike) -> Floats:
    must(np.ndim(weeks) == 1, "`weeks` must be a sequence of weeks", "for example range(0, 53)")
    return _amounts(weeks, "weeks")


def _scale(world: World, baseline: float | None, benefit: float | None) -> Scale:
    must((baseline is None) == (benefit is None), "give both `baseline` and `benefit`, or neither")
    if baseline is None:
        return GLABELLAR if world.indication == "glabellar lines" else SHARE
    points: dict[str, Any] = {"baseline": baseline, "benefit": benefit}
    for name, value in points.items():
        number = real_numbers(value, name)
        must(number.ndim == 0 and bool(np.isfinite(number) & (number > 0)), f"`{name}` must be a positive number")
    return Scale("as given", float(points["baseline"]), float(points["benefit"]))
