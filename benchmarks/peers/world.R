# The default world once more, in base R, vectorised over patients: no packages, R's own random numbers.
#
#   Rscript world.R world.json STRATEGY OBSERVE PATIENTS SEED
#
# STRATEGY is fixed or stepped; OBSERVE is all (every rating and interval of what is seen) or needed (only what outcomes
# and strategy depend on). world.json is flat, and benchmarks/throughput.py writes it. Written from docs/simulation.md
# and DESIGN §6; what the default world leaves at its null is left out. Prints patients, sessions and seconds (of the
# sessions alone, not of the traits), then mean and standard deviation over patients of each outcome.

arguments <- commandArgs(trailingOnly = TRUE)
pairs <- regmatches(text <- paste(readLines(arguments[1]), collapse = ""), gregexpr('"[^"]+": *[-+0-9.eE]+', text))[[1]]
world <- as.list(setNames(as.numeric(sub(".*: *", "", pairs)), sub('^"([^"]+)".*', "\\1", pairs)))
strategy <- arguments[2]
observe <- arguments[3] == "all"
patients <- as.integer(arguments[4])
set.seed(as.integer(arguments[5]))
block <- 16384L # patients at a time: 1,024 to 65,536 were tried, and this was fastest

world <- within(world, {
  antigen <- label_units * ng_per_unit # every session gives the label dose
  strength <- antigen^antigen_hill / (antigen^antigen_hill + half_antigen_ng^antigen_hill)
  odds <- (1 - threshold) / threshold
  titre_rate <- 7 * log(2) / titre_half_life_days
  short_rate <- 7 * log(2) / short_half_life_days
  long_rate <- 7 * log(2) / long_half_life_days
})

draw_traits <- function(n) with(world, {
  spread <- sqrt(non_response_icc / (1 - non_response_icc) * pi^2 / 3)
  mean_logit <- function(a) integrate(function(z) plogis(a + spread * z) * dnorm(z), -9, 9, rel.tol = 1e-10)$value
  centre <- uniroot(function(a) mean_logit(a) - non_response, c(-30, 30), tol = 1e-10)$root
  data.frame(
    log_own = log(median_weeks) + rnorm(n, 0, between_sd),
    susceptible = runif(n) < susceptible_share,
    frailty = exp(rnorm(n, -frailty_sd^2 / 2, frailty_sd)),
    gain = exp(rnorm(n, 0, recall_sd)),
    onset = onset_weeks * exp(rnorm(n, 0, onset_sd)),
    delay = delay_weeks * exp(rnorm(n, 0, delay_sd)),
    end = pmin(horizon_weeks, rexp(n, dropout_per_year / weeks_per_year)),
    silent = plogis(centre + spread * rnorm(n))
  )
})

# Effect `weeks` after a session whose curve is down to `threshold` of its peak after `own` weeks.
effect <- function(weeks, peak, own, onset)
  peak * (1 - exp(-weeks / onset)) / (1 + (weeks / own)^world$curve_hill * world$odds)

follow <- function(traits) {
  n <- nrow(traits)
  zero <- numeric(n)
  no <- logical(n)
  total <- list(
    sessions = zero, weeks_in_benefit = zero, equivalents = zero, positive = no, tested = no, failure = no,
    first = zero + NA
  )
  done <- total
  s <- c(as.list(traits), total, list(
    id = seq_len(n), week = zero, gap = zero + 12, settled = no, lasted = no, responded = no, assessed = no,
    memory = zero, short = zero, long = zero, titre = zero, exposed = zero - Inf,
    start = zero, top = zero, own = zero + 1, until = zero, unanswered = no, answered = no
  ))
  visit <- 0L
  repeat {
    followed <- s$week < s$end
    if (mean(followed) < 0.85) { # carry on with those still followed
      gone <- which(!followed)
      for (name in names(total)) done[[name]][s$id[gone]] <- s[[name]][gone]
      s <- lapply(s, `[`, which(followed))
      followed <- followed[followed]
      if (!length(followed)) break
    }
    m <- length(followed)
    week <- s$week

    # decision
    if (strategy == "stepped" && visit > 0) {
      s$settled <- s$settled | (!s$lasted & (s$responded | !s$assessed))
      if (visit >= 2) s$gap <- ifelse(s$lasted & !s$settled, pmin(s$gap + 2, 26), s$gap)
    }

    # titre before the injection, and exposure
    titre <- numeric(m)
    loaded <- which(s$short + s$long + s$titre > 0)
    if (length(loaded)) {
      since <- week[loaded] - s$exposed[loaded]
      a <- world$titre_rate
      left <- exp(-a * since)
      short_left <- exp(-world$short_rate * since)
      long_left <- exp(-world$long_rate * since)
      titre[loaded] <- s$titre[loaded] * left +
        s$short[loaded] * a * (short_left - left) / (a - world$short_rate) +
        s$long[loaded] * a * (long_left - left) / (a - world$long_rate)
      s$short[loaded] <- s$short[loaded] * short_left
      s$long[loaded] <- s$long[loaded] * long_left
    }
    primed <- which(s$memory > 0)
    naive <- which(s$susceptible & s$memory == 0)
    hazard <- world$induction_rate * s$frailty[naive] * world$antigen^world$induction_power
    naive <- naive[runif(length(naive)) < 1 - exp(-hazard)]
    if (length(primed)) {
      rested <- 1 - (1 - world$rest_floor) * exp(-7 * (week[primed] - s$exposed[primed]) / world$rest_days)
      recall <- world$recall_output * s$gain[primed] * s$memory[primed] * world$strength * rested /
        (1 + titre[primed] / world$feedback_titre)
      s$short[primed] <- s$short[primed] + recall
      s$long[primed] <- s$long[primed] + world$long_lived_share * recall
      s$memory[primed] <- s$memory[primed] + world$memory_gain * world$strength * (1 - s$memory[primed])
    }
    s$short[naive] <- s$short[naive] + world$primary_output * s$gain[naive] * world$strength
    s$memory[naive[runif(length(naive)) < world$memory_probability]] <- world$first_memory
    s$titre <- titre
    s$exposed <- week

    # response
    own <- exp(s$log_own + rnorm(m, 0, world$within_sd))
    able <- runif(m) >= s$silent & titre <= world$failure_titre
    top <- rep(1, m)
    duration <- own
    if (length(loaded)) {
      r <- 1 / (1 + (titre[loaded] / world$half_titre)^world$neutralisation_hill)
      own[loaded] <- own[loaded] * (1 + world$dose_half) * r / (r + world$dose_half)
      top[loaded] <- (1 + world$amplitude_half) * r / (r + world$amplitude_half)
      above <- pmax((top[loaded] / world$threshold - 1) / (1 / world$threshold - 1), 0)
      duration[loaded] <- own[loaded] * above^(1 / world$curve_hill)
    }
    duration <- duration * able
    top <- top * able # a peak below the threshold is no response, but it is rated
    responds <- duration > 0
    carried <- s$until > week + duration
    fresh <- which(!carried)
    s$start[fresh] <- week[fresh]
    s$top[fresh] <- top[fresh]
    s$own[fresh] <- own[fresh]
    s$until[fresh] <- week[fresh] + duration[fresh]

    # return: both strategies book the visit
    gap <- s$gap
    left <- pmax(s$until - week, 0)
    back <- week + gap

    # what is seen of the cycle
    if (observe || strategy == "stepped") {
      noticed <- ifelse(responds, left, pmax(left, world$check_week)) + s$delay
      at_check <- effect(world$check_week, top, own, s$onset)
      at_return <- effect(gap, top, own, s$onset)
      old <- which(carried)
      ago <- week[old] - s$start[old]
      at_check[old] <- pmax(at_check[old], effect(ago + world$check_week, s$top[old], s$own[old], s$onset[old]))
      at_return[old] <- pmax(at_return[old], effect(ago + gap[old], s$top[old], s$own[old], s$onset[old]))
      s$assessed <- gap >= world$check_week
      s$responded <- s$assessed & at_check + rnorm(m, 0, world$rater_sd) > world$threshold
      effect_at_return <- at_return + rnorm(m, 0, world$rater_sd) > world$threshold
      s$lasted <- effect_at_return & noticed > gap
      if (observe) {
        lower <- world$check_week * s$responded
        upper <- gap
        lasts <- which(s$lasted)
        lower[lasts] <- gap[lasts]
        upper[lasts] <- Inf
        told <- which(noticed <= gap)
        upper[told] <- noticed[told]
        lower[lower >= upper] <- 0
        lower[silent <- which(s$assessed & !s$responded)] <- NA
        upper[silent] <- NA
      }
    }

    # antibody test
    if (visit > 0 && visit %% world$test_every == 0) {
      reading <- titre * exp(rnorm(m, 0, world$assay_sd))
      s$tested <- s$tested | (followed & (reading >= world$detection_titre | runif(m) >= world$specificity))
    }

    # counts
    s$sessions <- s$sessions + followed
    s$equivalents <- s$equivalents + followed * pmin((s$end - week) / gap, 1)
    s$weeks_in_benefit <- s$weeks_in_benefit + followed * pmax(pmin(s$until, back, s$end) - week, 0)
    s$positive <- s$positive | (followed & titre > world$positive_titre)
    s$failure <- s$failure | (followed & !responds & s$unanswered & s$answered)
    opened <- which(followed & responds & is.na(s$first))
    s$first[opened] <- week[opened]
    s$unanswered <- !responds
    s$answered <- s$answered | responds
    s$week <- back
    visit <- visit + 1L
  }
  as.data.frame(done)
}

follow <- compiler::cmpfun(follow) # R would do so by itself, after two calls
traits <- draw_traits(patients)
starts <- seq(1L, patients, by = block)
seconds <- system.time(
  totals <- do.call(rbind, lapply(starts, function(i) follow(traits[i:min(i + block - 1L, patients), ])))
)[["elapsed"]]
totals$units <- totals$sessions * world$label_units
totals$antigen_ng <- totals$sessions * world$antigen
totals$weeks_waiting <- ifelse(is.na(totals$first), 0, pmax(traits$end - totals$first - totals$weeks_in_benefit, 0))
cat(patients, sum(totals$sessions), seconds, "\n")
for (name in c("sessions", "units", "antigen_ng", "weeks_in_benefit", "weeks_waiting", "positive", "tested", "failure"))
  cat(name, format(mean(totals[[name]]), digits = 15), format(sd(totals[[name]]), digits = 15), "\n")
