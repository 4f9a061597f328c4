# Mixed models of log-durations by lme4::lmer(REML = FALSE), nothing censored, written to lme4.json.
#
#     Rscript tests/reference/lme4.R
#
# From the root of the repository. The data are written with the results, so the tests need no R.
# A log-normal mixed AFT on exact durations is this model: its log-likelihood is lmer's minus Σ ln t.
# "modes" and "sd" are the patients' random effects and their conditional standard deviations.
# "profile" is the 95% profile-likelihood interval of the SD between patients (random intercepts alone).
# "vcov_fixed" takes the variance parameters as known: it is the inverse of the fixed effects' block of the information.
# Its cross terms with the variance parameters are 0 in expectation only, so observed standard errors are a little larger.

suppressMessages({ library(lme4); library(jsonlite) })

cycles_of <- function(seed, patients, sd_intercept, sd_slope, corr, within) {
  set.seed(seed)
  each <- sample(2:9, patients, TRUE)
  patient <- rep(seq_len(patients), each)
  cycle <- unlist(lapply(each, seq_len))
  x <- round(rnorm(length(patient)), 2)
  product <- sample(c("a", "b", "c"), length(patient), TRUE)
  own <- rnorm(patients)
  slope <- sd_slope * (corr * own + sqrt(1 - corr^2) * rnorm(patients))
  log_t <- 2.5 + 0.15 * x + c(a = 0, b = 0.2, c = -0.1)[product] + sd_intercept * own[patient] +
    slope[patient] * cycle + within * rnorm(length(patient))
  data.frame(t = round(exp(log_t), 4), patient, cycle, x, product)
}

fit_one <- function(data, formula) {
  control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE)
  fit <- suppressMessages(lmer(as.formula(formula), data, REML = FALSE, control = control))
  random <- VarCorr(fit)$patient
  modes <- ranef(fit, condVar = TRUE)$patient
  # a finer grid than the default: the limits are interpolated
  profile <- if (nrow(random) > 1) NULL else
    confint(profile(fit, which = ".sig01", delta = 0.05, maxpts = 400), parm = ".sig01")
  list(
    profile = unname(profile),
    formula = formula, singular = isSingular(fit), names = names(fixef(fit)), fixed = unname(fixef(fit)),
    vcov_fixed = unname(as.matrix(vcov(fit))), theta = unname(getME(fit, "theta")), sigma = sigma(fit),
    covariance_random = unname(matrix(as.numeric(random), nrow(random))), loglik = as.numeric(logLik(fit)),
    patient = rownames(modes), modes = unname(as.matrix(modes)),
    sd = unname(t(matrix(apply(attr(modes, "postVar"), 3, function(v) sqrt(diag(as.matrix(v)))), nrow(random))))
  )
}

sets <- list(
  intercept = list(cycles_of(20240229, 60, 0.3, 0, 0, 0.25), "log(t) ~ x + product + (1 | patient)"),
  slope = list(cycles_of(20240301, 60, 0.3, 0.12, -0.3, 0.2), "log(t) ~ x + product + (1 + cycle | patient)"),
  singular = list(cycles_of(20240305, 60, 0, 0, 0, 0.3), "log(t) ~ x + product + (1 | patient)")
)
out <- lapply(sets, function(set) list(data = set[[1]], fit = fit_one(set[[1]], set[[2]])))
out$versions <- list(R = R.version.string, lme4 = as.character(packageVersion("lme4")))
write_json(out, "tests/reference/lme4.json", digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns")
