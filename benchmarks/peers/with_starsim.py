"""The default world once more, in starsim at weekly steps: one module, arrays over agents.

    python with_starsim.py world.json fixed|stepped PATIENTS SEED

Needs starsim, and nothing of this project. Written from docs/simulation.md and DESIGN §6; what the default world leaves
at its null is left out. Both strategies come in whole weeks, so the weekly clock rounds nothing; durations, waning and
the end of follow-up are not rounded either, because everything about a cycle is worked out at its session. That is
faster than adding up week by week, and kind to this peer; arrays of starsim are of single precision. Prints patients,
sessions and seconds (of `sim.run()` alone, not of the traits), then mean and standard deviation over patients of each
outcome.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import starsim as ss

FLOATS = "log_own frailty gain onset delay silent end first memory short long titre exposed start top own until benefit"
COUNTS = "sessions visit"
FLAGS = "susceptible settled lasted responded unanswered answered positive tested failure"


class Clinic(ss.Module):
    """Sessions of the agents who are due this week."""

    def __init__(self, world, strategy):
        super().__init__(name="clinic")
        self.define_pars(world=world, strategy=strategy)
        self.define_states(
            *(ss.FloatArr(name, default=0.0) for name in FLOATS.split()),
            ss.FloatArr("gap", default=12.0),
            ss.FloatArr("due", default=0.0),
            *(ss.FloatArr(name, default=0.0) for name in COUNTS.split()),
            *(ss.BoolState(name, default=False) for name in FLAGS.split()),
        )
        for name in ("noise", "check_noise", "return_noise", "assay_noise", "trait"):
            setattr(self, f"draw_{name}", ss.normal(0, 1, name=name))
        for name in ("response", "induction", "leaves", "false"):
            setattr(self, f"draw_{name}", ss.random(name=name))

    def draw_traits(self, seed):
        """Before the clock starts."""
        w, n, rng = self.pars.world, len(self.sim.people), np.random.default_rng(seed)
        z = rng.standard_normal
        spread = np.sqrt(w["non_response_icc"] / (1 - w["non_response_icc"]) * np.pi**2 / 3)
        nodes = np.linspace(-9, 9, 401)
        weights = np.exp(-(nodes**2) / 2)
        low, high = -40.0, 40.0
        for _ in range(60):
            centre = (low + high) / 2
            mean = weights @ (1 / (1 + np.exp(-centre - spread * nodes))) / weights.sum()
            low, high = (centre, high) if mean < w["non_response"] else (low, centre)
        every = self.sim.people.auids
        self.log_own[every] = np.log(w["median_weeks"]) + w["between_sd"] * z(n)
        self.susceptible[every] = rng.random(n) < w["susceptible_share"]
        self.frailty[every] = np.exp(w["frailty_sd"] * z(n) - w["frailty_sd"] ** 2 / 2)
        self.gain[every] = np.exp(w["recall_sd"] * z(n))
        self.onset[every] = w["onset_weeks"] * np.exp(w["onset_sd"] * z(n))
        self.delay[every] = w["delay_weeks"] * np.exp(w["delay_sd"] * z(n))
        self.silent[every] = 1 / (1 + np.exp(-centre - spread * z(n)))
        stays = rng.exponential(w["weeks_per_year"] / w["dropout_per_year"], n)
        self.end[every] = np.minimum(w["horizon_weeks"], stays)
        self.first[every] = np.inf

    def expose(self, due, week):
        """Titre before the injection; the immune state takes the antigen in."""
        w = self.pars.world
        ng = w["label_units"] * w["ng_per_unit"]
        g = ng ** w["antigen_hill"] / (ng ** w["antigen_hill"] + w["half_antigen_ng"] ** w["antigen_hill"])
        a, ds, dl = (np.log(2) * 7 / w[f"{name}_half_life_days"] for name in ("titre", "short", "long"))
        short, long, titre, exposed = self.short[due], self.long[due], self.titre[due], self.exposed[due]
        memory, gain = self.memory[due], self.gain[due]
        since = week - exposed
        loaded = np.flatnonzero(short + long + titre > 0)
        u = since[loaded]
        left, short_left, long_left = np.exp(-a * u), np.exp(-ds * u), np.exp(-dl * u)
        titre[loaded] = (
            titre[loaded] * left
            + short[loaded] * a * (short_left - left) / (a - ds)
            + long[loaded] * a * (long_left - left) / (a - dl)
        )
        short[loaded] *= short_left
        long[loaded] *= long_left

        primed = np.flatnonzero(memory > 0)
        naive = np.flatnonzero(self.susceptible[due] & (memory == 0))
        chance = 1 - np.exp(-w["induction_rate"] * self.frailty[due[naive]] * ng ** w["induction_power"])
        met = naive[self.draw_induction.rvs(due[naive]) < chance]
        rested = 1 - (1 - w["rest_floor"]) * np.exp(-7 * since[primed] / w["rest_days"])
        recall = w["recall_output"] * gain[primed] * memory[primed] * g * rested
        recall /= 1 + titre[primed] / w["feedback_titre"]
        short[primed] += recall
        long[primed] += w["long_lived_share"] * recall
        memory[primed] += w["memory_gain"] * g * (1 - memory[primed])
        short[met] += w["primary_output"] * gain[met] * g
        if met.size:
            memory[met] = np.where(self.draw_leaves.rvs(due[met]) < w["memory_probability"], w["first_memory"], 0)
        self.short[due], self.long[due], self.titre[due], self.memory[due] = short, long, titre, memory
        self.exposed[due] = week
        return titre

    def effect(self, weeks, peak, own, onset):
        """Of one curve, `weeks` after its session."""
        w = self.pars.world
        odds = (1 - w["threshold"]) / w["threshold"]
        return peak * (1 - np.exp(-weeks / onset)) / (1 + (weeks / own) ** w["curve_hill"] * odds)

    def step(self):
        """One week."""
        w, week = self.pars.world, float(self.ti)
        due = ss.uids(np.flatnonzero((self.due.values == week) & (week < self.end.values)))
        if not len(due):
            return
        gap, visit, end, onset = self.gap[due], self.visit[due], self.end[due], self.onset[due]
        if self.pars.strategy == "stepped":
            lasted = self.lasted[due]
            settled = self.settled[due] | ((visit > 0) & ~lasted & self.responded[due])  # the check is never missed
            gap = np.where((visit >= 2) & lasted & ~settled, np.minimum(gap + 2, 26), gap)
            self.settled[due], self.gap[due] = settled, gap

        titre = self.expose(due, week)
        own = np.exp(self.log_own[due] + w["within_sd"] * self.draw_noise.rvs(due))
        top, duration = np.ones(len(due)), own.copy()
        hit = np.flatnonzero(titre > 0)
        r = 1 / (1 + (titre[hit] / w["half_titre"]) ** w["neutralisation_hill"])
        own[hit] *= (1 + w["dose_half"]) * r / (r + w["dose_half"])
        top[hit] = (1 + w["amplitude_half"]) * r / (r + w["amplitude_half"])
        above = np.maximum((top[hit] / w["threshold"] - 1) / (1 / w["threshold"] - 1), 0)
        duration[hit] = own[hit] * above ** (1 / w["curve_hill"])
        able = (self.draw_response.rvs(due) >= self.silent[due]) & (titre <= w["failure_titre"])
        duration *= able
        top *= able  # a peak below the threshold is no response, but it is rated
        responds = duration > 0

        until = self.until[due]
        carried = until > week + duration
        fresh = ~carried
        self.start[due[fresh]], self.top[due[fresh]], self.own[due[fresh]] = week, top[fresh], own[fresh]
        until = np.maximum(until, week + duration)
        self.until[due] = until

        left = np.maximum(until - week, 0)
        noticed = np.where(responds, left, np.maximum(left, w["check_week"])) + self.delay[due]
        at_check, at_return = self.effect(w["check_week"], top, own, onset), self.effect(gap, top, own, onset)
        old = due[carried]
        for rating, ahead in ((at_check, w["check_week"]), (at_return, gap[carried])):
            then = self.effect(week - self.start[old] + ahead, self.top[old], self.own[old], onset[carried])
            rating[carried] = np.maximum(rating[carried], then)
        responded = at_check + w["rater_sd"] * self.draw_check_noise.rvs(due) > w["threshold"]
        effect_at_return = at_return + w["rater_sd"] * self.draw_return_noise.rvs(due) > w["threshold"]
        told = noticed <= gap
        self.responded[due], self.lasted[due] = responded, effect_at_return & ~told
        lower = np.where(~told & effect_at_return, gap, w["check_week"] * responded)
        upper = np.where(told, noticed, np.where(effect_at_return, np.inf, gap))
        lower[lower >= upper] = 0
        lower[~responded] = upper[~responded] = np.nan

        asked = (visit > 0) & (visit % w["test_every"] == 0)
        if asked.any():
            reading = titre[asked] * np.exp(w["assay_sd"] * self.draw_assay_noise.rvs(due[asked]))
            false = self.draw_false.rvs(due[asked]) >= w["specificity"]
            self.tested[due[asked]] |= (reading >= w["detection_titre"]) | false

        self.sessions[due] += 1
        self.visit[due] = visit + 1
        self.benefit[due] += np.maximum(np.minimum(np.minimum(until, week + gap), end) - week, 0)
        self.first[due] = np.where(responds, np.minimum(self.first[due], week), self.first[due])
        self.positive[due] |= titre > w["positive_titre"]
        self.failure[due] |= ~responds & self.unanswered[due] & self.answered[due]
        self.unanswered[due] = ~responds
        self.answered[due] |= responds
        self.due[due] = week + gap


def main(path, strategy, n, seed):
    """Print the totals."""
    w = json.loads(Path(path).read_text())
    sim = ss.Sim(
        n_agents=n, dur=ss.weeks(np.ceil(w["horizon_weeks"])), dt=ss.weeks(1), modules=Clinic(w, strategy),
        rand_seed=seed, verbose=0,
    )  # fmt: skip
    sim.init()
    clinic = sim.custom.clinic
    clinic.draw_traits(seed)
    start = time.perf_counter()
    sim.run()
    seconds = time.perf_counter() - start
    clinic = sim.custom.clinic

    def column(name):
        return np.array(getattr(clinic, name).values, dtype=float)

    sessions, end, benefit, first = (column(name) for name in ("sessions", "end", "benefit", "first"))
    outcomes = {
        "sessions": sessions,
        "units": sessions * w["label_units"],
        "antigen_ng": sessions * w["label_units"] * w["ng_per_unit"],
        "weeks_in_benefit": benefit,
        "weeks_waiting": np.where(np.isinf(first), 0, np.maximum(end - first - benefit, 0)),
        **{name: column(name) for name in ("positive", "tested", "failure")},
    }
    print(n, int(sessions.sum()), seconds)
    for name, values in outcomes.items():
        print(name, values.mean(), values.std(ddof=1))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
