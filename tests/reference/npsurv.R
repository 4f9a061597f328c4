# Turnbull's estimate by npsurv, which takes intervals as (L, R] too, written to npsurv.json.
#
#     Rscript tests/reference/npsurv.R
#
# From the root of the repository. The data are written with the results, so the tests need no R.

suppressMessages({ library(npsurv); library(jsonlite) })

estimate <- function(lower, upper) {
  fit <- npsurv(cbind(lower, upper), tol = 1e-12, maxit = 10000)
  infinite <- function(v) ifelse(is.infinite(v), NA, v)
  list(
    lower = lower, upper = infinite(upper), left = fit$f$left, right = infinite(fit$f$right), mass = fit$f$p,
    loglik = fit$ll
  )
}

set.seed(20240229)
n <- 300
t <- rgamma(n, 6, 0.4)
visits <- sapply(t, function(t) { v <- cumsum(c(0, 4 + runif(20, -1, 1))); c(max(v[v < t]), min(v[v >= t])) })
lost <- runif(n) < 0.2
jittered <- estimate(round(visits[1, ], 4), ifelse(lost, Inf, round(visits[2, ], 4)))

width <- sample(c(1, 2, 4), n, TRUE)
grid <- estimate(floor(t / width) * width, ifelse(runif(n) < 0.2, Inf, (floor(t / width) + 1) * width))

seen <- runif(n, 0, 30)
current_status <- estimate(ifelse(t <= seen, 0, round(seen, 3)), ifelse(t <= seen, round(seen, 3), Inf))

kind <- sample(4, n, TRUE)
whole <- ceiling(t)
mixed <- estimate(
  ifelse(kind == 1, whole, ifelse(kind == 2, 0, floor(t * runif(n, 0.4, 1)))),
  ifelse(kind == 1, whole, ifelse(kind == 3, Inf, ceiling(t * runif(n, 1, 1.5))))
)

out <- list(
  versions = list(R = R.version.string, npsurv = as.character(packageVersion("npsurv"))),
  cases = list(jittered = jittered, grid = grid, current_status = current_status, mixed = mixed)
)
write_json(out, "tests/reference/npsurv.json", digits = 15, auto_unbox = TRUE, na = "null")
