"""The default world once more, as a plain Python loop: one patient after another, nothing but the standard library.

    python loop.py world.json fixed|stepped PATIENTS SEED

Written from docs/simulation.md and DESIGN §6; what the default world leaves at
its null is left out. Prints patients, sessions and seconds (of the sessions alone, not of the traits), then mean and
standard deviation over patients of each outcome.
"""

import json
import math
import random
import statistics
import sys
import time
from math import exp, inf, log
from pathlib import Path


def centre_of_non_response(w, spread):
    """Where the logits are centred so that their mean probability is `non_response`."""
    nodes = [-9 + 18 * k / 400 for k in range(401)]
    weights = [exp(-z * z / 2) for z in nodes]
    low, high = -40.0, 40.0
    for _ in range(60):
        a = (low + high) / 2
        mean = sum(m / (1 + exp(-a - spread * z)) for m, z in zip(weights, nodes, strict=True)) / sum(weights)
        low, high = (a, high) if mean < w["non_response"] else (low, a)
    return a


def traits(w, n):
    """A dict for each patient."""
    gauss, uniform = random.gauss, random.random
    spread = math.sqrt(w["non_response_icc"] / (1 - w["non_response_icc"]) * math.pi**2 / 3)
    centre = centre_of_non_response(w, spread)
    for _ in range(n):
        yield {
            "log_own": log(w["median_weeks"]) + gauss(0, w["between_sd"]),
            "susceptible": uniform() < w["susceptible_share"],
            "frailty": exp(gauss(-(w["frailty_sd"] ** 2) / 2, w["frailty_sd"])),
            "gain": exp(gauss(0, w["recall_sd"])),
            "onset": w["onset_weeks"] * exp(gauss(0, w["onset_sd"])),
            "delay": w["delay_weeks"] * exp(gauss(0, w["delay_sd"])),
            "silent": 1 / (1 + exp(-centre - spread * gauss(0, 1))),
            "end": min(w["horizon_weeks"], random.expovariate(w["dropout_per_year"] / w["weeks_per_year"])),
        }


def patient(env, w, strategy, t, out):  # noqa: C901 (naive on purpose)
    """One patient's treatments; `out` gets the outcomes."""
    gauss, uniform = random.gauss, random.random
    theta, hill, check = w["threshold"], w["curve_hill"], w["check_week"]
    a, ds, dl = (log(2) * 7 / w[f"{name}_half_life_days"] for name in ("titre", "short", "long"))
    ng = w["label_units"] * w["ng_per_unit"]
    g = ng ** w["antigen_hill"] / (ng ** w["antigen_hill"] + w["half_antigen_ng"] ** w["antigen_hill"])
    infection = 1 - exp(-w["induction_rate"] * t["frailty"] * ng ** w["induction_power"])
    memory = short = long = titre = exposed = 0.0
    running = (0.0, 0.0, 1.0, 0.0)  # start, peak, own weeks, until
    answered = unanswered = responded = lasted = settled = False
    first, gap, visit = None, 12.0, 0
    out.update(sessions=0, weeks_in_benefit=0.0, positive=0, tested=0, failure=0)

    def effect(weeks, peak, own):
        return peak * (1 - exp(-weeks / t["onset"])) / (1 + (weeks / own) ** hill * (1 - theta) / theta)

    while env.now < t["end"]:
        week = env.now
        if strategy == "stepped" and visit > 0:
            settled = settled or (not lasted and responded)  # the check is never missed
            if visit >= 2 and lasted and not settled:
                gap = min(gap + 2, 26.0)

        if short + long + titre > 0:
            u = week - exposed
            left, short_left, long_left = exp(-a * u), exp(-ds * u), exp(-dl * u)
            titre = titre * left + short * a * (short_left - left) / (a - ds) + long * a * (long_left - left) / (a - dl)
            short, long = short * short_left, long * long_left
        if t["susceptible"]:
            if memory > 0:
                rested = 1 - (1 - w["rest_floor"]) * exp(-7 * (week - exposed) / w["rest_days"])
                d = w["recall_output"] * t["gain"] * memory * g * rested / (1 + titre / w["feedback_titre"])
                short, long = short + d, long + w["long_lived_share"] * d
                memory += w["memory_gain"] * g * (1 - memory)
            elif uniform() < infection:
                short += w["primary_output"] * t["gain"] * g
                if uniform() < w["memory_probability"]:
                    memory = w["first_memory"]
            exposed = week

        own, peak, reach = exp(t["log_own"] + gauss(0, w["within_sd"])), 1.0, 1.0
        if titre > 0:
            r = 1 / (1 + (titre / w["half_titre"]) ** w["neutralisation_hill"])
            own *= r * (1 + w["dose_half"]) / (r + w["dose_half"])
            peak = (1 + w["amplitude_half"]) * r / (r + w["amplitude_half"])
            reach = max((peak / theta - 1) / (1 / theta - 1), 0) ** (1 / hill)
        able = uniform() >= t["silent"] and titre <= w["failure_titre"]
        duration = own * reach if able else 0.0
        responds = duration > 0
        peak = peak if able else 0.0  # a peak below the threshold is no response, but it is rated
        carried = running if running[3] > week + duration else None
        if carried is None:
            running = (week, peak, own, week + duration)

        remaining = max(running[3] - week, 0)
        noticed = (remaining if responds else max(remaining, check)) + t["delay"]
        at_check, at_return = effect(check, peak, own), effect(gap, peak, own)
        if carried:
            at_check = max(at_check, effect(week + check - carried[0], carried[1], carried[2]))
            at_return = max(at_return, effect(week + gap - carried[0], carried[1], carried[2]))
        responded = at_check + gauss(0, w["rater_sd"]) > theta
        effect_at_return = at_return + gauss(0, w["rater_sd"]) > theta
        lasted = effect_at_return and noticed > gap
        lower, upper = (check if responded else 0.0), inf
        if noticed <= gap:
            upper = noticed
        elif effect_at_return:
            lower = gap
        else:
            upper = gap
        out["seen"] = (lower if lower < upper else 0.0, upper) if responded else None

        if visit and visit % w["test_every"] == 0:
            reading = titre * exp(gauss(0, w["assay_sd"]))
            if reading >= w["detection_titre"] or uniform() >= w["specificity"]:
                out["tested"] = 1
        out["sessions"] += 1
        out["weeks_in_benefit"] += max(min(running[3], week + gap, t["end"]) - week, 0)
        if titre > w["positive_titre"]:
            out["positive"] = 1
        if not responds and unanswered and answered:
            out["failure"] = 1
        if responds and first is None:
            first = week
        unanswered, answered, visit = not responds, answered or responds, visit + 1
        yield env.timeout(gap)
    out["weeks_waiting"] = 0.0 if first is None else max(t["end"] - first - out["weeks_in_benefit"], 0)


class Clock:
    """What `patient` needs of an environment, for one patient alone."""

    def __init__(self):
        self.now = 0.0

    def timeout(self, weeks):
        """Let time pass."""
        self.now += weeks


def one_after_another(people, outs, w, strategy):
    """Run each patient to the end of her follow-up."""
    for t, out in zip(people, outs, strict=True):
        for _ in patient(Clock(), w, strategy, t, out):
            pass


def main(path, strategy, n, seed, run=one_after_another):
    """Print the totals."""
    w = json.loads(Path(path).read_text())
    random.seed(seed)
    people = list(traits(w, n))
    outs = [{} for _ in people]
    start = time.perf_counter()
    run(people, outs, w, strategy)
    seconds = time.perf_counter() - start
    for out in outs:
        out["units"] = out["sessions"] * w["label_units"]
        out["antigen_ng"] = out["units"] * w["ng_per_unit"]
    print(n, sum(out["sessions"] for out in outs), seconds)
    outcomes = ("sessions", "units", "antigen_ng", "weeks_in_benefit", "weeks_waiting", "positive", "tested", "failure")
    for name in outcomes:
        values = [float(out[name]) for out in outs]
        print(name, statistics.mean(values), statistics.stdev(values))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
