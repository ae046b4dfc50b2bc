// Lines of text that run up or down the page: in margins, on spines, beside pictures.
#include <algorithm>
#include <memory>

#include "layout/geometric/parts.h"
#include "media/orientation.h"
#include "media/resize.h"

namespace glmocr::geometric {
namespace {

// Multiples of the typical height of letters.
constexpr double kAlone = 0.7;  // to the left and right of such a letter is no other so near
constexpr double kMark = 0.45;  // what is smaller both ways is a dot, an accent, dirt
constexpr double kThin = 0.25;  // narrower ones are pieces of a rule
// Multiples of the font size.
constexpr double kLeastLength = 5;
constexpr double kLetterGap = 0.3;  // lines are farther apart, also those of a column of numbers
constexpr double kBesideFigure = 2.5;
constexpr double kPad = 0.6;
constexpr size_t kLeastParts = 8;
constexpr double kBeyond = 0.2;  // of a letter's height: what an ascender or descender goes beyond

Box Transposed(const Box& b) { return {b.y, b.x, b.height, b.width}; }

double Median(std::vector<int> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

// Letters with no other beside them, of text size.
std::vector<Box> LonelyLetters(const std::vector<Box>& letters, double unit) {
  std::vector<Box> sorted;
  for (const Box& b : letters) {
    const bool mark = b.width < kMark * unit && b.height < kMark * unit;
    if (!mark && std::max(b.width, b.height) < 6 * unit) sorted.push_back(b);
  }
  std::sort(sorted.begin(), sorted.end(), [](const Box& a, const Box& b) { return a.x < b.x; });
  const double reach = kAlone * unit;
  std::vector<bool> alone(sorted.size(), true);
  // Letters are at most so wide that only few neighbours in this order are looked at.
  for (size_t i = 0; i < sorted.size(); ++i) {
    for (size_t j = i + 1; j < sorted.size() && sorted[j].x <= sorted[i].right() + reach; ++j) {
      const Box &a = sorted[i], &b = sorted[j];
      const int common = std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
      if (2 * common > std::min(a.height, b.height)) alone[i] = alone[j] = false;
    }
  }
  std::vector<Box> out;
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (alone[i] && sorted[i].width > kThin * unit) out.push_back(sorted[i]);
  }
  return out;
}

// `chain` is of transposed boxes: its ascenders point to smaller x of the page.
bool ReadsUpwards(const Chain& chain, bool left_half) {
  std::vector<int> tops, bottoms;
  for (const Box& b : chain.parts) {
    tops.push_back(b.y);
    bottoms.push_back(b.bottom());
  }
  const double top = Median(tops), bottom = Median(bottoms), beyond = kBeyond * (bottom - top);
  int n_up = 0, n_down = 0;
  for (const Box& b : chain.parts) {
    n_up += b.y < top - beyond;
    n_down += b.bottom() > bottom + beyond;
  }
  return n_up == n_down ? left_half : n_up > n_down;
}

bool IsLine(const Chain& chain) {
  if (chain.parts.size() < kLeastParts || chain.box.width < kLeastLength * chain.font) return false;
  std::vector<int> gaps;
  for (size_t i = 1; i < chain.parts.size(); ++i)
    gaps.push_back(chain.parts[i].x - chain.parts[i - 1].right());
  return Median(gaps) < kLetterGap * chain.font && chain.box.height < 1.8 * chain.font;
}

}  // namespace

std::vector<Sideways> TakeSideways(const Image& image, const std::vector<Box>& known,
                                   double letter_px, const LineFinderOptions& options,
                                   std::vector<Box>* letters) {
  std::vector<Box> lonely = LonelyLetters(*letters, letter_px);
  if (lonely.size() < kLeastParts) return {};
  for (Box& b : lonely) b = Transposed(b);
  std::vector<Sideways> out;
  for (const Chain& found : lines::ChainComponents(lonely, letter_px, options)) {
    if (!IsLine(found)) continue;
    const Box on_page = Transposed(found.box);
    // Names of a diagram's axes, and what stands in a table, are theirs.
    const bool taken = std::any_of(known.begin(), known.end(), [&](const Box& b) {
      return HasCentre(b, on_page) || Distance(b, on_page) < kBesideFigure * found.font;
    });
    if (taken) continue;
    // Neighbours of a second line, dots and accents are its own as well.
    const int reach = static_cast<int>(0.3 * found.font);
    const Box around = {on_page.x - reach, on_page.y - reach, on_page.width + 2 * reach,
                        on_page.height + 2 * reach};
    std::vector<Box> parts;
    for (const Box& b : *letters) {
      if (Contains(around, b)) parts.push_back(b);
    }
    if (parts.size() < kLeastParts) continue;
    std::erase_if(*letters, [&](const Box& b) { return Contains(around, b); });

    Sideways line;
    const bool left = 2 * on_page.x + on_page.width < image.width_px;
    const int turns = ReadsUpwards(found, left) ? 3 : 1;
    const int pad = static_cast<int>(kPad * found.font) + 2;
    const int x0 = std::max(0, around.x - pad), y0 = std::max(0, around.y - pad);
    const Box cut = {x0, y0, std::min(image.width_px, around.right() + pad) - x0,
                     std::min(image.height_px, around.bottom() + pad) - y0};
    auto upright = std::make_shared<Image>(TurnQuarters(Crop(image, cut), -turns));
    Chain chain;
    for (const Box& b : parts) {
      const int x = b.x - cut.x, y = b.y - cut.y;
      chain.parts.push_back(turns == 3 ? Box{cut.height - y - b.height, x, b.height, b.width}
                                       : Box{y, cut.width - x - b.width, b.height, b.width});
    }
    lines::Measure(chain);
    std::vector<Chain> alone = {chain};
    lines::SettleFonts(alone);
    TextLine text = lines::CutLine(alone[0], alone, upright->width_px, upright->height_px, options);
    line.line = MakeLine(*upright, alone[0], std::move(text));
    line.region.label = RegionLabel::kVerticalText;
    line.region.box = on_page;
    line.region.elsewhere = {
        upright,
        PageTransform::QuarterTurns(turns, cut.width, cut.height)
            .Compose(PageTransform::Crop(cut, image.width_px, image.height_px)),
        line.line.text.box};
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace glmocr::geometric
