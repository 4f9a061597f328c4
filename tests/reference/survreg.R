# Fits of survival::survreg on the golden cycles and on data with every kind of censoring, written to survreg.json.
#
#     Rscript tests/reference/survreg.R
#
# From the root of the repository. The data are written with the results, so the tests need no R.
# survival 3.5-3 makes two slips. For interval-censored rows residuals.survreg has the derivative in log(scale) with the
# wrong sign: its scores do not sum to 0 at the maximum. And survreg(cluster = ) sums scores without their weights.
# "robust" is what survreg reports; "sandwich" is the same with both put right; "ds" is the sum of the weighted scores in
# log(scale), as R has it and put right.

suppressMessages({ library(survival); library(jsonlite) })

mixed <- function(n = 240, patients = 60) {
  set.seed(20240229)
  patient <- rep(seq_len(patients), length.out = n)
  product <- sample(c("a", "b", "c"), n, TRUE)
  x <- round(rnorm(n), 2)
  own <- rnorm(patients, sd = 0.2)[patient]
  t <- round(exp(2.5 + 0.15 * x + c(a = 0, b = 0.2, c = -0.1)[product] + own + 0.3 * rnorm(n)), 3)
  kind <- sample(c("exact", "interval", "left", "right"), n, TRUE, c(0.25, 0.4, 0.1, 0.25))
  before <- round(t * runif(n, 0.3, 0.9), 2)
  after <- round(t * runif(n, 1.1, 1.6), 2)
  lower <- ifelse(kind == "exact", t, ifelse(kind == "left", 0, before))
  upper <- ifelse(kind == "exact", t, ifelse(kind == "right", NA, after))
  data.frame(lower, upper, patient, product, x, weight = sample(c(0.5, 1, 2, 3), n, TRUE))
}

fit_one <- function(data, formula, family, weighted) {
  data$low <- ifelse(data$lower == 0, NA, data$lower)
  data$case_weight <- if (weighted) data$weight else rep(1, nrow(data))
  full <- update(as.formula(formula), Surv(low, upper, type = "interval2") ~ .)
  control <- survreg.control(rel.tolerance = 1e-13, maxiter = 200)
  fit <- survreg(full, data, weights = case_weight, dist = family, control = control, x = TRUE)
  robust <- survreg(full, data, weights = case_weight, dist = family, control = control, cluster = patient)
  terms <- residuals(fit, type = "matrix")
  interval <- fit$y[, 3] == 3
  ds <- sum(terms[, "ds"] * data$case_weight)
  terms[interval, "ds"] <- -terms[interval, "ds"]
  free <- family != "exponential" # its scale is 1
  scores <- cbind(terms[, "dg"] * fit$x, if (free) terms[, "ds"]) * data$case_weight
  influence <- rowsum(scores %*% fit$var, data$patient)
  list(
    formula = formula, family = family, weighted = weighted,
    names = c(names(coef(fit)), if (free) "log(scale)"), estimate = unname(c(coef(fit), if (free) log(fit$scale))),
    loglik = fit$loglik[2], covariance = unname(fit$var), robust = unname(sqrt(diag(robust$var))),
    sandwich = unname(sqrt(diag(crossprod(influence)))), ds = if (free) c(ds, sum(scores[, ncol(scores)])) else numeric()
  )
}

fit_all <- function(data, formulas) {
  grid <- expand.grid(formula = formulas, family = c("lognormal", "weibull", "loglogistic", "exponential"),
                      weighted = c(FALSE, TRUE), stringsAsFactors = FALSE)
  lapply(seq_len(nrow(grid)), function(i) fit_one(data, grid$formula[i], grid$family[i], grid$weighted[i]))
}

data <- mixed()
one_sided <- data[is.na(data$upper) | data$lower == 0 | data$lower == data$upper, ]
rownames(one_sided) <- NULL
out <- list(
  versions = list(R = R.version.string, survival = as.character(packageVersion("survival"))),
  mixed = list(data = data, fits = fit_all(data, c("~ 1", "~ product", "~ product * x", "~ log(x + 5) + I(x^2)"))),
  one_sided = list(data = one_sided, fits = fit_all(one_sided, "~ product + x"))
)
write_json(out, "tests/reference/survreg.json", digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns")
