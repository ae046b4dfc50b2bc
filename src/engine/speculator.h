// Decides whether drafting pays, and how many tokens to draft: the number k in 0 .. max_drafts that yields most tokens per second.
//
// For B sequences decoding together, each with k drafts, a step takes T(B, k) in the model plus D(B, k) in the draft layer and commits
//   B * E(k) tokens,   E(k) = 1 + a0 + a0 a1 + ... + a0 .. a(k-1),   aj = P(draft j stands | those before it stand)
// (Leviathan et al. 2023, with a measured rate for each depth instead of one). T and D are medians of the last measured steps that only decode, per B
// (exact up to 8, then by powers of two); aj are decaying averages over all requests. On a CPU T hardly grows with k while the weights'
// bandwidth is the limit, and grows like B * (1 + k) once arithmetic is: drafts pay for few sequences and cost for many.
//
// Each B starts with a few steps of every k, then keeps the best; now and then it tries the neighbours again (the interval doubles while nothing
// changes), and moves only for a gain of more than 5 %, so that noise does not make it flicker.
//
// While no B wants drafts, the draft layer's cache is not filled either; sequences that began then stay without drafts, and a new
// attempt is made with sequences that begin later.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

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
  int32_t probe_steps = 6;        // steps of one k before it is judged
  int64_t probe_interval = 256;   // decode steps between attempts, at first
  int64_t longest_interval = 4096;
  double min_gain = 0.05;
};

// A step without prefill rows.
struct DecodeSample {
  int64_t n_sequences = 0;
  int32_t n_verified = -1;  // drafts that each sequence brought along; -1: not all the same
  int32_t n_proposed = -1;  // drafts that each sequence asked for afterwards; -1: not all the same, or the draft layer did not run
  double step_s = 0;        // the model
  double draft_s = 0;       // the draft layer
};

class Speculator {
 public:
  explicit Speculator(const SpeculatorOptions& options);

  // Drafts to propose for a step in which `n_sequences` decode.
  int32_t n_drafts(int64_t n_sequences) const;
  // Whether the draft layer's cache is to be kept complete.
  bool fills_cache() const;

  // One verification: the first `n_accepted` of `n_drafted` drafts stood, the next was looked at.
  void OnVerified(int32_t n_drafted, int32_t n_accepted);
  void OnDecodeStep(const DecodeSample& sample);

  double acceptance(int32_t depth) const;         // the estimate aj
  double expected_tokens(int32_t n_drafts) const; // E(k)
  int64_t n_switches() const { return n_switches_; }

 private:
  class Median {
   public:
    void Add(double value);
    bool empty() const { return n_ == 0; }
    double value() const;

   private:
    static constexpr size_t kSize = 8;
    std::array<double, kSize> last_{};
    size_t n_ = 0;  // ever added
  };
  // What is known about one batch size.
  struct Regime {
    std::array<Median, kMaxDrafts + 1> step_s, draft_s;
    int32_t chosen = -1;                 // -1: not judged yet
    std::vector<int32_t> probes;         // numbers still to be tried, the current one last
    int32_t probe_steps_done = 0;
    int64_t steps_since_probe = 0;
    int64_t interval = 0;
  };
  static int64_t RegimeOf(int64_t n_sequences);
  double Rate(const Regime& regime, int32_t n_drafts) const;
  void Judge(Regime& regime);
  std::vector<int32_t> Neighbours(int32_t chosen) const;
  bool AnyOtherDrafts(const Regime& regime) const;

  const SpeculatorOptions options_;
  std::map<int64_t, Regime> regimes_;
  std::array<double, kMaxDrafts> accepted_{}, looked_at_{};  // decaying counts
  int64_t n_switches_ = 0;
};

}  // namespace glmocr
