// Decides whether drafting pays, and how many tokens to draft: the number k in 0 .. max_drafts that
// yields most tokens per second.
//
// For B sequences decoding together, each with k drafts, a step takes T(B, k) in the model plus
// D(B, k) in the draft layer and commits
//   B * E(k) tokens,   E(k) = 1 + a0 + a0 a1 + ... + a0 .. a(k-1),   aj = P(draft j stands | those
//   before it stand)
// (Leviathan et al. 2023, with a measured rate for each depth instead of one). T and D are
// exponential averages of measured steps that only decode, per B (exact up to 8, then by powers of
// two); aj are decaying averages over all requests. On a CPU T hardly grows with k while the
// weights' bandwidth is the limit, and grows like B * (1 + k) once arithmetic is: drafts pay for
// few sequences and cost for many.
//
// Drafts begin switched off. Finding out what they are worth costs time twice: the draft layer's
// cache must be filled from a sequence's first token on, and some steps must try. An attempt
// therefore comes when `probe_interval` steps have been decoded; a request that may become long
// (`long_request_tokens`) is filled at once, so that the very first page can profit. A probe tries
// the largest k, ends after the first steps if not even full acceptance would pay, and goes on to
// smaller k only where these promise to. What runs is left only for a gain of more than `min_gain`,
// so that noise does not make it flicker, and the interval between probes doubles while nothing
// changes.
//
// The ledger bounds the loss whatever happens: it adds up what each step with a draft in it, and
// each filling pass, took beyond the measured time of plain decoding (gains count against it).
// Above `loss_budget` of the time spent, plus `loss_grant_steps` plain steps for the first attempt,
// everything is switched off until the next attempt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace glmocr {

enum class DraftMode {
  kOff,
  kFixed,  // always max_drafts
  kAuto,   // whatever yields most tokens per second
};

// Why no tokens are drafted now.
enum class DraftsOff {
  kOn,          // they are
  kDisabled,    // by DraftMode::kOff, or because the model has no draft layer
  kNotTried,    // too little decoded yet
  kNoGain,      // measured: fewer tokens per second with drafts than without
  kOverBudget,  // attempts and cache filling cost more than they brought
};
// "on", "disabled", "not tried yet", "no gain", "over budget".
std::string_view DraftsOffName(DraftsOff reason);

inline constexpr int32_t kMaxDrafts = 3;

struct SpeculatorOptions {
  DraftMode mode = DraftMode::kAuto;
  int32_t max_drafts = kMaxDrafts;
  int32_t warmup_steps = 16;      // of a batch size before it is probed
  int32_t least_probe_steps = 3;  // before a probe is given up
  int32_t probe_steps = 8;        // before a probe is believed
  int64_t probe_interval = 256;   // decode steps between attempts, at first
  int64_t recheck_interval =
      64;  // steps with drafts until the neighbouring numbers are tried, at first
  int64_t longest_interval = 8192;
  int64_t long_request_tokens = 1024;
  double min_gain = 0.03;
  double loss_budget = 0.02;
  double loss_grant_steps = 12;
};

// A step without prefill rows.
struct DecodeSample {
  int64_t n_sequences = 0;
  int64_t n_tokens = 0;     // committed
  int32_t n_verified = -1;  // drafts that each sequence brought along; -1: not all the same
  int32_t n_proposed = -1;  // drafts that each sequence asked for afterwards; -1: not all the same,
                            // or not all can draft
  double step_s = 0;        // the model
  double draft_s = 0;       // the draft layer
};

class Speculator {
 public:
  explicit Speculator(const SpeculatorOptions& options);

  // Drafts to propose for a step in which `n_sequences` decode.
  int32_t n_drafts(int64_t n_sequences) const;
  // Whether the draft layer's cache is filled for a sequence that begins now and may generate so
  // many tokens. One that began without stays without drafts.
  bool begins_filled(int64_t max_new_tokens) const;
  // Whether sequences that began filled go on being filled.
  bool keeps_filled() const;

  // One verification: the first `n_accepted` of `n_drafted` drafts stood, the next was looked at.
  void OnVerified(int32_t n_drafted, int32_t n_accepted);
  void OnDecodeStep(const DecodeSample& sample);
  // Time of the draft layer in a step that the above does not hear of (one with prefill rows).
  void OnFill(double draft_s);

  double acceptance(int32_t depth) const;          // the estimate aj
  double expected_tokens(int32_t n_drafts) const;  // E(k)
  // Measured seconds per token and sequence with k drafts at a batch size; 0: not measured.
  double seconds_per_token(int64_t n_sequences, int32_t n_drafts) const;
  DraftsOff why_off(int64_t n_sequences) const;
  int64_t n_switches() const { return n_switches_; }

 private:
  // Exponential average; the first values count equally, and an outlier (the machine was busy
  // elsewhere) counts as twice the average.
  class Average {
   public:
    void Add(double value);
    void Restart() { n_ = 0; }
    bool empty() const { return n_ == 0; }
    int64_t n() const { return n_; }
    double value() const { return value_; }

   private:
    double value_ = 0;
    int64_t n_ = 0;
  };
  // What is known about one batch size.
  struct Regime {
    std::array<Average, kMaxDrafts + 1> step_s, draft_s;
    std::array<int64_t, kMaxDrafts + 1> measured_at{};  // n_steps_ of the last measurement
    int32_t chosen = 0;
    int32_t probing = -1;         // -1: nothing
    std::vector<int32_t> probes;  // still to be tried, the next last
    int32_t probe_age = 0;        // steps since this probe began, usable or not
    int64_t steps_at_rest = 0;    // since the last probe or change
    int64_t interval = 0;
    bool judged = false;  // in this attempt, or since drafts are on
    int64_t seen_at = 0;
  };
  static int64_t RegimeOf(int64_t n_sequences);
  static double StepSeconds(const Regime& regime, int32_t n_drafts);
  double Rate(const Regime& regime, int32_t n_drafts) const;
  int32_t Inherited(int64_t regime) const;
  bool AnyDrafts() const;
  bool AnyProbe() const;
  void Account(const Regime& regime, const DecodeSample& sample);
  void Rest(Regime& regime);
  void BeginProbe(Regime& regime);
  void Probe(Regime& regime);
  void EndProbe(Regime& regime);
  void BeginAttempt();
  void SwitchOff();
  bool OverBudget() const;

  const SpeculatorOptions options_;
  std::map<int64_t, Regime> regimes_;
  std::array<double, kMaxDrafts> accepted_{}, looked_at_{};  // decaying counts
  int64_t n_steps_ = 0;                                      // decode steps
  bool attempting_ = false;    // sequences that begin now are filled, although nothing pays yet
  bool first_attempt_ = true;  // never judged
  bool over_budget_ = false;   // how the last attempt ended
  int64_t next_attempt_ = 0;   // at this n_steps_
  int64_t attempt_interval_ = 0;
  int64_t attempt_began_ = 0, previous_attempt_began_ = 0;
  double spent_s_ = 0, lost_s_ = 0;
  double plain_step_s_ = 0;  // the latest measured plain step
  int64_t n_switches_ = 0;
};

}  // namespace glmocr
