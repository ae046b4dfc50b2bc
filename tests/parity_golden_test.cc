// Every stage of every golden model against transformers, on every kernel table this machine can
// run.
//
// reference.safetensors holds the float64 truth, bounds.json the largest absolute and root mean
// square error that each stage may have; both come from tools/parity (compare.py says how the
// bounds are derived, docs/conformance.md which golden guards against which known bug of other
// engines).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "golden_model.h"
#include "kernels/select.h"
#include "pipeline/trace.h"
#include "weights/checkpoint.h"

namespace glmocr {
namespace {

struct Variant {
  std::string golden;
  std::string kernels;
  ComputeChoice compute;
  RecycledHidden recycled = RecycledHidden::kNormed;
};

std::string Name(const Variant& variant) {
  return variant.golden + "_" + variant.kernels +
         (variant.compute == ComputeChoice::kF32 ? "_f32" : "_bf16") +
         (variant.recycled == RecycledHidden::kNormed ? "" : "_unnormed");
}
void PrintTo(const Variant& variant, std::ostream* out) { *out << Name(variant); }

std::vector<Variant> Variants() {
  std::vector<Variant> variants;
  for (const std::string& golden : GoldenNames()) {
    for (const KernelTable* kernels : RunnableKernels()) {
      for (const ComputeChoice compute : {ComputeChoice::kF32, ComputeChoice::kBF16}) {
        variants.push_back({golden, kernels->name, compute});
      }
    }
    variants.push_back({golden, "auto", ComputeChoice::kF32, RecycledHidden::kUnnormed});
  }
  return variants;
}

struct Bound {
  double max = 0, rms = 0;
};

class Reference {
 public:
  Reference(const std::string& golden, ComputeChoice compute)
      : file_(Checkpoint::Open(GoldenDir(golden) / "reference.safetensors").value()) {
    const std::string json = ReadFile(GoldenDir(golden) / "bounds.json", 1 << 20).value();
    const auto limits =
        nlohmann::json::parse(json).at(compute == ComputeChoice::kF32 ? "f32" : "bf16");
    for (const auto& [stage, bound] : limits.items())
      bounds_[stage] = {bound.at("max"), bound.at("rms")};
  }

  std::vector<std::string> Stages() const {
    std::vector<std::string> stages;
    for (const std::string_view name : file_.names()) {
      if (!name.ends_with(".rows")) stages.emplace_back(name);
    }
    return stages;
  }
  Bound bound(const std::string& stage) const { return bounds_.at(stage); }
  bool IsInteger(const std::string& stage) const { return file_.Find(stage)->dtype == DType::kI64; }
  TensorView View(const std::string& stage) const { return *file_.Find(stage); }

  std::vector<int64_t> Integers(const std::string& stage) const {
    const TensorView view = View(stage);
    std::vector<int64_t> values(static_cast<size_t>(view.shape.count()));
    std::memcpy(values.data(), view.data, view.size_bytes());
    return values;
  }
  // Which rows of the full tensor the stored rows are.
  std::vector<int64_t> Rows(const std::string& stage) const {
    if (file_.Has(stage + ".rows")) return Integers(stage + ".rows");
    std::vector<int64_t> rows(static_cast<size_t>(View(stage).shape[0]));
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int64_t>(i);
    return rows;
  }

 private:
  Checkpoint file_;
  std::map<std::string, Bound> bounds_;
};

// The first `n_rows` stored rows of a stage: each element within the bound, and all of them in the
// mean.
void ExpectWithinBound(const Reference& reference, const std::string& stage, const TraceTensor& got,
                       size_t n_rows) {
  const TensorView want = reference.View(stage);
  const int64_t width = want.shape[1];
  ASSERT_EQ(got.shape.rank(), 2) << stage;
  ASSERT_EQ(got.shape[1], width) << stage;
  const std::vector<int64_t> rows = reference.Rows(stage);
  double worst = 0, squares = 0;
  n_rows = std::min(n_rows, rows.size());
  for (size_t i = 0; i < n_rows; ++i) {
    ASSERT_LT(rows[i], got.shape[0]) << stage;
    for (int64_t c = 0; c < width; ++c) {
      const double error =
          static_cast<double>(got.f32[static_cast<size_t>(rows[i] * width + c)]) -
          static_cast<double>(ElementAsFloat(want, static_cast<int64_t>(i) * width + c));
      ASSERT_TRUE(std::isfinite(error)) << stage << " row " << rows[i] << " column " << c;
      worst = std::max(worst, std::abs(error));
      squares += error * error;
    }
  }
  EXPECT_LE(worst, reference.bound(stage).max) << stage;
  EXPECT_LE(std::sqrt(squares / static_cast<double>(n_rows * static_cast<size_t>(width))),
            reference.bound(stage).rms)
      << stage;
}

// Ids chosen by argmax: equal, or the truth holds the two ids for a tie within two bounds. Returns
// how many steps share their history.
size_t ExpectSameChoices(const Reference& reference, const std::string& stage,
                         const std::string& logits, const TraceTensor& got) {
  const std::vector<int64_t> want = reference.Integers(stage);
  EXPECT_EQ(got.i64.size(), want.size()) << stage;
  for (size_t i = 0; i < std::min(want.size(), got.i64.size()); ++i) {
    if (got.i64[i] == want[i]) continue;
    const TensorView view = reference.View(logits);
    const int64_t row = static_cast<int64_t>(i) * view.shape[1];
    const double gap = static_cast<double>(ElementAsFloat(view, row + want[i])) -
                       static_cast<double>(ElementAsFloat(view, row + got.i64[i]));
    EXPECT_LE(gap, 2 * reference.bound(logits).max)
        << stage << " step " << i << ": " << got.i64[i] << " for " << want[i];
    return i + 1;
  }
  return want.size();
}

class ParityGoldenTest : public ::testing::TestWithParam<Variant> {};

TEST_P(ParityGoldenTest, EveryStageIsWithinItsBound) {
  const Variant& variant = GetParam();
  const Reference reference(variant.golden, variant.compute);
  const GoldenModel golden = LoadGolden(variant.golden, {.n_threads = 2,
                                                         .kernels = variant.kernels,
                                                         .compute = variant.compute,
                                                         .recycled_hidden = variant.recycled});
  auto traced = Trace(*golden.runner, {.input_ids = golden.prompt.ids,
                                       .images = golden.prompt.images,
                                       .max_new_tokens = golden.new_tokens});
  ASSERT_TRUE(traced.ok()) << traced.error().message;
  std::map<std::string, const TraceTensor*> got;
  for (const TraceTensor& tensor : *traced) got[tensor.name] = &tensor;

  size_t compared = 0, n_steps = 0;
  ASSERT_TRUE(got.contains("generated_ids"));
  n_steps = ExpectSameChoices(reference, "generated_ids", "step_logits", *got["generated_ids"]);
  // The drafts continue the first generated id: where that one is a tie that fell the other way,
  // they answer another question.
  const bool same_start =
      n_steps > 1 || got["generated_ids"]->i64 == reference.Integers("generated_ids");
  if (got.contains("mtp.drafts") && same_start) {
    const std::string suffix = variant.recycled == RecycledHidden::kNormed ? "" : "_raw";
    ExpectSameChoices(reference, "mtp.drafts" + suffix, "mtp.draft_logits" + suffix,
                      *got["mtp.drafts"]);
  }
  for (const std::string& stage : reference.Stages()) {
    if (stage == "generated_ids" || stage.starts_with("mtp.draft")) continue;  // done above
    SCOPED_TRACE(stage);
    ASSERT_TRUE(got.contains(stage)) << "the trace lacks it";
    if (reference.IsInteger(stage)) {
      EXPECT_EQ(got[stage]->shape, reference.View(stage).shape);
      EXPECT_EQ(got[stage]->i64, reference.Integers(stage));
    } else {
      ExpectWithinBound(reference, stage, *got[stage], stage == "step_logits" ? n_steps : SIZE_MAX);
    }
    ++compared;
  }
  EXPECT_GE(compared, 8u);  // the smallest golden: no picture
}

INSTANTIATE_TEST_SUITE_P(Goldens, ParityGoldenTest, ::testing::ValuesIn(Variants()),
                         [](const auto& info) { return Name(info.param); });

// The two ways of recycling the draft layer's hidden state must be told apart by at least one
// golden, or none proves which is used.
TEST(GoldenModels, SomeGoldenTellsTheRecycledHiddensApart) {
  bool differ = false;
  for (const std::string& name : GoldenNames()) {
    const Reference reference(name, ComputeChoice::kF32);
    const std::vector<std::string> stages = reference.Stages();
    if (std::find(stages.begin(), stages.end(), "mtp.drafts") == stages.end()) continue;
    differ |= reference.Integers("mtp.drafts") != reference.Integers("mtp.drafts_raw");
  }
  EXPECT_TRUE(differ);
}

}  // namespace
}  // namespace glmocr
