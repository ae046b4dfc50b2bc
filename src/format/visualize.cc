#include "format/visualize.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "media/lept.h"

namespace glmocr {
namespace {

using Colour = std::array<uint8_t, 3>;

Colour KindColour(const ReadRegion& region) {
  if (region.label == RegionLabel::kDocTitle || region.label == RegionLabel::kParagraphTitle)
    return {140, 30, 170};
  switch (TaskOf(region.label)) {
    case RegionTask::kText:
      return {20, 90, 210};
    case RegionTask::kTable:
      return {0, 130, 90};
    case RegionTask::kFormula:
      return {210, 100, 0};
    case RegionTask::kSkip:
      return {90, 90, 90};
    case RegionTask::kAbandon:
      return {160, 140, 120};
  }
  return {};
}

// Dark enough for white letters.
Colour ConfidenceColour(float confidence) {
  constexpr std::array<Colour, 3> kScale = {{{200, 30, 30}, {175, 120, 0}, {20, 130, 60}}};
  const double at = std::clamp(static_cast<double>(confidence), 0.0, 1.0) * 2;
  const size_t lower = at < 1 ? 0 : 1;
  Colour out;
  for (size_t c = 0; c < 3; ++c) {
    const double a = kScale[lower][c], b = kScale[lower + 1][c];
    out[c] = static_cast<uint8_t>(a + (b - a) * (at - static_cast<double>(lower)));
  }
  return out;
}

void FillRect(Image& image, const Box& box, const Colour& colour) {
  const int left = std::max(0, box.x), right = std::min(image.width_px, box.right());
  for (int y = std::max(0, box.y); y < std::min(image.height_px, box.bottom()); ++y) {
    for (int x = left; x < right; ++x)
      std::copy(colour.begin(), colour.end(), image.row(y) + 3 * x);
  }
}

// A line of Bresenham's algorithm with a square brush. Ends are moved to the picture's border.
void DrawLine(Image& image, Point a, Point b, int thickness, const Colour& colour) {
  const auto inside = [&](Point& p) {
    p.x = std::clamp(p.x, 0, image.width_px - 1);
    p.y = std::clamp(p.y, 0, image.height_px - 1);
  };
  inside(a);
  inside(b);
  const int dx = std::abs(b.x - a.x), dy = -std::abs(b.y - a.y);
  const int step_x = a.x < b.x ? 1 : -1, step_y = a.y < b.y ? 1 : -1;
  int error = dx + dy;
  while (true) {
    FillRect(image, {a.x - thickness / 2, a.y - thickness / 2, thickness, thickness}, colour);
    if (a == b) return;
    const int twice = 2 * error;
    if (twice >= dy) error += dy, a.x += step_x;
    if (twice <= dx) error += dx, a.y += step_y;
  }
}

struct BmfDelete {
  void operator()(L_Bmf* bmf) const { bmfDestroy(&bmf); }
};

// Leptonica's built-in bitmap font.
class Font {
 public:
  explicit Font(int size) : bmf_(bmfCreate(nullptr, size)) {}
  bool ok() const { return bmf_ != nullptr; }

  // White letters on a filled tag whose lower left corner is at (x, bottom), moved into the
  // picture.
  void DrawTag(Image& image, const std::string& text, int x, int bottom,
               const Colour& colour) const {
    l_int32 width = 0;
    if (bmfGetStringWidth(bmf_.get(), text.c_str(), &width) != 0) return;
    const int margin = 2, height = bmf_->lineheight + 2 * margin;
    width += 2 * margin + 2;
    const int left = std::clamp(x, 0, std::max(0, image.width_px - width));
    const int top = std::clamp(bottom - height, 0, std::max(0, image.height_px - height));
    const PixPtr mask(pixCreate(width, height, 1));
    if (!mask) return;
    l_int32 used = 0;
    // The baseline of the tallest letters stands under the margin.
    pixSetTextline(mask.get(), bmf_.get(), text.c_str(), 1, margin, margin + bmf_->baselinetab['A'],
                   &used, nullptr);
    FillRect(image, {left, top, width, height}, colour);
    for (int y = 0; y < height; ++y) {
      for (int dx = 0; dx < width; ++dx) {
        l_uint32 set = 0;
        pixGetPixel(mask.get(), dx, y, &set);
        if (set != 0) FillRect(image, {left + dx, top + y, 1, 1}, {255, 255, 255});
      }
    }
  }

 private:
  std::unique_ptr<L_Bmf, BmfDelete> bmf_;
};

}  // namespace

Result<Image> DrawRegions(const ReadPage& page) {
  if (page.image == nullptr || page.image->empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("page {} of '{}' has no picture to draw on", page.page, page.source)};
  }
  SilenceLeptonica();
  Image image = *page.image;
  // Leptonica has even sizes from 4 to 20 points at 300 dots an inch.
  const Font font(std::clamp(image.width_px / 800 * 2, 4, 20));
  if (!font.ok()) return Error{ErrorCode::kInternal, "leptonica has no bitmap font"};
  const int thickness = std::max(2, std::max(image.width_px, image.height_px) / 700);
  for (const ReadRegion& region : page.regions) {
    const Box& box = region.box_px;
    std::vector<Point> outline = region.polygon_px;
    if (outline.size() < 3)
      outline = {{box.x, box.y},
                 {box.right() - 1, box.y},
                 {box.right() - 1, box.bottom() - 1},
                 {box.x, box.bottom() - 1}};
    for (size_t i = 0; i < outline.size(); ++i)
      DrawLine(image, outline[i], outline[(i + 1) % outline.size()], thickness, KindColour(region));
  }
  // Tags last, so that no outline crosses them.
  for (size_t i = 0; i < page.regions.size(); ++i) {
    const ReadRegion& region = page.regions[i];
    const bool read = TaskOf(region.label) != RegionTask::kSkip;
    std::string text = fmt::format("{} {}", i + 1, RegionLabelName(region.label));
    if (read) text += fmt::format(" {:.2f}", region.confidence);
    if (region.error) text += " error";
    font.DrawTag(image, text, region.box_px.x, region.box_px.y,
                 read ? ConfidenceColour(region.confidence) : KindColour(region));
  }
  return image;
}

}  // namespace glmocr
