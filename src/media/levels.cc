#include "media/levels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "media/lightness.h"

namespace glmocr {
namespace {

// Lightness, red, green, blue.
constexpr size_t kChannels = 4;
constexpr size_t kLightness = 0;

uint8_t Value(const uint8_t* rgb, size_t channel) {
  return channel == kLightness ? Lightness(rgb) : rgb[channel - 1];
}

struct Histogram {
  std::array<int64_t, 256> count = {};
  int64_t n = 0;
  int Level(double share) const {
    int64_t sum = 0;
    for (int v = 0; v < 256; ++v) {
      sum += count[static_cast<size_t>(v)];
      if (static_cast<double>(sum) > share * static_cast<double>(n)) return v;
    }
    return 255;
  }
};

struct Spread {
  int low = 0, high = 0, middle = 0, grain = 0;  // grain: how far the middle half reaches
  int range() const { return high - low; }
};

Spread SpreadOf(const Histogram& h) {
  return {h.Level(0.002), h.Level(0.998), h.Level(0.5), h.Level(0.75) - h.Level(0.25)};
}

}  // namespace

std::optional<Image> SpreadLevels(const Image& picture) {
  constexpr int kFair = 110;      // of lightness: writing is read
  constexpr int kMoreColour = 2;  // times the range of lightness
  constexpr int kLeastRange = 10, kGrains = 4;
  constexpr int kDark = 140;  // the lightest pixels of a picture that is too dark
  if (picture.empty()) return std::nullopt;
  std::array<Histogram, kChannels> histograms;
  const int step = std::max(1, std::min(picture.width_px, picture.height_px) / 400);
  for (int y = step / 2; y < picture.height_px; y += step) {
    const uint8_t* rgb = picture.row(y) + 3 * static_cast<size_t>(step / 2);
    for (int x = step / 2; x < picture.width_px; x += step, rgb += 3 * static_cast<size_t>(step)) {
      for (size_t c = 0; c < kChannels; ++c) {
        ++histograms[c].count[Value(rgb, c)];
        ++histograms[c].n;
      }
    }
  }
  const Spread lightness = SpreadOf(histograms[kLightness]);
  const bool dark = lightness.high < kDark;
  if (lightness.range() >= kFair && !dark) return std::nullopt;
  size_t channel = kLightness;
  Spread best = lightness;
  for (size_t c = 1; c < kChannels; ++c) {
    const Spread spread = SpreadOf(histograms[c]);
    if (spread.range() < kMoreColour * lightness.range() || spread.range() <= best.range())
      continue;
    channel = c;
    best = spread;
  }
  // Grain alone is no writing: its ends are three deviations from the middle, its middle half is
  // one and a third wide.
  const int far = std::max(best.high - best.middle, best.middle - best.low);
  if (best.range() < kLeastRange || far < kGrains * best.grain) return std::nullopt;
  std::array<uint8_t, 256> to;
  for (int v = 0; v < 256; ++v) {
    const double share = std::clamp((v - best.low) / static_cast<double>(best.range()), 0.0, 1.0);
    to[static_cast<size_t>(v)] = static_cast<uint8_t>(std::lround(10 + 235 * share));
  }
  Image out(picture.width_px, picture.height_px);
  for (size_t i = 0; i < out.rgb.size(); i += 3) {
    const uint8_t v = to[Value(picture.rgb.data() + i, channel)];
    out.rgb[i] = out.rgb[i + 1] = out.rgb[i + 2] = v;
  }
  return out;
}

}  // namespace glmocr
