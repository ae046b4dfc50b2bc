// Times PP-DocLayoutV3 on one page, stage by stage. benchmarks/peers/layout_bench.py drives it in
// turn with torch and checks that both agree.
//
//   layout_bench MODEL_DIR PAGE [--threads=2] [--kernels=auto] [--pages=5]
//   layout_bench MODEL_DIR PAGE --driven      one run for each line of input, one JSON line for
//   each run
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

#include "base/file.h"
#include "kernels/select.h"
#include "media/decode.h"
#include "models/pp_doclayout_v3/detections.h"
#include "models/pp_doclayout_v3/model.h"
#include "models/pp_doclayout_v3/processor.h"

namespace glmocr {
namespace {

using Clock = std::chrono::steady_clock;

// The time at the end of each part of the network.
class Parts final : public TensorObserver {
 public:
  void OnTensor(std::string_view name, ConstMatrix) override {
    for (const char* part :
         {"backbone.stages.0", "backbone.stages.1", "backbone.stages.2", "backbone.stages.3",
          "encoder.aifi", "encoder.fpn_blocks.1", "encoder.pan_blocks.1", "encoder.mask_feat",
          "enc_score_head", "reference_points", "decoder_norm"}) {
      if (name == part) marks.emplace_back(part, Clock::now());
    }
  }
  std::vector<std::pair<std::string, Clock::time_point>> marks;
};

double Ms(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

template <typename T>
T OrDie(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "layout_bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  return std::move(result).value();
}

int Main(int argc, char** argv) {
  std::vector<std::string> paths;
  std::string kernels = "auto";
  int threads = 2, pages = 5;
  bool driven = false;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg.starts_with("--threads="))
      threads = std::atoi(arg.c_str() + 10);
    else if (arg.starts_with("--kernels="))
      kernels = arg.substr(10);
    else if (arg.starts_with("--pages="))
      pages = std::atoi(arg.c_str() + 8);
    else if (arg == "--driven")
      driven = true;
    else
      paths.push_back(arg);
  }
  if (paths.size() != 2 || threads < 1) {
    std::fprintf(stderr, "layout_bench MODEL_DIR PAGE [--threads=2] [--driven]\n");
    return 2;
  }
  ThreadPool pool(threads);
  const Context ctx{
      .kernels = OrDie(SelectKernels(kernels)), .pool = &pool, .compute = Compute::kF32};
  const auto model = OrDie(PpDocLayoutModel::Load(paths[0], pool));
  const std::string bytes = OrDie(ReadFile(paths[1], size_t{1} << 28));
  const Image page = OrDie(DecodeImages(std::as_bytes(std::span(bytes)), paths[1], {}))[0];
  std::string line;
  for (int run = 0; driven ? static_cast<bool>(std::getline(std::cin, line)) : run < pages; ++run) {
    const auto start = Clock::now();
    const FeatureMap input = PrepareLayoutImage(page, model->image_config(), &pool);
    const auto prepared = Clock::now();
    const std::clock_t cpu = std::clock();
    Parts parts;
    const LayoutOutputs out = OrDie(model->Forward(ctx, input, {}, &parts));
    const auto done = Clock::now();
    const double cpu_ms = 1e3 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
    const auto found = OrDie(Detect(
        ctx, out,
        {.threshold = 0.3f, .page_width_px = page.width_px, .page_height_px = page.height_px}));
    const auto detected = Clock::now();
    std::printf(
        "{\"forward_ms\": %.2f, \"cpu_ms\": %.2f, \"prepare_ms\": %.2f, \"detect_ms\": %.2f, "
        "\"detections\": %zu",
        Ms(prepared, done), cpu_ms, Ms(start, prepared), Ms(done, detected), found.size());
    auto last = prepared;
    for (const auto& [name, at] : parts.marks) {
      std::printf(", \"%s\": %.2f", name.c_str(), Ms(last, at));
      last = at;
    }
    double sum = 0;
    for (int64_t i = 0; i < out.logits.rows() * out.logits.cols(); ++i)
      sum += static_cast<double>(out.logits.data()[i]);
    std::printf(", \"logits_mean\": %.9g, \"kernels\": \"%s\"}\n",
                sum / static_cast<double>(out.logits.rows() * out.logits.cols()),
                ctx.kernels->name);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace glmocr

int main(int argc, char** argv) { return glmocr::Main(argc, argv); }
