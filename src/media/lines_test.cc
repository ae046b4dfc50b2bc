#include "media/lines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "media/decode.h"
#include "media/test_pattern.h"

namespace glmocr {
namespace {

const std::string kDir = GLMOCR_SOURCE_DIR "/tests/golden/lines/";

Image LoadPage(const std::string& file) {
  auto bytes = ReadFile(kDir + file, 1 << 24);
  if (!bytes.ok()) return {};
  auto pages = DecodeImages(std::as_bytes(std::span(bytes->data(), bytes->size())), file);
  return pages.ok() ? pages->at(0) : Image();
}

nlohmann::json Expected(const std::string& file) {
  const auto pages = nlohmann::json::parse(*ReadFile(kDir + "lines.json", 1 << 20));
  for (const auto& page : pages) {
    if (page["file"] == file) return page;
  }
  return {};
}

// Every expected line is found once, in order, and holds its ink: the found box covers the ink
// within `slack` pixels and its baseline, seen on the input page, lies within the ink's lower half.
void CheckPage(const std::string& file, double slack) {
  SCOPED_TRACE(file);
  const Image image = LoadPage(file);
  ASSERT_FALSE(image.empty());
  auto page = FindTextLines(image);
  ASSERT_TRUE(page.ok()) << page.error().message;
  const auto expected = Expected(file);
  ASSERT_EQ(page->lines.size(), expected["lines"].size());
  for (size_t i = 0; i < page->lines.size(); ++i) {
    const TextLine& line = page->lines[i];
    SCOPED_TRACE(expected["lines"][i].dump());
    const auto& b = expected["lines"][i]["box"];
    const double x0 = b[0], y0 = b[1], x1 = x0 + b[2].get<double>(), y1 = y0 + b[3].get<double>();
    EXPECT_EQ(line.index, static_cast<int>(i));
    // Expected boxes are on the straight page; LinePage::image is that page again, maybe larger
    // around.
    const double dx = (page->image.width_px - image.width_px) / 2.0;
    const double dy = (page->image.height_px - image.height_px) / 2.0;
    EXPECT_NEAR(line.box.x - dx, x0, slack);
    EXPECT_NEAR(line.box.right() - dx, x1, slack);
    EXPECT_LE(line.box.y - dy, y0 + slack);
    EXPECT_GE(line.box.bottom() - dy, y1 - slack);
    EXPECT_LE(line.box.height, (y1 - y0) * 1.6 + 2 * slack);
    EXPECT_GT(line.baseline_y - dy, (y0 + y1) / 2);
    EXPECT_LE(line.baseline_y - dy, y1 + slack);
    // The pieces follow each other, share the line's band and fit the model.
    int right = -1;
    ASSERT_FALSE(line.pieces.empty());
    for (const LinePiece& piece : line.pieces) {
      EXPECT_GE(piece.box.x, right);
      right = piece.box.right();
      EXPECT_EQ(piece.box.y, line.box.y);
      EXPECT_EQ(piece.box.height, line.box.height);
      EXPECT_LE(piece.crop.width, 18.5 * 1.2 * piece.box.height);
      EXPECT_EQ(piece.start, PieceStart::kWord);
      const Image input = PieceForModel(page->image, piece);
      EXPECT_EQ(input.height_px, 28);
      EXPECT_EQ(input.width_px % 28, 0);
    }
  }
}

TEST(Lines, OneColumn) { CheckPage("one_column.png", 3); }
TEST(Lines, TwoColumnsUnderOneTitle) { CheckPage("two_columns.png", 3); }
TEST(Lines, LightOnDark) { CheckPage("inverted.png", 3); }
TEST(Lines, NoiseAndShadow) { CheckPage("noisy.png", 4); }
TEST(Lines, RulesPictureAndTable) { CheckPage("ruled_picture.png", 3); }
// 2 degrees over half a page's width of 450 pixels leave 0.01 degree * 450 px < 1 px; turning back
// and forth adds two.
TEST(Lines, TurnedByTwoDegrees) { CheckPage("skewed.png", 5); }

TEST(Lines, SkewIsReportedAndUndone) {
  const Image image = LoadPage("skewed.png");
  auto page = FindTextLines(image);
  ASSERT_TRUE(page.ok());
  EXPECT_NEAR(page->skew_degrees, 2.0, 0.1);
  // The page's middle stays; a point right of it lies lower on the page that was turned clockwise.
  const auto [x, y] = page->transform.ToInput(
      PointF{page->image.width_px / 2.0 + 300, page->image.height_px / 2.0});
  EXPECT_NEAR(x, image.width_px / 2.0 + 300 * std::cos(0.0349), 1.5);
  EXPECT_NEAR(y, image.height_px / 2.0 + 300 * std::sin(0.0349), 1.5);
}

TEST(Lines, ColumnsAreNumbered) {
  auto page = FindTextLines(LoadPage("two_columns.png"));
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->lines.size(), 37u);
  EXPECT_EQ(page->lines[0].column, 0);  // title
  EXPECT_EQ(page->lines[1].column, 1);  // left
  EXPECT_EQ(page->lines[17].column, 1);
  EXPECT_EQ(page->lines[18].column, 2);  // right
  EXPECT_EQ(page->lines[35].column, 2);
  EXPECT_EQ(page->lines[36].column, 3);  // page number
}

TEST(Lines, PagesWithoutText) {
  for (const char* file : {"empty.png", "black.png", "tiny.png"}) {
    auto page = FindTextLines(LoadPage(file));
    ASSERT_TRUE(page.ok()) << file;
    EXPECT_TRUE(page->lines.empty()) << file << " " << page->lines.size();
  }
  EXPECT_EQ(FindTextLines(Image()).error().code, ErrorCode::kInvalidArgument);
}

TEST(Lines, NoiseOnlyAndOddSizesNeverCrash) {
  for (int w : {1, 2, 3, 17, 64, 300}) {
    for (int h : {1, 2, 5, 33, 200}) {
      auto page = FindTextLines(TestPattern(w, h, 7));
      EXPECT_TRUE(page.ok() || page.error().code == ErrorCode::kResourceExhausted);
      EXPECT_TRUE(FindTextLines(Image(w, h, 255)).ok());
    }
  }
}

TEST(CropPiece, RepeatsTheBorderOutside) {
  Image page(4, 3, 9);
  LinePiece piece;
  piece.crop = {-2, -1, 8, 5};
  const Image out = CropPiece(page, piece);
  EXPECT_EQ(out.width_px, 8);
  EXPECT_EQ(out.height_px, 5);
  EXPECT_EQ(std::count(out.rgb.begin(), out.rgb.end(), 9), 8 * 5 * 3);
}

}  // namespace
}  // namespace glmocr
