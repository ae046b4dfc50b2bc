// Every stage of PP-DocLayoutV3 on a small random model against transformers, on every kernel table
// this machine can run (S4: ports that changed a tensor in place got intermediates wrong and boxes
// nearly right), and the layout engine on the same model.
//
// tests/golden/layout/small comes from tools/parity/make_layout_golden.py: reference.safetensors
// holds the float64 truth, bounds.json the largest absolute and root mean square error of each
// stage (docs/parity.md says how they are derived). The order logits of pairs i >= j are -10^4 in
// the network and 0 in the golden.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.h"
#include "kernels/select.h"
#include "layout/pp_doclayout.h"
#include "media/decode.h"
#include "pipeline/layout_trace.h"
#include "weights/checkpoint.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

fs::path Dir() { return fs::path(GLMOCR_SOURCE_DIR) / "tests/golden/layout/small"; }

Image Page() {
  const std::string bytes = ReadFile(Dir() / "page.png", 1 << 22).value();
  return DecodeImages(std::as_bytes(std::span(bytes)), "page.png",
                      {.alpha = AlphaMode::kDrop, .orientation = OrientationMode::kIgnore})
      .value()[0];
}

std::vector<int64_t> Integers(const TensorView& view) {
  std::vector<int64_t> values(static_cast<size_t>(view.shape.count()));
  std::memcpy(values.data(), view.data, view.size_bytes());
  return values;
}

class LayoutGolden : public ::testing::TestWithParam<std::string> {
 protected:
  ThreadPool pool_{2};
  Context ctx_{
      .kernels = SelectKernels(GetParam()).value(), .pool = &pool_, .compute = Compute::kF32};
  Checkpoint reference_ = Checkpoint::Open(Dir() / "reference.safetensors").value();
  std::unique_ptr<PpDocLayoutModel> model_ = PpDocLayoutModel::Load(Dir(), pool_).value();
};

TEST_P(LayoutGolden, EveryStageIsWithinItsBound) {
  const std::vector<int64_t> queries = Integers(*reference_.Find("queries"));
  const TensorView points = *reference_.Find("reference_points");
  Matrix boxes(points.shape[0], points.shape[1]);
  CopyAsFloat(points, 0, points.shape.count(), boxes.data());
  const auto traced = TraceLayout(*model_, ctx_, Page(), {queries, boxes});
  ASSERT_TRUE(traced.ok()) << traced.error().message;
  std::map<std::string, const TraceTensor*> got;
  for (const TraceTensor& tensor : *traced) got[tensor.name] = &tensor;

  const auto bounds = nlohmann::json::parse(ReadFile(Dir() / "bounds.json", 1 << 20).value());
  EXPECT_GE(bounds.size(), 29u);
  for (const auto& [stage, bound] : bounds.items()) {
    SCOPED_TRACE(stage);
    ASSERT_TRUE(got.contains(stage)) << "the trace lacks it";
    const TensorView want = *reference_.Find(stage);
    const int64_t width = want.shape[1];
    ASSERT_EQ(got[stage]->shape[1], width);
    std::vector<int64_t> rows;
    if (const auto kept = reference_.Find(stage + ".rows")) {
      rows = Integers(*kept);
    } else {
      ASSERT_EQ(got[stage]->shape[0], want.shape[0]);
      for (int64_t r = 0; r < want.shape[0]; ++r) rows.push_back(r);
    }
    double worst = 0, squares = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      for (int64_t c = 0; c < width; ++c) {
        const float value = got[stage]->f32[static_cast<size_t>(rows[i] * width + c)];
        if (stage == "order_logits" && c <= rows[i]) {
          EXPECT_EQ(value, -1e4f);
          continue;
        }
        const double error =
            static_cast<double>(value) -
            static_cast<double>(ElementAsFloat(want, static_cast<int64_t>(i) * width + c));
        ASSERT_TRUE(std::isfinite(error)) << "row " << rows[i] << " column " << c;
        worst = std::max(worst, std::abs(error));
        squares += error * error;
      }
    }
    EXPECT_LE(worst, bound.at("max").get<double>());
    EXPECT_LE(std::sqrt(squares / static_cast<double>(want.shape.count())),
              bound.at("rms").get<double>());
  }
}

// The network's own choices: queries may change places only where the truth's scores are closer
// than two bounds, and equal queries have equal reference boxes.
TEST_P(LayoutGolden, ItsOwnChoicesAreTheReferences) {
  const auto traced = TraceLayout(*model_, ctx_, Page(), {});
  ASSERT_TRUE(traced.ok()) << traced.error().message;
  const auto bounds = nlohmann::json::parse(ReadFile(Dir() / "bounds.json", 1 << 20).value());
  const double slack = 2 * bounds.at("enc_score_head").at("max").get<double>();
  const TensorView scores = *reference_.Find("enc_score_head");
  const auto best = [&](int64_t token) {
    float most = -1e30f;
    for (int64_t c = 0; c < scores.shape[1]; ++c)
      most = std::max(most, ElementAsFloat(scores, token * scores.shape[1] + c));
    return static_cast<double>(most);
  };
  const std::vector<int64_t> want = Integers(*reference_.Find("queries"));
  const TensorView points = *reference_.Find("reference_points");
  std::vector<int64_t> got;
  for (const TraceTensor& tensor : *traced) {
    if (tensor.name == "queries") got = tensor.i64;
    if (tensor.name != "reference_points") continue;
    ASSERT_EQ(got.size(), want.size());
    for (size_t q = 0; q < want.size(); ++q) {
      if (got[q] != want[q]) {
        EXPECT_NEAR(best(got[q]), best(want[q]), slack) << "query " << q;
        continue;
      }
      for (size_t i = 4 * q; i < 4 * q + 4; ++i)
        EXPECT_NEAR(tensor.f32[i], ElementAsFloat(points, static_cast<int64_t>(i)), 1e-6);
    }
  }
  EXPECT_FALSE(got.empty());
}

INSTANTIATE_TEST_SUITE_P(Kernels, LayoutGolden, ::testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const KernelTable* table : RunnableKernels())
                             names.emplace_back(table->name);
                           return names;
                         }()),
                         [](const auto& info) { return info.param; });

// Results do not depend on threads: a page's regions are the same alone, and from two callers at
// once.
TEST(PpDocLayoutEngine, RegionsAreInsideThePageAndDoNotDependOnThreads) {
  PpDocLayoutOptions options;
  options.n_threads = 1;
  options.rules.threshold = 0.05f;  // random weights are unsure
  const auto one = MakePpDocLayout(Dir(), options);
  ASSERT_TRUE(one.ok()) << one.error().message;
  options.n_threads = 3;
  const auto many = MakePpDocLayout(Dir(), options);
  ASSERT_TRUE(many.ok()) << many.error().message;
  const Image page = Page();
  const auto want = (*one)->Analyze(page);
  ASSERT_TRUE(want.ok()) << want.error().message;
  EXPECT_EQ((*one)->name(), "pp-doclayout-v3");
  EXPECT_EQ(want->image.rgb, page.rgb);
  EXPECT_EQ((*one)->fingerprint(), (*many)->fingerprint());
  EXPECT_FALSE(want->regions.empty());
  for (const LayoutRegion& region : want->regions) {
    EXPECT_GE(region.box.x, 0);
    EXPECT_GE(region.box.y, 0);
    EXPECT_GT(region.box.width, 0);
    EXPECT_GT(region.box.height, 0);
    EXPECT_LE(region.box.right(), page.width_px);
    EXPECT_LE(region.box.bottom(), page.height_px);
    EXPECT_GE(region.score, 0.05f);
  }
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] {
      const auto got = (*many)->Analyze(page);
      ASSERT_TRUE(got.ok());
      ASSERT_EQ(got->regions.size(), want->regions.size());
      for (size_t r = 0; r < got->regions.size(); ++r) {
        EXPECT_EQ(got->regions[r].box, want->regions[r].box);
        EXPECT_EQ(got->regions[r].label, want->regions[r].label);
        EXPECT_EQ(got->regions[r].score, want->regions[r].score);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST(PpDocLayoutEngine, FingerprintTellsRulesAndFilesApart) {
  const auto fingerprint = [](const fs::path& dir, const PpDocLayoutOptions& options) {
    return MakePpDocLayout(dir, options).value()->fingerprint();
  };
  PpDocLayoutOptions options;
  const std::string usual = fingerprint(Dir(), options);
  options.rules.threshold_of[3] = 0.5f;
  EXPECT_NE(fingerprint(Dir(), options), usual);
  const fs::path copy = fs::path(::testing::TempDir()) / "layout_fingerprint";
  fs::remove_all(copy);
  fs::copy(Dir(), copy);
  EXPECT_EQ(fingerprint(copy, {}), usual) << "later files of the same content";
  std::ofstream(copy / "config.json", std::ios::app) << '\n';
  EXPECT_NE(fingerprint(copy, {}), usual) << "other content";
  fs::remove_all(copy);
}

TEST(PpDocLayoutEngine, PicturesOfAnyShapeAreRead) {
  const auto engine = MakePpDocLayout(Dir());
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  EXPECT_EQ((*engine)->Analyze(Image()).error().code, ErrorCode::kInvalidArgument);
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 3000}, {3000, 1}, {5, 7}}) {
    EXPECT_TRUE((*engine)->Analyze(Image(width, height, 255)).ok()) << width << " x " << height;
  }
}

class BrokenLayoutModel : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(::testing::TempDir()) /
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    for (const char* name : {"config.json", "preprocessor_config.json", "model.safetensors"})
      fs::copy_file(Dir() / name, dir_ / name);
  }
  void TearDown() override { fs::remove_all(dir_); }
  void Edit(const char* name, const std::function<void(nlohmann::json&)>& edit) {
    auto json = nlohmann::json::parse(ReadFile(dir_ / name, 1 << 20).value());
    edit(json);
    std::ofstream(dir_ / name) << json.dump();
  }
  Error Refusal() {
    const auto engine = MakePpDocLayout(dir_);
    EXPECT_FALSE(engine.ok());
    return engine.ok() ? Error{} : engine.error();
  }
  fs::path dir_;
};

TEST_F(BrokenLayoutModel, TensorsOfOtherShapesAreNamed) {
  Edit("config.json", [](auto& json) { json["d_model"] = 40; });
  const Error error = Refusal();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_NE(error.message.find("model.enc_output.0.weight"), std::string::npos) << error.message;
}

TEST_F(BrokenLayoutModel, MissingLayersAreNamed) {
  Edit("config.json", [](auto& json) { json["decoder_layers"] = 3; });
  const Error error = Refusal();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_NE(error.message.find("model.decoder.layers.2"), std::string::npos) << error.message;
}

TEST_F(BrokenLayoutModel, WhatIsComputedInOneWayOnlyIsNamed) {
  Edit("config.json", [](auto& json) {
    json["mask_enhanced"] = false;
    json["encoder_activation_function"] = "relu";
    json["backbone_config"]["use_learnable_affine_block"] = true;
  });
  const Error error = Refusal();
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  for (const char* field :
       {"mask_enhanced", "encoder_activation_function", "use_learnable_affine_block"})
    EXPECT_NE(error.message.find(field), std::string::npos) << error.message;
}

TEST_F(BrokenLayoutModel, OtherPreprocessingIsRefused) {
  Edit("preprocessor_config.json", [](auto& json) { json["image_mean"] = {0.5, 0.5, 0.5}; });
  EXPECT_EQ(Refusal().code, ErrorCode::kUnsupported);
}

TEST_F(BrokenLayoutModel, MoreQueriesThanTokensIsAnError) {
  Edit("config.json", [](auto& json) { json["num_queries"] = 900; });
  const auto engine = MakePpDocLayout(dir_);
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  EXPECT_EQ((*engine)->Analyze(Page()).error().code, ErrorCode::kInvalidArgument);
}

// S1: the published names collapse classes 5 and 15 to "formula", 23 to "text" and more; labels go
// by class id under the SDK's names, whatever the checkpoint says.
TEST_F(BrokenLayoutModel, LabelsGoByClassId) {
  const auto labels_of = [&] {
    PpDocLayoutOptions options;
    options.rules.threshold = 0.05f;
    std::vector<RegionLabel> labels;
    const auto engine = MakePpDocLayout(dir_, options).value();
    const LayoutPage page = engine->Analyze(Page()).value();
    for (const LayoutRegion& region : page.regions) labels.push_back(region.label);
    return labels;
  };
  const std::vector<RegionLabel> want = labels_of();
  ASSERT_FALSE(want.empty());
  Edit("config.json", [](auto& json) {
    for (auto& [id, name] : json["id2label"].items()) name = "formula";
  });
  EXPECT_EQ(labels_of(), want);
  EXPECT_EQ(RegionLabelFromName("formula"), RegionLabel::kDisplayFormula);
  EXPECT_EQ(RegionLabelName(static_cast<RegionLabel>(5)), "display_formula");
  EXPECT_EQ(RegionLabelName(static_cast<RegionLabel>(15)), "inline_formula");
}

}  // namespace
}  // namespace glmocr
