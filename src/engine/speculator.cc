#include "engine/speculator.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace glmocr {
namespace {

constexpr double kDecay = 0.995;    // per verification: the memory is about 200 of them
constexpr double kPriorWeight = 4;  // verifications that the first guess counts for
constexpr double kPriorAcceptance =
    0.8;  // optimistic: a probe ends early only when even this would not pay
constexpr double kAverageWeight = 0.125;  // of a new measurement
constexpr int64_t kFreshSteps = 128;      // a measurement older than this is not compared

}  // namespace

std::string_view DraftsOffName(DraftsOff reason) {
  switch (reason) {
    case DraftsOff::kOn:
      return "on";
    case DraftsOff::kDisabled:
      return "disabled";
    case DraftsOff::kNotTried:
      return "not tried yet";
    case DraftsOff::kNoGain:
      return "no gain";
    case DraftsOff::kOverBudget:
      return "over budget";
  }
  return "unknown";
}

void Speculator::Average::Add(double value) {
  if (n_ > 1) value = std::min(value, 2 * value_);
  ++n_;
  value_ += (value - value_) * std::max(kAverageWeight, 1.0 / static_cast<double>(n_));
}

Speculator::Speculator(const SpeculatorOptions& options)
    : options_(options),
      next_attempt_(options.probe_interval),
      attempt_interval_(options.probe_interval) {}

int64_t Speculator::RegimeOf(int64_t n_sequences) {
  if (n_sequences <= 8) return std::max<int64_t>(n_sequences, 1);
  return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(n_sequences)));
}

// A batch size never seen begins with what pays for the next larger one: the fewer the sequences,
// the more a draft saves.
int32_t Speculator::Inherited(int64_t regime) const {
  const auto larger = std::find_if(regimes_.upper_bound(regime), regimes_.end(),
                                   [](const auto& e) { return e.second.judged; });
  return larger == regimes_.end() ? 0 : larger->second.chosen;
}

int32_t Speculator::n_drafts(int64_t n_sequences) const {
  if (options_.mode == DraftMode::kOff) return 0;
  if (options_.mode == DraftMode::kFixed) return options_.max_drafts;
  const auto found = regimes_.find(RegimeOf(n_sequences));
  if (found == regimes_.end()) return Inherited(RegimeOf(n_sequences));
  return found->second.probing >= 0 ? found->second.probing : found->second.chosen;
}

bool Speculator::AnyDrafts() const {
  return std::any_of(regimes_.begin(), regimes_.end(),
                     [](const auto& entry) { return entry.second.chosen > 0; });
}

bool Speculator::AnyProbe() const {
  return std::any_of(regimes_.begin(), regimes_.end(),
                     [](const auto& entry) { return entry.second.probing >= 0; });
}

bool Speculator::keeps_filled() const {
  if (options_.mode != DraftMode::kAuto) return options_.mode == DraftMode::kFixed;
  return first_attempt_ || attempting_ || AnyDrafts() || AnyProbe();
}

bool Speculator::begins_filled(int64_t max_new_tokens) const {
  if (options_.mode != DraftMode::kAuto || attempting_ || !first_attempt_) return keeps_filled();
  return max_new_tokens >= options_.long_request_tokens || AnyDrafts();
}

void Speculator::OnVerified(int32_t n_drafted, int32_t n_accepted) {
  for (int32_t j = 0; j < std::min(n_drafted, n_accepted + 1); ++j) {
    const auto d = static_cast<size_t>(j);
    looked_at_[d] = looked_at_[d] * kDecay + 1;
    accepted_[d] = accepted_[d] * kDecay + (j < n_accepted ? 1 : 0);
  }
}

double Speculator::acceptance(int32_t depth) const {
  const auto d = static_cast<size_t>(depth);
  return (accepted_[d] + kPriorWeight * kPriorAcceptance) / (looked_at_[d] + kPriorWeight);
}

double Speculator::expected_tokens(int32_t n_drafts) const {
  double expected = 1, all_stand = 1;
  for (int32_t j = 0; j < n_drafts; ++j) {
    all_stand *= acceptance(j);
    expected += all_stand;
  }
  return expected;
}

double Speculator::StepSeconds(const Regime& regime, int32_t n_drafts) {
  const auto k = static_cast<size_t>(n_drafts);
  return regime.step_s[k].value() + regime.draft_s[k].value();
}

// Tokens per second and sequence; 0 when it was never measured.
double Speculator::Rate(const Regime& regime, int32_t n_drafts) const {
  const auto k = static_cast<size_t>(n_drafts);
  if (regime.step_s[k].empty() || (n_drafts > 0 && regime.draft_s[k].empty())) return 0;
  // Without drafts the layer's cache need not be filled; what filling costs for the sake of other
  // batch sizes is the ledger's business.
  const double seconds = n_drafts > 0 ? StepSeconds(regime, n_drafts) : regime.step_s[0].value();
  return expected_tokens(n_drafts) / std::max(seconds, 1e-12);
}

double Speculator::seconds_per_token(int64_t n_sequences, int32_t n_drafts) const {
  const auto found = regimes_.find(RegimeOf(n_sequences));
  const double rate = found == regimes_.end() ? 0 : Rate(found->second, n_drafts);
  return rate > 0 ? 1 / rate : 0;
}

DraftsOff Speculator::why_off(int64_t n_sequences) const {
  if (options_.mode == DraftMode::kOff) return DraftsOff::kDisabled;
  if (n_drafts(n_sequences) > 0) return DraftsOff::kOn;
  if (first_attempt_) return DraftsOff::kNotTried;
  return over_budget_ ? DraftsOff::kOverBudget : DraftsOff::kNoGain;
}

bool Speculator::OverBudget() const {
  return lost_s_ > options_.loss_budget * spent_s_ + options_.loss_grant_steps * plain_step_s_;
}

void Speculator::OnFill(double draft_s) {
  if (options_.mode != DraftMode::kAuto) return;
  spent_s_ += draft_s;
  lost_s_ += draft_s;
}

void Speculator::Account(const Regime& regime, const DecodeSample& sample) {
  spent_s_ += sample.step_s + sample.draft_s;
  if (sample.n_verified == 0) {  // the step itself is what it would have been anyway
    lost_s_ += sample.draft_s;
  } else if (!regime.step_s[0].empty()) {
    const double plain_steps =
        static_cast<double>(sample.n_tokens) / static_cast<double>(sample.n_sequences);
    lost_s_ += sample.step_s + sample.draft_s - plain_steps * regime.step_s[0].value();
  }
  // Old gains do not pay for new losses.
  lost_s_ = std::max(lost_s_, -options_.loss_grant_steps * plain_step_s_);
}

void Speculator::OnDecodeStep(const DecodeSample& sample) {
  if (options_.mode != DraftMode::kAuto || sample.n_sequences < 1) return;
  ++n_steps_;
  const int64_t key = RegimeOf(sample.n_sequences);
  const int32_t inherited = Inherited(key);
  const auto [entry, is_new] = regimes_.try_emplace(key);
  Regime& regime = entry->second;
  if (is_new) {
    regime.interval = options_.recheck_interval;
    regime.chosen = inherited;
  }
  regime.seen_at = n_steps_;
  if (sample.n_verified >= 0) {
    regime.step_s[static_cast<size_t>(sample.n_verified)].Add(sample.step_s);
    regime.measured_at[static_cast<size_t>(sample.n_verified)] = n_steps_;
    if (sample.n_verified == 0) plain_step_s_ = regime.step_s[0].value();
  }
  if (sample.n_proposed >= 0)
    regime.draft_s[static_cast<size_t>(sample.n_proposed)].Add(sample.draft_s);
  Account(regime, sample);
  if (OverBudget() && (keeps_filled() || AnyDrafts())) {
    SwitchOff();
    over_budget_ = true;
    return;
  }
  // Not before what was lost so far is within the budget, so that attempts cannot add up.
  if (!attempting_ && !AnyDrafts() && n_steps_ >= next_attempt_ &&
      lost_s_ <= options_.loss_budget * spent_s_)
    BeginAttempt();
  if (regime.probing >= 0) {
    Probe(regime);
  } else if (sample.n_proposed >= 0 && sample.n_verified == regime.chosen) {
    Rest(regime);
  }
}

void Speculator::BeginAttempt() {
  attempting_ = true;
  over_budget_ = false;
  previous_attempt_began_ = std::exchange(attempt_began_, n_steps_);
  for (auto& [key, regime] : regimes_) regime.judged = false;
  // What is read now may be easier or harder than what was read when drafts were last tried.
  for (size_t d = 0; d < kMaxDrafts; ++d) {
    const double keep = std::min(1.0, kPriorWeight / std::max(looked_at_[d], 1.0));
    looked_at_[d] *= keep;
    accepted_[d] *= keep;
  }
}

// A step with the chosen number, in which every sequence could draft: is it time to try another?
void Speculator::Rest(Regime& regime) {
  ++regime.steps_at_rest;
  const auto chosen = static_cast<size_t>(regime.chosen);
  if (regime.steps_at_rest < options_.warmup_steps ||
      regime.step_s[chosen].n() < options_.warmup_steps)
    return;
  if (regime.chosen == 0) {
    if (regime.judged && (!AnyDrafts() || regime.steps_at_rest < regime.interval)) return;
    // What does not pay for fewer sequences does not pay for more.
    for (const auto& [key, other] : regimes_) {
      if (&other == &regime) break;
      if (other.judged && other.chosen == 0) return;
    }
    regime.probes = {options_.max_drafts};
  } else if (regime.step_s[0].empty() || Rate(regime, regime.chosen) < Rate(regime, 0)) {
    regime.probes = {0};
  } else if (regime.steps_at_rest >= regime.interval) {
    for (int32_t k = 0; k <= options_.max_drafts; ++k) {
      const bool old =
          n_steps_ - regime.measured_at[static_cast<size_t>(k)] >= options_.probe_interval;
      if ((k == 0 && old) || k == regime.chosen - 1 || k == regime.chosen + 1)
        regime.probes.push_back(k);
    }
  } else {
    return;
  }
  BeginProbe(regime);
}

void Speculator::BeginProbe(Regime& regime) {
  regime.probing = regime.probes.back();
  regime.probes.pop_back();
  regime.probe_age = 0;
  const auto k = static_cast<size_t>(regime.probing);
  regime.step_s[k].Restart();
  regime.draft_s[k].Restart();
}

void Speculator::Probe(Regime& regime) {
  const int32_t k = regime.probing;
  const Average& step_s = regime.step_s[static_cast<size_t>(k)];
  const double now = Rate(regime, regime.chosen);
  const double tried = Rate(regime, k);
  const bool hopeless =
      k > 0 && tried > 0 && step_s.n() >= 2 && (1 + k) / StepSeconds(regime, k) < now;
  const bool no_better =
      step_s.n() >= options_.least_probe_steps && tried < now * (1 + options_.min_gain);
  // The last: sequences that cannot draft are among them.
  if (hopeless || no_better || step_s.n() >= options_.probe_steps ||
      ++regime.probe_age > 8 * options_.probe_steps)
    EndProbe(regime);
}

void Speculator::EndProbe(Regime& regime) {
  const int32_t k = std::exchange(regime.probing, -1);
  const double now = Rate(regime, regime.chosen);
  if (regime.chosen == 0 && k == options_.max_drafts && Rate(regime, k) > 0) {
    // Fewer drafts, where they promise anything: their steps' time is taken to lie on the line
    // between the two measured.
    const double plain_s = regime.step_s[0].value(), full_s = StepSeconds(regime, k);
    for (int32_t fewer = 1; fewer < k; ++fewer) {
      const double promised = expected_tokens(fewer) / (plain_s + (full_s - plain_s) * fewer / k);
      if (promised > now * (1 + options_.min_gain)) regime.probes.push_back(fewer);
    }
  }
  if (!regime.probes.empty()) return BeginProbe(regime);

  int32_t best = regime.chosen;
  for (int32_t other = 0; other <= options_.max_drafts; ++other) {
    const bool fresh = n_steps_ - regime.measured_at[static_cast<size_t>(other)] <= kFreshSteps;
    if (fresh && Rate(regime, other) > Rate(regime, best)) best = other;
  }
  regime.judged = true;
  regime.steps_at_rest = 0;
  if (best != regime.chosen && Rate(regime, best) > now * (1 + options_.min_gain)) {
    ++n_switches_;
    regime.chosen = best;
    regime.interval = options_.recheck_interval;
  } else {
    regime.interval = std::min(regime.interval * 2, options_.longest_interval);
  }
  if (AnyDrafts()) {
    first_attempt_ = attempting_ = over_budget_ = false;
    attempt_interval_ = options_.probe_interval;
    next_attempt_ = n_steps_ + attempt_interval_;
    return;
  }
  // Smaller batches, where drafts save more, are waited for if they have occurred lately.
  for (const auto& [key, other] : regimes_) {
    if (&other == &regime) break;
    if (!other.judged && other.seen_at >= previous_attempt_began_) return;
  }
  SwitchOff();
}

// Ends an attempt, or everything.
void Speculator::SwitchOff() {
  for (auto& [key, regime] : regimes_) {
    n_switches_ += regime.chosen > 0 ? 1 : 0;
    regime.chosen = 0;
    regime.probing = -1;
    regime.probes.clear();
    regime.judged = true;
    regime.steps_at_rest = 0;
  }
  attempting_ = first_attempt_ = false;
  next_attempt_ = n_steps_ + attempt_interval_;
  attempt_interval_ = std::min(attempt_interval_ * 2, options_.longest_interval);
}

}  // namespace glmocr
