# Marginal logistic models of responding by geepack::geeglm, written to geepack.json.
#
#     Rscript tests/reference/geepack.R
#
# From the root of the repository. The data are written with the results, so the tests need no R. geepack and statsmodels
# divide by other numbers of pairs in the exchangeable correlation: "alpha" is geepack's, at which the equations agree.

suppressMessages({ library(geepack); library(jsonlite) })

set.seed(20240229)
patients <- 80
patient <- rep(seq_len(patients), sample(1:6, patients, TRUE))
n <- length(patient)
product <- sample(c("a", "b", "c"), n, TRUE)
x <- round(rnorm(n), 2)
own <- rnorm(patients)[patient]
responder <- rbinom(n, 1, plogis(0.5 + 0.4 * x + c(a = 0, b = 0.6, c = -0.4)[product] + own))
data <- data.frame(patient, product, x, responder, weight = sample(1:3, n, TRUE))

fit_one <- function(structure, weight) {
  data$case_weight <- weight
  control <- geese.control(epsilon = 1e-12, maxit = 100)
  fit <- suppressWarnings(geeglm(responder ~ product + x, binomial, data, weights = case_weight, id = patient,
                                 corstr = structure, control = control))
  list(
    structure = structure, names = names(coef(fit)), estimate = unname(coef(fit)), covariance = unname(vcov(fit)),
    alpha = if (structure == "exchangeable") unname(fit$geese$alpha) else 0
  )
}

out <- list(
  versions = list(R = R.version.string, geepack = as.character(packageVersion("geepack"))),
  data = data,
  exchangeable = fit_one("exchangeable", rep(1, n)),
  weighted = fit_one("independence", data$weight)
)
write_json(out, "tests/reference/geepack.json", digits = 15, auto_unbox = TRUE, na = "null", dataframe = "columns")
