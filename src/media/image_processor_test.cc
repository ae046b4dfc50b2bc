#include "media/image_processor.h"

#include <gtest/gtest.h>

#include <bit>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"
#include "base/temp_file.h"
#include "media/test_pattern.h"

namespace glmocr {
namespace {

// The published file of GLM-OCR (spec 7.1).
constexpr std::string_view kGlmOcr = R"({
  "size": {"shortest_edge": 12544, "longest_edge": 9633792}, "do_rescale": true, "patch_size": 14,
  "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.48145466, 0.4578275, 0.40821073],
  "image_std": [0.26862954, 0.26130258, 0.27577711], "image_processor_type": "Glm46VImageProcessor",
  "processor_class": "Glm46VProcessor"})";

ImageProcessorConfig GlmOcr() { return *ImageProcessorConfig::FromJson(kGlmOcr, "p.json"); }

nlohmann::json Goldens() {
  return nlohmann::json::parse(
      *ReadFile(GLMOCR_SOURCE_DIR "/tests/golden/media/processor.json", 1 << 20));
}

TEST(SmartResize, EqualsHuggingFace) {
  const auto rows = Goldens()["smart_resize"];
  ASSERT_GE(rows.size(), 150u);
  for (const auto& r : rows) {
    auto size = SmartResize(r[0], r[1], r[2], GlmOcr());
    ASSERT_EQ(size.ok(), r[3] != 0) << r.dump();  // 0: too long and thin, an error there too
    if (size.ok()) {
      EXPECT_EQ(*size, (Size{r[3], r[4]})) << r.dump();
    }
  }
}

TEST(SmartResize, PublishedGrids) {
  // width, height, grid rows, grid columns (spec 7.2). They also show that the limits are areas of
  // two frames.
  const int cases[][4] = {{6000, 4000, 128, 192}, {4000, 3000, 134, 180}, {3000, 3000, 156, 156},
                          {5000, 4000, 140, 174}, {1700, 2200, 158, 122}, {100, 100, 8, 8}};
  for (const auto& c : cases) {
    auto size = SmartResize(2, c[0], c[1], GlmOcr());
    ASSERT_TRUE(size.ok());
    EXPECT_EQ(size->height_px / 14, c[2]);
    EXPECT_EQ(size->width_px / 14, c[3]);
  }
  EXPECT_EQ(*SmartResize(2, 42, 70, GlmOcr()), (Size{84, 112}));
  EXPECT_EQ(*SmartResize(2, 600, 14, GlmOcr()), (Size{1204, 28}));
  EXPECT_EQ(*SmartResize(2, 28, 28, GlmOcr()), (Size{84, 84}));
  EXPECT_EQ(*SmartResize(2, 1, 199, GlmOcr()), (Size{28, 5572}));
  EXPECT_EQ(*SmartResize(2, 10000, 100, GlmOcr()), (Size{9996, 112}));
  EXPECT_EQ(*SmartResize(2, 2480, 3508, GlmOcr()), (Size{1820, 2604}));
}

TEST(SmartResize, RoundsHalvesToEven) {
  ImageProcessorConfig config = GlmOcr();
  config.shortest_edge = 1;
  const int cases[][2] = {{42, 56}, {70, 56}, {98, 112}, {126, 112}};
  for (const auto& c : cases) {
    EXPECT_EQ(SmartResize(2, 280, c[0], config)->height_px, c[1]);
    EXPECT_EQ(SmartResize(2, c[0], 280, config)->width_px, c[1]);
  }
}

TEST(SmartResize, NoImageHasMoreThan6144Tokens) {
  for (int w = 500; w < 9000; w += 371) {
    for (int h = 500; h < 9000; h += 371) {
      auto size = SmartResize(2, w, h, GlmOcr());
      ASSERT_TRUE(size.ok());
      EXPECT_LE(int64_t{size->width_px / 28} * (size->height_px / 28), 6144);
    }
  }
}

TEST(SmartResize, RefusesExtremes) {
  EXPECT_EQ(SmartResize(2, 6000, 28, GlmOcr()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(SmartResize(2, 0, 5, GlmOcr()).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(SmartResize(1, 50, 50, GlmOcr()).error().code, ErrorCode::kInvalidArgument);
}

TEST(Preprocess, EqualsHuggingFacePilBackend) {
  ThreadPool pool(2);
  const auto cases = Goldens()["pixel_values"];  // a temporary would end before the loop
  ASSERT_GE(cases.size(), 10u);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.dump());
    const Image image = TestPattern(c["width"], c["height"], c["seed"]);
    auto patches = Preprocess(image, GlmOcr(), &pool);
    ASSERT_TRUE(patches.ok());
    EXPECT_EQ(patches->grid, (GridThw{c["grid"][0], c["grid"][1], c["grid"][2]}));
    for (size_t i = 0; i < c["at"].size(); ++i) {
      EXPECT_EQ(std::bit_cast<uint32_t>(patches->values.at(c["at"][i])), c["bits"][i]);
    }
    EXPECT_EQ(HashBytes(patches->values.data(), patches->values.size() * 4).Hex(), c["hash"]);
  }
}

// One grey per patch: the rows must come window by window (spec 14, V11).
TEST(Preprocess, RowsAreInMergeWindowOrder) {
  ImageProcessorConfig config = GlmOcr();
  config.do_resize = config.do_rescale = config.do_normalize = false;
  const int gh = 4, gw = 6;
  Image image(gw * 14, gh * 14);
  for (int y = 0; y < image.height_px; ++y) {
    for (int x = 0; x < image.width_px; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.row(y)[x * 3 + c] = static_cast<uint8_t>((y / 14) * gw + x / 14 + 50 * c);
      }
    }
  }
  auto patches = Preprocess(image, config);
  ASSERT_TRUE(patches.ok());
  int row = 0;
  for (int i = 0; i < gh / 2; ++i) {
    for (int j = 0; j < gw / 2; ++j) {
      for (int a = 0; a < 2; ++a) {
        for (int b = 0; b < 2; ++b, ++row) {
          for (int c = 0; c < 3; ++c) {
            for (int t = 0; t < 2; ++t) {
              const size_t at = static_cast<size_t>(row) * 1176 + (c * 2 + t) * 196;
              EXPECT_EQ(patches->values[at], (2 * i + a) * gw + 2 * j + b + 50 * c);
              EXPECT_EQ(patches->values[at + 195], patches->values[at]);
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(patches->grid.n_tokens(2), 6);
}

TEST(Config, ErrorsNameTheField) {
  auto message = [](std::string_view json) {
    auto r = ImageProcessorConfig::FromJson(json, "p.json");
    return r.ok() ? std::string("ok") : r.error().message;
  };
  EXPECT_EQ(message(R"({"size": {"shortest_edge": 1, "longest_edge": 9}, "patch_size": 14})"),
            "ok");
  EXPECT_EQ(message(R"({"patch_size": 14})"), "'p.json': field \"size\" is missing");
  EXPECT_NE(message(R"({"size": {"shortest_edge": 1}, "patch_size": 14})")
                .find("\"size.longest_edge\" is missing"),
            std::string::npos);
  const std::string base =
      R"({"size": {"shortest_edge": 1, "longest_edge": 9}, "patch_size": 14, )";
  EXPECT_NE(message(base + R"("image_mean": [1, 2]})").find("\"image_mean\""), std::string::npos);
  EXPECT_NE(message(base + R"("image_std": [0, 1, 1]})").find("\"image_std\""), std::string::npos);
  EXPECT_NE(message(base + R"("do_resize": 1})").find("\"do_resize\""), std::string::npos);
  EXPECT_NE(message(base + R"("merge_size": -2})").find("\"merge_size\""), std::string::npos);
  EXPECT_NE(message(base + R"("merge_size": 2.5})").find("\"merge_size\""), std::string::npos);
  EXPECT_NE(message(base + R"("resample": 2})").find("\"resample\""), std::string::npos);
  EXPECT_NE(message(base + R"("rescale_factor": "x"})").find("\"rescale_factor\""),
            std::string::npos);
  EXPECT_NE(message("[1]").find("not a JSON object"), std::string::npos);
  EXPECT_NE(message("{").find("not valid JSON"), std::string::npos);
}

TEST(Config, FilesHaveALimit) {
  auto file = TempFile::Create({}).value();
  ASSERT_TRUE(file.Append(kGlmOcr).ok());
  EXPECT_EQ(ImageProcessorConfig::FromFile(file.path())->longest_edge, 9633792);
  ASSERT_TRUE(file.Append(std::string(1 << 20, ' ')).ok());
  const auto large = ImageProcessorConfig::FromFile(file.path());
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().code, ErrorCode::kResourceExhausted);
}

TEST(Config, HostileBytesAndNumbersAreRefused) {
  const std::string size = R"("size": {"shortest_edge": 1, "longest_edge": 9}, "patch_size": 14)";
  const auto with = [&](const std::string& more) { return "{" + size + ", " + more + "}"; };
  ASSERT_TRUE(ImageProcessorConfig::FromJson(with(R"("merge_size": 2)"), "p.json").ok());
  const std::string nul(1, '\0');
  for (
      const std::string& text :
      {std::string(),
       std::string("{").append(size).append("}").append(nul),
       std::string("{").append(size).append("}").append(nul).append("{"),
       nul,
       with(R"("x": ")" + nul + R"(")"),
       with("\"x\": \"\xff\""),
       with("\"\xc3\x28\": 1"),
       with(R"("merge_size": 2, "merge_size": 4)"),
       with(R"("x": )" + std::string(100'000, '[')),
       with(R"("merge_size": 1e999)"),
       with(R"("merge_size": 99999999999999999999)"),
       with(R"("merge_size": 18446744073709551615)"),
       with(R"("merge_size": -1)"),
       with(R"("merge_size": [2])"),
       with(R"("merge_size": "2")"),
       with(R"("rescale_factor": 1e300)"),
       with(R"("rescale_factor": 0)"),
       with(R"("rescale_factor": NaN)"),
       with(R"("image_mean": 1e308)"),
       with(R"("image_mean": [0, 0, 1e39])"),
       with(R"("image_mean": [0, 0, "0"])"),
       with(R"("image_mean": {})"),
       with(R"("image_std": 1e-300)"),
       with(R"("image_std": [1, 1, -1])"),
       with(R"("do_resize": "true")"),
       std::string(R"({"size": 7, "patch_size": 14})"),
       std::string(
           R"({"size": {"shortest_edge": 1, "longest_edge": 9223372036854775808}, "patch_size": 14})"),
       std::string(R"({"size": {"shortest_edge": 9, "longest_edge": 1}, "patch_size": 14})")}) {
    const Result<ImageProcessorConfig> config = ImageProcessorConfig::FromJson(text, "p.json");
    ASSERT_FALSE(config.ok()) << text.substr(0, 200);
    EXPECT_EQ(config.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(config.error().message.rfind("'p.json'", 0), 0u) << config.error().message;
  }
}

TEST(Config, AbsentFieldsTakeTheClassDefaults) {
  auto c = ImageProcessorConfig::FromJson(
      R"({"size": {"shortest_edge": 12544, "longest_edge": 9633792}, "patch_size": 14})", "p.json");
  ASSERT_TRUE(c.ok());
  EXPECT_TRUE(c->do_resize && c->do_rescale && c->do_normalize);
  EXPECT_EQ(c->rescale_factor, 1.0 / 255);
  EXPECT_EQ(c->merge_size, 2);
  EXPECT_EQ(c->image_std[2], 0.27577711);
}

}  // namespace
}  // namespace glmocr
