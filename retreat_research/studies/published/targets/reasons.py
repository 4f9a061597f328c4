"""Arms and likely reasons that several published figures of facial lines share."""

from ..arm import Arm

GLABELLA = "glabellar lines"
ONA, ABO, RELABO, PRABO, DAXI, INCO = (
    Arm(indication=GLABELLA, product=f"{name}botulinumtoxinA") for name in ("ona", "abo", "rela", "pra", "daxi", "inco")
)
ABO_125 = Arm(indication=GLABELLA, product="abobotulinumtoxinA", units=125)
CROW = Arm(indication="crow's feet")

NO_PLACEBO = (
    "The world has no response to placebo: what it shows there is rater error alone (in the placebo arm of a dystonia "
    "trial 28.6% improve at week 4, curves.csv)"
)
NOISE = (
    "A rater error of 0.15 shows patients without effect above the threshold of 0.2 one time in eleven; an improvement "
    "by a whole grade needs 0.25"
)
TENTH = "A tenth of cycles do not respond by default, whatever the product and the dose (prior: 5 to 15%)"
SILENT = f"{TENTH}, and rater error lets some of them pass for responders"
ONSET = (
    "The curve rises without a lag and its threshold is a fifth of the benefit: half a day is enough; no constant of "
    "onset has a prior"
)
RELABO_MEDIAN = (
    f"{NO_PLACEBO}, and subjects on placebo improve in 19 to 28% (D065 to D068); the median of relabo is assumed"
)

BY_D140 = "median_weeks[abobotulinumtoxinA] (D140, derived from it)"
BY_D144 = "dose_half (prior of the exponent by D144, derived from it)"
BY_D080 = "onset_weeks (the curve of D080 and D083)"
BY_D068 = "median_weeks[relabotulinumtoxinA] (same patients as D068)"
