#include "pipeline/page_front.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "media/levels.h"
#include "media/lines.h"
#include "media/orientation.h"
#include "media/sheet.h"

namespace glmocr {
namespace {

constexpr size_t kLinesToRead = 2;
// Upright lines are read with 0.9, others with 0.5; what turns a page that seems to lie right must
// be sure of it.
constexpr double kSureReading = 0.75, kLeastGain = 0.1;

// How surely the picture's longest lines are read. Nothing: there is no line.
std::optional<double> ReadingOf(const Image& picture, const LineReader& read) {
  Result<LinePage> found = FindTextLines(picture);
  if (!found.ok()) return std::nullopt;
  std::vector<const LinePiece*> pieces;
  for (const TextLine& line : found->lines) {
    const LinePiece* most = nullptr;  // of the line
    for (const LinePiece& piece : line.pieces) {
      if (most == nullptr || piece.ink.size() > most->ink.size()) most = &piece;
    }
    if (most != nullptr) pieces.push_back(most);
  }
  std::stable_sort(pieces.begin(), pieces.end(), [](const LinePiece* a, const LinePiece* b) {
    return a->ink.size() > b->ink.size();
  });
  if (pieces.size() > kLinesToRead) pieces.resize(kLinesToRead);
  double sum = 0, weight = 0;
  for (const LinePiece* piece : pieces) {
    const std::optional<double> sure = read(PieceForModel(found->image, *piece));
    if (!sure) continue;
    sum += *sure * static_cast<double>(piece->ink.size());
    weight += static_cast<double>(piece->ink.size());
  }
  if (weight == 0) return std::nullopt;
  return sum / weight;
}

// By how many quarters the page was turned clockwise.
int TurnsOf(const Image& page, const Orientation& found, const LineReader& read) {
  if (found.sure) return found.turns;
  // Lines that run down the page are certain enough to turn it one way or the other.
  const bool sideways = found.turns % 2 == 1;
  if (sideways && !found.sure_direction) return 0;
  const int likeliest = sideways || found.turns == 0 ? found.turns : 0;
  if (!read || found.n_across + found.n_down == 0) return likeliest;
  const int other = (likeliest + 2) % 4;
  const std::optional<double> one = ReadingOf(TurnQuarters(page, -likeliest), read);
  if (!one || *one >= kSureReading) return likeliest;
  const std::optional<double> two = ReadingOf(TurnQuarters(page, -other), read);
  return two && *two >= kSureReading && *two >= *one + kLeastGain ? other : likeliest;
}

// Smaller skew is taken off by the line finder.
constexpr double kLargeSkew = 6;

void Straighten(double degrees, const Image& page, PageFront* front) {
  const Image& skewed = front->picture(page);
  const double c = std::cos(degrees * std::numbers::pi / 180);
  const double s = std::fabs(std::sin(degrees * std::numbers::pi / 180));
  const double w = skewed.width_px, h = skewed.height_px;
  const int width = static_cast<int>(std::ceil(w * c + h * s));
  const int height = static_cast<int>(std::ceil(w * s + h * c));
  const PageTransform straight = PageTransform::Rotation(
      degrees, {width / 2.0, height / 2.0}, {w / 2, h / 2}, skewed.width_px, skewed.height_px);
  Image image = Resample(skewed, straight, width, height);
  front->image = std::move(image);
  front->transform = straight.Compose(front->transform);
  front->skew_degrees = degrees;
}

}  // namespace

Result<PageFront> MakeUpright(const Image& page, const LineReader& read) {
  PageFront front;
  front.transform = PageTransform::Identity(page.width_px, page.height_px);
  front.image = SpreadLevels(page);
  GLM_ASSIGN(std::optional<Sheet> sheet, FindSheet(front.picture(page)));
  if (sheet) {
    front.image = std::move(sheet->image);
    front.transform = sheet->transform;
  }
  const Image& seen = front.picture(page);
  GLM_ASSIGN(const Orientation found, FindOrientation(seen));
  const int turns = TurnsOf(seen, found, read);
  if (turns != 0) {
    front.transform =
        PageTransform::QuarterTurns(turns, seen.width_px, seen.height_px).Compose(front.transform);
    front.image = TurnQuarters(seen, -turns);
  }
  // Found as the page lies in its likeliest turn, which its opposite shares.
  if (std::fabs(found.skew_degrees) >= kLargeSkew && turns % 2 == found.turns % 2)
    Straighten(found.skew_degrees, page, &front);
  return front;
}

}  // namespace glmocr
