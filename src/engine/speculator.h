// Decides whether drafting pays, and how many tokens to draft.
#pragma once

#include <array>
#include <cstdint>

namespace glmocr {

enum class DraftMode {
  kOff,
  kFixed,  // always max_drafts
  kAuto,   // whatever yields most tokens per second
};

inline constexpr int32_t kMaxDrafts = 3;

struct SpeculatorOptions {
  DraftMode mode = DraftMode::kAuto;
  int32_t max_drafts = kMaxDrafts;
};

class Speculator {
 public:
  explicit Speculator(const SpeculatorOptions& options) : options_(options) {}
  int32_t n_drafts() const { return options_.mode == DraftMode::kOff ? 0 : options_.max_drafts; }
  bool fills_cache() const { return n_drafts() > 0; }

 private:
  SpeculatorOptions options_;
};

}  // namespace glmocr
