#include "engine/speculator.h"

#include <algorithm>
#include <bit>

namespace glmocr {
namespace {

constexpr double kDecay = 0.995;        // per verification: the memory is about 200 of them
constexpr double kPriorWeight = 4;      // verifications that the first guess counts for
constexpr double kPriorAcceptance = 0.7;

}  // namespace

void Speculator::Median::Add(double value) { last_[n_++ % kSize] = value; }

double Speculator::Median::value() const {
  std::array<double, kSize> sorted = last_;
  const size_t n = std::min(n_, kSize);
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(n / 2);
  std::nth_element(sorted.begin(), middle, sorted.begin() + static_cast<std::ptrdiff_t>(n));
  return *middle;
}

Speculator::Speculator(const SpeculatorOptions& options) : options_(options) {}

int64_t Speculator::RegimeOf(int64_t n_sequences) {
  if (n_sequences <= 8) return std::max<int64_t>(n_sequences, 1);
  return static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(n_sequences)));
}

int32_t Speculator::n_drafts(int64_t n_sequences) const {
  if (options_.mode == DraftMode::kOff) return 0;
  if (options_.mode == DraftMode::kFixed) return options_.max_drafts;
  const auto found = regimes_.find(RegimeOf(n_sequences));
  if (found == regimes_.end()) return options_.max_drafts;
  const Regime& regime = found->second;
  return regime.probes.empty() ? regime.chosen : regime.probes.back();
}

bool Speculator::fills_cache() const {
  if (options_.mode == DraftMode::kOff) return false;
  if (options_.mode == DraftMode::kFixed || regimes_.empty()) return true;
  return std::any_of(regimes_.begin(), regimes_.end(),
                     [](const auto& entry) { return entry.second.chosen != 0 || !entry.second.probes.empty(); });
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

bool Speculator::AnyOtherDrafts(const Regime& regime) const {
  return std::any_of(regimes_.begin(), regimes_.end(),
                     [&](const auto& entry) { return &entry.second != &regime && entry.second.chosen > 0; });
}

// Tokens per second and sequence; 0 when it was never measured.
double Speculator::Rate(const Regime& regime, int32_t n_drafts) const {
  const auto k = static_cast<size_t>(n_drafts);
  if (regime.step_s[k].empty()) return 0;
  double seconds = regime.step_s[k].value();
  // Without drafts the layer's cache need only be filled for the sake of other batch sizes.
  if (n_drafts > 0 || AnyOtherDrafts(regime)) seconds += regime.draft_s[k].empty() ? 0 : regime.draft_s[k].value();
  return expected_tokens(n_drafts) / std::max(seconds, 1e-9);
}

std::vector<int32_t> Speculator::Neighbours(int32_t chosen) const {
  std::vector<int32_t> probes;
  for (const int32_t k : {chosen - 1, chosen + 1}) {
    if (k >= 0 && k <= options_.max_drafts) probes.push_back(k);
  }
  return probes;
}

void Speculator::OnDecodeStep(const DecodeSample& sample) {
  if (options_.mode != DraftMode::kAuto || sample.n_sequences < 1) return;
  const auto [entry, is_new] = regimes_.try_emplace(RegimeOf(sample.n_sequences));
  Regime& regime = entry->second;
  if (is_new) {
    regime.interval = options_.probe_interval;
    for (int32_t k = 0; k <= options_.max_drafts; ++k) regime.probes.push_back(k);
  }
  if (sample.n_verified >= 0) regime.step_s[static_cast<size_t>(sample.n_verified)].Add(sample.step_s);
  if (sample.n_proposed >= 0) regime.draft_s[static_cast<size_t>(sample.n_proposed)].Add(sample.draft_s);
  if (regime.probes.empty()) {
    if (++regime.steps_since_probe >= regime.interval) {
      regime.steps_since_probe = 0;
      regime.probes = Neighbours(regime.chosen);
    }
    return;
  }
  if (sample.n_verified != regime.probes.back()) return;  // left over from before the attempt, or a sequence that cannot draft
  if (++regime.probe_steps_done < options_.probe_steps) return;
  regime.probe_steps_done = 0;
  regime.probes.pop_back();
  if (regime.probes.empty()) Judge(regime);
}

void Speculator::Judge(Regime& regime) {
  int32_t best = 0;
  for (int32_t k = 1; k <= options_.max_drafts; ++k) {
    if (Rate(regime, k) > Rate(regime, best)) best = k;
  }
  const bool first = regime.chosen < 0;
  if (first || Rate(regime, best) > Rate(regime, regime.chosen) * (1 + options_.min_gain)) {
    n_switches_ += !first && best != regime.chosen ? 1 : 0;
    if (!first) regime.interval = options_.probe_interval;
    regime.chosen = best;
  } else {
    regime.interval = std::min(regime.interval * 2, options_.longest_interval);
  }
}

}  // namespace glmocr
