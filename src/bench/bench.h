// `glm-ocr bench`: how fast this machine runs a model, stage by stage, as a share of what the
// machine can do at most. Nothing is timed before its result was checked in the same run.
//
//   GLM_ASSIGN(BenchReport report, RunBench("models/GLM-OCR", options));
//   ToTable(report)  or  ToJson(report)
//
// A stage's limit is the roofline (Williams 2009): max(FLOPs / peak FLOP/s, bytes / read
// bandwidth), with the peaks measured in the same run.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernels/peaks.h"
#include "models/glm_ocr/runner.h"

namespace glmocr {

struct BenchOptions {
  RunnerOptions runner;
  int repeats = 3;              // timed runs of a stage, after one untimed; the best counts
  int64_t prompt_tokens = 270;  // of the prefill stage, and the context that decoding starts from
  int64_t decode_steps = 32;
  std::vector<int64_t> batches = {1, 8};
  std::vector<std::array<int32_t, 2>> pictures = {
      {32, 32}, {52, 74}};  // patches high and wide of 14 pixels: 448 x 448, 728 x 1036
  bool products = true;     // the table of matrix products alone
  bool drafts = true;       // the table of drafts 0-3
  std::vector<std::filesystem::path> images;  // pages to read for that table; without any, made-up
                                              // tokens are continued, of which no draft stands
  std::function<void(const std::string&)> progress;  // told what comes next; may be empty
  std::function<bool()> keep_going;                  // asked between measurements; may be empty
};

struct Timing {
  double best_s = 0;
  double median_s = 0;
  int n = 0;
};

// Seconds inside the kernels of one run, by kind; `other` is everything between them.
struct KernelShares {
  double gemm_s = 0, attention_s = 0, norm_rope_s = 0, other_s = 0;
};

// A stage, or a matrix product.
struct BenchStage {
  std::string name;  // "vision 448x448", "decode batch 8", "vit qkv"
  std::string unit;  // what `items` counts: "patch", "token", "" for products
  int64_t items = 0;
  double flops = 0;           // multiplications and additions
  double bytes = 0;           // weights and cache that have to be read from memory
  double peak_gflops = 0;     // of the arithmetic that the stage used
  double peak_read_gbps = 0;  // the fastest that memory was read, in the whole run or right before
                              // and after the stage's own runs
  Timing time;
  KernelShares kernels;  // of one run; zero for products
};

struct BenchDrafts {
  std::string mode;    // "0" ... "3", "auto"
  int64_t batch = 1;   // most sequences decoded together
  int64_t tokens = 0;  // generated, without the first ones, which the prompts yield
  int64_t steps = 0;   // steps of sequences that generated them
  double seconds = 0;  // inside the model and the draft layer; of pictures, with their prompts
  std::array<double, 3> acceptance{};  // by depth, of those looked at; -1: none was
  int32_t n_drafts_at_end = 0;
};

// A result that was checked against another way to compute it. `error` <= `bound` held, or RunBench
// failed.
struct BenchCheck {
  std::string what;
  double error = 0;
  double bound = 0;
};

struct BenchReport {
  std::string model, kernels, compute, processor;
  int n_threads = 0;
  Peaks peaks;
  double load_s = 0;             // files in the page cache
  uint64_t weight_bytes = 0;     // packed matrices, vectors and embedding tables
  uint64_t cache_bytes = 0;      // key/value cache that was touched
  uint64_t load_peak_bytes = 0;  // largest resident memory until the model was loaded
  uint64_t peak_bytes = 0;       // largest resident memory over all stages
  std::vector<BenchCheck> checks;
  std::vector<BenchStage> products, stages;
  std::vector<BenchDrafts> drafts;
};

// Errors of loading; kInternal when a check fails; kCancelled when keep_going says no.
Result<BenchReport> RunBench(const std::filesystem::path& model_dir, const BenchOptions& options);

std::string ToTable(const BenchReport& report);
// One JSON object; seconds, bytes, GFLOP/s.
std::string ToJson(const BenchReport& report);

}  // namespace glmocr
