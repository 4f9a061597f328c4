/* The default world once more, in plain C: the floor that the engine is measured against.

   gcc -O3 -march=native -o world world.c -lm
   ./world world.json STRATEGY OBSERVE PATIENTS SEED [totals.bin]

   STRATEGY is fixed, stepped, waning or bisect; OBSERVE is all (every rating and interval of what is seen, as the
   engine makes them) or needed (only what outcomes and strategy depend on). world.json is flat, and
   benchmarks/throughput.py writes it. Written from docs/simulation.md and DESIGN §6: one patient after another, one
   session after another, no vector instructions but those the compiler finds. Draws have the engine's addresses, so its
   totals must be the engine's. What the default world leaves at its null is left out. Prints one line: patients,
   sessions, seconds (of the sessions alone, not of the traits). */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS 18 /* of a row of totals */
#define MAX(a, b) ((a) > (b) ? (a) : (b)) /* fmax and fmin are calls without -ffast-math */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define INLINE static inline __attribute__((always_inline))

typedef struct { double lane[4]; } Luck;
typedef struct { double offset, frailty, gain, onset, delay, silent, end; int susceptible; } Traits;
enum { FIXED, STEPPED, WANING, BISECT };
enum { TRAITS = 1, HABITS = 2, NON_RESPONSE_TRAIT = 3, RESPONSE = 4, IMMUNITY = 5, ASSAY = 7 };

static struct {
    double horizon_weeks, weeks_per_year, positive_titre, median_weeks, label_units, ng_per_unit;
    double between_sd, within_sd, dose_half, amplitude_half, curve_hill, onset_weeks, onset_sd, threshold;
    double non_response, non_response_icc, susceptible_share, frailty_sd, recall_sd, induction_rate, induction_power;
    double memory_probability, primary_output, recall_output, half_antigen_ng, antigen_hill, first_memory, memory_gain;
    double long_lived_share, feedback_titre, rest_floor, rest_days;
    double titre_half_life_days, short_half_life_days, long_half_life_days;
    double half_titre, neutralisation_hill, failure_titre, check_week, rater_sd;
    double test_every, detection_titre, assay_sd, specificity, delay_weeks, delay_sd, dropout_per_year;
    double log_median, antigen, strength, hazard, titre_rate, short_rate, long_rate; /* worked out once */
} w;

static double number(const char *json, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(json, key);
    if (!at) { fprintf(stderr, "no %s in the world\n", name); exit(1); }
    return strtod(at + strlen(key), NULL);
}

static void read_world(const char *path)
{
    static char json[1 << 16];
    FILE *file = fopen(path, "r");
    if (!file) { perror(path); exit(1); }
    json[fread(json, 1, sizeof json - 1, file)] = 0;
    fclose(file);
#define READ(name) w.name = number(json, #name)
    READ(horizon_weeks); READ(weeks_per_year); READ(positive_titre); READ(median_weeks); READ(label_units);
    READ(ng_per_unit); READ(between_sd); READ(within_sd); READ(amplitude_half); READ(dose_half); READ(curve_hill);
    READ(onset_weeks); READ(onset_sd); READ(threshold); READ(non_response); READ(non_response_icc);
    READ(susceptible_share); READ(frailty_sd); READ(recall_sd); READ(induction_rate); READ(induction_power);
    READ(memory_probability); READ(primary_output); READ(recall_output); READ(half_antigen_ng); READ(antigen_hill);
    READ(first_memory); READ(memory_gain); READ(long_lived_share); READ(feedback_titre); READ(rest_floor);
    READ(rest_days); READ(titre_half_life_days); READ(short_half_life_days); READ(long_half_life_days);
    READ(half_titre); READ(neutralisation_hill); READ(failure_titre); READ(check_week); READ(rater_sd);
    READ(test_every); READ(detection_titre); READ(assay_sd); READ(specificity); READ(delay_weeks); READ(delay_sd);
    READ(dropout_per_year);
    w.log_median = log(w.median_weeks);
    w.antigen = w.label_units * w.ng_per_unit; /* every session gives the label dose */
    double scaled = pow(w.antigen / w.half_antigen_ng, w.antigen_hill);
    w.strength = scaled / (1 + scaled);
    w.hazard = w.induction_rate * pow(w.antigen, w.induction_power);
    w.titre_rate = log(2) * 7 / w.titre_half_life_days;
    w.short_rate = log(2) * 7 / w.short_half_life_days;
    w.long_rate = log(2) * 7 / w.long_half_life_days;
}

INLINE Luck draw(uint64_t seed, uint32_t purpose, uint64_t patient, uint32_t visit)
{
    uint32_t c0 = (uint32_t)patient, c1 = purpose << 16 | (uint32_t)(patient >> 32), c2 = visit, c3 = 0;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)c0 * 0xD2511F53u, p1 = (uint64_t)c2 * 0xCD9E8D57u;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (Luck){{(c0 + 0.5) * 0x1p-32, (c1 + 0.5) * 0x1p-32, (c2 + 0.5) * 0x1p-32, (c3 + 0.5) * 0x1p-32}};
}

/* Algorithm AS 241 (PPND16): Wichura, Applied Statistics 37 (1988) 477, doi:10.2307/2347330. */
INLINE double normal(double u)
{
    double q = u - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r
            + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
            + 1.3314166789178437745e2) * r + 3.3871328727963666080e0)
            / (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r
            + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
            + 4.2313330701600911252e1) * r + 1.0);
    }
    double r = sqrt(-log(q < 0 ? u : 1 - u)), x;
    if (r <= 5) {
        r -= 1.6;
        x = (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r
            + 1.27045825245236838258e0) * r + 3.64784832476320460504e0) * r + 5.76949722146069140550e0) * r
            + 4.63033784615654529590e0) * r + 1.42343711074968357734e0)
            / (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636165571966e-2) * r
            + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0) * r
            + 2.05319162663775882187e0) * r + 1.0);
    } else {
        r -= 5;
        x = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r
            + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0) * r
            + 5.46378491116411436990e0) * r + 6.65790464350110377720e0)
            / (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r
            + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
            + 5.99832206555887937690e-1) * r + 1.0);
    }
    return q < 0 ? -x : x;
}

static double expit(double x) { return 1 / (1 + exp(-x)); }

/* Where the logits of non-response are centred so that the mean over patients is `non_response`. */
static double silent_centre(double spread)
{
    double low = -60, high = 60;
    while (high - low > 1e-14 * fabs(low) + 1e-15) {
        double middle = (low + high) / 2, mean = 0, mass = 0;
        for (int k = 0; k <= 2000; k++) {
            double z = -9 + 18.0 * k / 2000, weight = exp(-z * z / 2);
            mean += weight * expit(middle + spread * z);
            mass += weight;
        }
        if (middle == low || middle == high) break;
        if (mean / mass < w.non_response) low = middle; else high = middle;
    }
    return (low + high) / 2;
}

static Traits *draw_traits(uint64_t n, uint64_t seed)
{
    Traits *all = malloc(n * sizeof *all);
    double spread = sqrt(w.non_response_icc / (1 - w.non_response_icc) * M_PI * M_PI / 3);
    double centre = silent_centre(spread);
    for (uint64_t i = 0; i < n; i++) {
        Luck a = draw(seed, TRAITS, i, 0), b = draw(seed, HABITS, i, 0), c = draw(seed, NON_RESPONSE_TRAIT, i, 0);
        Traits *t = &all[i];
        t->offset = w.between_sd * normal(a.lane[0]);
        t->susceptible = a.lane[1] < w.susceptible_share;
        t->frailty = exp(w.frailty_sd * normal(a.lane[2]) - w.frailty_sd * w.frailty_sd / 2);
        t->gain = exp(w.recall_sd * normal(a.lane[3]));
        t->onset = w.onset_weeks * exp(w.onset_sd * normal(b.lane[0]));
        t->delay = w.delay_weeks * exp(w.delay_sd * normal(b.lane[1]));
        t->end = MIN(w.horizon_weeks, -log(b.lane[2]) / (w.dropout_per_year / w.weeks_per_year));
        t->silent = expit(centre + spread * normal(c.lane[0]));
    }
    return all;
}

/* Effect at a week whose ln is given: peak (1 - e^(-t/onset)) / (1 + (t/T)^h (1 - θ)/θ). */
INLINE double effect(double log_weeks, double peak, double log_own, double risen)
{
    if (peak == 0) return 0;
    return peak * risen / (1 + exp(w.curve_hill * (log_weeks - log_own)) * ((1 - w.threshold) / w.threshold));
}

INLINE void follow(const Traits *t, uint64_t patient, uint64_t seed, const int strategy, const int observe, double *out)
{
    const double log_check = log(w.check_week), reach_full = 1 / w.threshold - 1;
    const double risen_at_check = 1 - exp(-w.check_week / t->onset);
    double memory = 0, plasma_short = 0, plasma_long = 0, titre_then = 0, exposed = NAN; /* after the last exposure */
    double start = 0, running_peak = 0, running_own = 0, until = 0; /* the curve that runs */
    int unanswered = 0, unanswered_high = 0, answered = 0, effect_at_return = 0, responded = 0, assessed = 0;
    double gap = strategy == FIXED ? 12 : strategy == STEPPED ? 12 : NAN, lo = 10, hi = 26, waned = NAN;
    int settled = 0;
    double sessions = 0, equivalents = 0, benefit = 0;
    double positive = NAN, tested = NAN, failed = NAN, failed_immune = 0, first = NAN;
    double times_responded = 0, times_effect = 0, sum_lower = 0, sum_upper = 0;

    double week = 0;
    for (uint32_t visit = 0; week < t->end; visit++) {
        /* decision */
        double earliest, latest;
        if (strategy == STEPPED) {
            int lasted = effect_at_return && isnan(waned);
            settled |= visit > 0 && !lasted && (responded || !assessed);
            if (lasted && !settled && visit >= 2 && gap < 26) gap = MIN(gap + 2, 26);
            earliest = latest = gap;
        } else if (strategy == BISECT) {
            if (visit > 0 && effect_at_return) lo = gap;
            if (visit > 0 && !effect_at_return) hi = gap;
            earliest = latest = (lo + hi) / 2;
        } else if (strategy == WANING) {
            earliest = 12, latest = 52;
        } else {
            earliest = latest = 12;
        }

        /* titre before the injection, and exposure */
        double titre = 0;
        if (t->susceptible) {
            double since = week - exposed;
            if (plasma_short + plasma_long + titre_then > 0) {
                double a = w.titre_rate, left = exp(-a * since);
                double short_left = exp(-w.short_rate * since), long_left = exp(-w.long_rate * since);
                titre = titre_then * left + plasma_short * a / (a - w.short_rate) * (short_left - left)
                    + plasma_long * a / (a - w.long_rate) * (long_left - left);
                plasma_short *= short_left, plasma_long *= long_left;
            }
            if (memory == 0) {
                Luck luck = draw(seed, IMMUNITY, patient, visit);
                double hazard = w.hazard * t->frailty;
                if (luck.lane[0] < hazard && luck.lane[0] < -expm1(-hazard)) { /* 1 - e^(-x) <= x */
                    plasma_short += w.primary_output * t->gain * w.strength;
                    if (luck.lane[1] < w.memory_probability) memory = w.first_memory;
                }
            } else {
                double rested = w.rest_floor + (1 - w.rest_floor) * (1 - exp(-7 * since / w.rest_days));
                double recall = w.recall_output * t->gain * memory * w.strength * rested;
                recall /= 1 + titre / w.feedback_titre;
                plasma_short += recall, plasma_long += w.long_lived_share * recall;
                memory += w.memory_gain * w.strength * (1 - memory);
            }
            titre_then = titre, exposed = week;
        }

        /* response */
        Luck luck = draw(seed, RESPONSE, patient, visit);
        double log_own = w.log_median + t->offset + w.within_sd * normal(luck.lane[0]), peak = 1, reach = 1;
        if (titre > 0) {
            double r = 1 / (1 + pow(titre / w.half_titre, w.neutralisation_hill));
            log_own += log(r / (r + w.dose_half) * (1 + w.dose_half));
            peak = (1 + w.amplitude_half) * r / (r + w.amplitude_half);
            reach = peak > w.threshold ? pow((peak / w.threshold - 1) / reach_full, 1 / w.curve_hill) : 0;
        }
        int able = luck.lane[1] >= t->silent && titre <= w.failure_titre;
        double duration = able ? exp(log_own) * reach : 0;
        int responds = duration > 0, carried = until > week + duration;
        if (!able) peak = 0; /* a peak below the threshold is no response, but it is rated */
        if (!carried) start = week, running_peak = peak, running_own = log_own, until = week + duration;

        /* return */
        double left = MAX(until - week, 0), noticed = (responds ? left : MAX(left, w.check_week)) + t->delay;
        gap = MIN(latest, MAX(earliest, noticed));
        double back = week + gap;

        /* what is seen of the cycle */
        if (observe || strategy == STEPPED || strategy == BISECT) {
            double at_check = 0, at_return;
            if (observe || strategy == STEPPED) {
                at_check = effect(log_check, peak, log_own, risen_at_check);
            }
            at_return = effect(log(gap), peak, log_own, 1 - exp(-gap / t->onset));
            if (carried) {
                double ago = week - start, at = ago + w.check_week;
                double then = effect(log(at), running_peak, running_own, 1 - exp(-at / t->onset));
                at_check = MAX(at_check, then);
                at = ago + gap;
                then = effect(log(at), running_peak, running_own, 1 - exp(-at / t->onset));
                at_return = MAX(at_return, then);
            }
            if (observe || strategy == STEPPED) {
                assessed = gap >= w.check_week;
                responded = assessed && at_check + w.rater_sd * normal(luck.lane[2]) > w.threshold;
                waned = noticed <= gap ? noticed : NAN;
            }
            effect_at_return = at_return + w.rater_sd * normal(luck.lane[3]) > w.threshold;
            if (observe) {
                double lower = responded ? w.check_week : 0, upper = INFINITY;
                if (noticed <= gap) upper = waned;
                else if (effect_at_return) lower = gap;
                else upper = gap;
                if (lower >= upper) lower = 0;
                if (assessed && !responded) lower = upper = NAN;
                times_responded += responded, times_effect += effect_at_return;
                if (lower == lower) sum_lower += lower;
                if (upper < INFINITY) sum_upper += upper;
            }
        }

        /* antibody test before every n-th session */
        if (visit > 0 && visit % (uint32_t)w.test_every == 0 && (observe || isnan(tested))) {
            Luck assay = draw(seed, ASSAY, patient, visit);
            double reading = titre > 0 || observe ? titre * exp(w.assay_sd * normal(assay.lane[0])) : 0;
            if ((reading >= w.detection_titre || assay.lane[1] >= w.specificity) && isnan(tested)) tested = week;
        }

        /* counts */
        sessions += 1;
        equivalents += back >= t->end ? (t->end - week) / gap : 1;
        benefit += MAX(MIN(MIN(until, back), t->end) - week, 0);
        if (responds && isnan(first)) first = week;
        if (titre > w.positive_titre && isnan(positive)) positive = week;
        if (!responds && unanswered && answered && isnan(failed)) {
            failed = week;
            failed_immune = unanswered_high && titre > w.half_titre;
        }
        unanswered = !responds, unanswered_high = titre > w.half_titre, answered |= responds;
        week = back;
    }
    double row[COLUMNS] = {
        sessions, equivalents, sessions * w.label_units, equivalents * w.label_units, sessions * w.antigen,
        equivalents * w.antigen, t->end, benefit, isnan(first) ? 0 : MAX(t->end - first - benefit, 0), positive, tested,
        failed, failed_immune, t->end < w.horizon_weeks ? t->end : NAN,
        times_responded, times_effect, sum_lower, sum_upper};
    memcpy(out, row, sizeof row);
}

static void simulate(uint64_t n, uint64_t seed, const Traits *traits, int strategy, int observe, double *totals)
{
#define ALL(s, o) /* compiled for this strategy */ \
    if (strategy == s && observe == o) \
        for (uint64_t i = 0; i < n; i++) follow(&traits[i], i, seed, s, o, totals + i * COLUMNS)
    ALL(FIXED, 0); ALL(STEPPED, 0); ALL(WANING, 0); ALL(BISECT, 0);
    ALL(FIXED, 1); ALL(STEPPED, 1); ALL(WANING, 1); ALL(BISECT, 1);
}

int main(int argc, char **argv)
{
    static const char *names[] = {"fixed", "stepped", "waning", "bisect"};
    int strategy = -1;
    for (int s = 0; argc > 2 && s < 4; s++) if (!strcmp(argv[2], names[s])) strategy = s;
    if (argc < 6 || strategy < 0) {
        fprintf(stderr, "usage: world world.json STRATEGY all|needed PATIENTS SEED [totals.bin]\n");
        return 1;
    }
    read_world(argv[1]);
    int observe = !strcmp(argv[3], "all");
    uint64_t n = strtoull(argv[4], NULL, 10), seed = strtoull(argv[5], NULL, 10);
    Traits *traits = draw_traits(n, seed);
    double *totals = malloc(n * COLUMNS * sizeof *totals);
    memset(totals, 1, n * COLUMNS * sizeof *totals); /* page faults are not what is timed */

    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    simulate(n, seed, traits, strategy, observe, totals);
    clock_gettime(CLOCK_MONOTONIC, &after);

    double sessions = 0;
    for (uint64_t i = 0; i < n; i++) sessions += totals[i * COLUMNS];
    printf("%llu %.0f %.9f\n", (unsigned long long)n, sessions,
           (double)(after.tv_sec - before.tv_sec) + 1e-9 * (double)(after.tv_nsec - before.tv_nsec));
    if (argc > 6) {
        FILE *file = fopen(argv[6], "wb");
        if (!file || fwrite(totals, sizeof *totals, n * COLUMNS, file) != n * COLUMNS) { perror(argv[6]); return 1; }
        fclose(file);
    }
    return 0;
}
