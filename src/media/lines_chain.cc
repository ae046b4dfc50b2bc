// Components to chains: neighbours of similar height side by side belong to one line.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "media/line_steps.h"

namespace glmocr::lines {
namespace {

// What a chain may do, as multiples of letter heights or of the font size. A letter is 0.5 (x) to
// 0.95 (brackets) of the font size high, a space about 0.3 wide, justified ones up to 1; columns
// are rarely closer than 1.5.
constexpr double kLeastOverlap = 0.4;  // of the lower letter, vertically
constexpr double kMostHeightRatio = 2.6;
constexpr double kMostGap = 1.7;  // of the higher letter's height, horizontally
constexpr double kSmall =
    0.45;                       // below this part of the typical height: punctuation, dots, accents
constexpr double kSpeck = 0.1;  // of the typical height: dirt
constexpr double kReachUp =
    1.0;  // of the font size: a line's accents above its baseline, its commas below
constexpr double kReachDown = 0.3;
constexpr double kMostMarkGap = 1.2;  // of the font size: a colon after a space of typewriter type
constexpr double kHuge = 6;           // of the typical height: no letter

double Percentile(std::vector<double>& v, double p) {
  const auto at = static_cast<size_t>(
      std::min<double>(p * static_cast<double>(v.size()), static_cast<double>(v.size() - 1)));
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(at), v.end());
  return v[at];
}

int VerticalOverlap(const Box& a, const Box& b) {
  return std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
}

// Horizontal distance, negative when they overlap.
int HorizontalGap(const Box& a, const Box& b) {
  return std::max(a.x, b.x) - std::min(a.right(), b.right());
}

class Sets {
 public:
  explicit Sets(size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0); }
  int Find(int i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Join(int a, int b) { parent_[Find(a)] = Find(b); }

 private:
  std::vector<int> parent_;
};

// Boxes in horizontal bands of one unit each, so that neighbours are found without looking at the
// whole page.
class Bands {
 public:
  Bands(const std::vector<Box>& boxes, double unit) : unit_(std::max(1.0, unit)) {
    int bottom = 1;
    for (const Box& b : boxes) bottom = std::max(bottom, b.bottom());
    bands_.resize(static_cast<size_t>(bottom / unit_) + 2);
    for (size_t i = 0; i < boxes.size(); ++i) {  // boxes are sorted by x, and so is every band
      for (size_t k = Band(boxes[i].y); k <= Band(boxes[i].bottom()); ++k) {
        bands_[k].push_back(static_cast<int>(i));
      }
    }
  }
  size_t Band(int y) const { return static_cast<size_t>(std::max(0, y) / unit_); }
  const std::vector<int>& operator[](size_t k) const { return bands_[k]; }

 private:
  double unit_;
  std::vector<std::vector<int>> bands_;
};

bool Fit(const Box& a, const Box& b) {
  const int low = std::min(a.height, b.height), high = std::max(a.height, b.height);
  return VerticalOverlap(a, b) >= kLeastOverlap * low && high <= kMostHeightRatio * low &&
         HorizontalGap(a, b) <= kMostGap * high;
}

// Each letter joins its nearest fitting neighbour to the right.
std::vector<Chain> JoinNeighbours(const std::vector<Box>& letters, double unit) {
  Sets sets(letters.size());
  const Bands bands(letters, unit);
  for (size_t i = 0; i < letters.size(); ++i) {
    const Box& a = letters[i];
    int best = -1;
    double nearest = 1e30;
    for (size_t k = bands.Band(a.y); k <= bands.Band(a.bottom()); ++k) {
      const auto& band = bands[k];
      auto at = std::upper_bound(band.begin(), band.end(), static_cast<int>(i));
      for (; at != band.end(); ++at) {
        const Box& b = letters[*at];
        if (b.x - a.right() > kMostGap * kMostHeightRatio * a.height || b.x - a.right() >= nearest)
          break;
        if (!Fit(a, b)) continue;
        nearest = std::max(0, b.x - a.right());
        best = *at;
      }
    }
    if (best >= 0) sets.Join(static_cast<int>(i), best);
  }
  std::vector<int> chain_of(letters.size(), -1);
  std::vector<Chain> chains;
  for (size_t i = 0; i < letters.size(); ++i) {
    int& index = chain_of[sets.Find(static_cast<int>(i))];
    if (index < 0) {
      index = static_cast<int>(chains.size());
      chains.emplace_back();
    }
    chains[index].parts.push_back(letters[i]);
  }
  return chains;
}

// Dots, accents, quotes, dashes: to the chain in whose band they lie, the nearest first. Chains
// grow on the way, so that a row of dots is followed to its end. Returns those that no chain takes.
std::vector<Box> AttachSmall(std::vector<Box> small, double unit, std::vector<Chain>& chains) {
  std::vector<Box> left;
  std::sort(small.begin(), small.end(), [](const Box& a, const Box& b) { return a.x < b.x; });
  // Chains by the bands of height `unit` that they reach, so that a mark looks at a few only.
  std::vector<std::vector<int>> bands;
  for (size_t i = 0; i < chains.size(); ++i) {
    const double top = std::max(0.0, chains[i].baseline - kReachUp * chains[i].font);
    const auto last =
        static_cast<size_t>((chains[i].baseline + kReachDown * chains[i].font) / unit);
    if (bands.size() <= last) bands.resize(last + 1);
    for (auto k = static_cast<size_t>(top / unit); k <= last; ++k)
      bands[k].push_back(static_cast<int>(i));
  }
  for (const Box& s : small) {
    const double cy = s.y + s.height / 2.0;
    const auto band = static_cast<size_t>(cy / unit);
    if (band >= bands.size()) {
      left.push_back(s);
      continue;
    }
    Chain* best = nullptr;
    double nearest = 1e30;
    for (int i : bands[band]) {
      Chain& c = chains[i];
      if (cy < c.baseline - kReachUp * c.font || cy > c.baseline + kReachDown * c.font) continue;
      if (s.height > 1.3 * c.font) continue;
      // A full stop is a tenth of the font size wide and high, a dash thinner but longer. Less is
      // dirt.
      const int thin = std::min(s.width, s.height), wide = std::max(s.width, s.height);
      const bool dash = thin >= 0.04 * c.font && s.width >= 0.3 * c.font;
      if ((thin < 0.06 * c.font && !dash) || wide < 0.08 * c.font) continue;
      const int gap = std::max(0, HorizontalGap(s, c.box));
      if (gap > kMostMarkGap * c.font) continue;
      // Between two lines the nearer one wins, measured from the middle of its letters.
      const double distance = gap + std::fabs(cy - (c.baseline - 0.3 * c.font));
      if (distance < nearest) {
        nearest = distance;
        best = &c;
      }
    }
    if (best == nullptr) {
      left.push_back(s);
      continue;
    }
    best->parts.push_back(s);
    best->box = Union(best->box, s);
  }
  return left;
}

// Bullets and dashes in front of the items of a list: a lone small mark before a line, at the
// height of its small letters.
void AttachBullets(const std::vector<Box>& small, std::vector<Chain>& chains) {
  constexpr double kReach = 2.5, kLeast = 0.15, kMost = 0.85;  // of the font size
  for (const Box& s : small) {
    const double cy = s.y + s.height / 2.0;
    Chain* best = nullptr;
    for (Chain& c : chains) {
      const double gap = c.box.x - s.right();
      if (gap <= 0 || gap > kReach * c.font || c.parts.size() < 3) continue;
      if (cy < c.baseline - 0.6 * c.font || cy > c.baseline - 0.1 * c.font) continue;
      if (s.width < kLeast * c.font || s.width > kMost * c.font || s.height > 0.5 * c.font)
        continue;
      if (s.height < 0.04 * c.font) continue;
      if (best == nullptr || c.box.x < best->box.x) best = &c;
    }
    if (best == nullptr) continue;
    // Nothing else stands between or left of it: dirt comes in numbers.
    const double left = s.x - 2 * best->font;
    const bool alone = std::none_of(small.begin(), small.end(), [&](const Box& o) {
      return &o != &s && o.right() > left && o.x < best->box.x && VerticalOverlap(o, best->box) > 0;
    });
    if (!alone) continue;
    best->parts.push_back(s);
    best->box = Union(best->box, s);
  }
}

// The box lies where a line's letters do.
bool InBand(const Chain& line, const Box& b) {
  return b.y >= line.baseline - 0.95 * line.font && b.bottom() <= line.baseline + 0.3 * line.font;
}

// Parts of one line that chaining left apart: same baseline and size, close together or one over
// the other.
void MergeChains(std::vector<Chain>& chains) {
  double most_font = 0;
  for (const Chain& c : chains) most_font = std::max(most_font, c.font);
  for (bool changed = true; changed;) {
    changed = false;
    std::sort(chains.begin(), chains.end(),
              [](const Chain& a, const Chain& b) { return a.box.x < b.box.x; });
    for (size_t i = 0; i < chains.size(); ++i) {
      for (size_t j = i + 1; j < chains.size(); ++j) {
        Chain& a = chains[i];
        const Chain& b = chains[j];
        const double font = std::max(a.font, b.font), small = std::min(a.font, b.font);
        if (b.box.x - a.box.right() > 1.2 * most_font) break;
        if (b.box.x - a.box.right() > 1.2 * font) continue;
        const int low = std::min(a.box.height, b.box.height);
        const bool level = std::fabs(a.baseline - b.baseline) < 0.2 * small && font < 1.6 * small;
        const bool covered =
            VerticalOverlap(a.box, b.box) > 0.7 * low && HorizontalGap(a.box, b.box) < 0.3 * small;
        // Single signs that do not stand on the baseline: * = ".
        const bool sign = (a.parts.size() > 3 && b.parts.size() <= 2 && InBand(a, b.box)) ||
                          (b.parts.size() > 3 && a.parts.size() <= 2 && InBand(b, a.box));
        if (!level && !covered && !sign) continue;
        a.parts.insert(a.parts.end(), b.parts.begin(), b.parts.end());
        Measure(a);
        chains.erase(chains.begin() + static_cast<std::ptrdiff_t>(j));
        changed = true;
        break;
      }
    }
  }
}

}  // namespace

double TypicalHeight(const std::vector<Box>& components, const LineFinderOptions& options) {
  std::vector<double> heights;
  for (const Box& b : components) {
    if (b.height >= options.min_text_height_px && b.width >= 2 && b.width < 12 * b.height &&
        b.height < 20 * b.width) {
      heights.push_back(b.height);
    }
  }
  if (heights.empty()) return 0;
  // Dots and dirt are many and low, pictures few and high: the middle of what is not far below the
  // upper quarter.
  const double upper = Percentile(heights, 0.75);
  std::erase_if(heights, [&](double h) { return h < 0.35 * upper; });
  return Percentile(heights, 0.5);
}

void Measure(Chain& chain) {
  std::sort(chain.parts.begin(), chain.parts.end(),
            [](const Box& a, const Box& b) { return a.x < b.x || (a.x == b.x && a.y < b.y); });
  chain.box = chain.parts.front();
  std::vector<double> heights;
  for (const Box& p : chain.parts) {
    chain.box = Union(chain.box, p);
    heights.push_back(p.height);
  }
  const double upper = Percentile(heights, 0.75);
  std::vector<double> bottoms, tops;
  // Quotes hang above the baseline; in a short line they are many.
  const double least = chain.box.y + 0.6 * chain.box.height;
  for (const Box& p : chain.parts) {
    if (p.height >= 0.5 * upper && p.bottom() >= least) bottoms.push_back(p.bottom());
  }
  if (bottoms.empty()) bottoms.push_back(chain.box.bottom());
  // Descenders hang below the baseline, nothing of letter size ends above it: a little under the
  // median, in a few letters like "(grey)" lower.
  chain.baseline = Percentile(bottoms, bottoms.size() < 10 ? 0.25 : 0.4);
  for (const Box& p : chain.parts) {
    if (p.height >= 0.5 * upper) tops.push_back(chain.baseline - p.y);
  }
  const double tall = Percentile(tops, 0.92), middle = Percentile(tops, 0.35);
  // x-height over cap height is 0.63 to 0.75 in nearly all text fonts.
  chain.two_heights = tall > 1.22 * middle;
  double border = (tall + middle) / 2;
  if (!chain.two_heights) {
    // Mostly capitals and digits: a few small letters tell as much.
    constexpr double kLeastSmall = 0.12;
    const auto n_small = std::count_if(chain.parts.begin(), chain.parts.end(), [&](const Box& p) {
      return p.height > 0.58 * tall && p.height < 0.82 * tall &&
             std::fabs(p.bottom() - chain.baseline) < 0.1 * tall;
    });
    chain.two_heights = n_small >= 3 && static_cast<double>(n_small) >=
                                            kLeastSmall * static_cast<double>(tops.size());
    border = 0.85 * tall;
  }
  if (chain.two_heights) {
    std::erase_if(tops, [&](double t) { return t < border; });
    chain.cap = Percentile(tops, 0.5);
  } else {
    chain.cap = tall;
  }
  chain.cap = std::max(chain.cap, 1.0);
  chain.font = chain.cap / 0.72;
}

void SettleFonts(std::vector<Chain>& chains) {
  for (Chain& c : chains) {
    if (c.two_heights) continue;
    // The letters are all x-high (font = 1.42 * as capitals) or all tall; a neighbour in size
    // tells.
    const double as_capitals = c.cap / 0.72, as_small = c.cap / 0.51;
    const Chain* near = nullptr;
    double nearest = 1e30;
    for (const Chain& other : chains) {
      if (!other.two_heights) continue;
      if (other.font < 0.7 * as_capitals || other.font > 1.4 * as_small) continue;
      const double distance = std::fabs(other.baseline - c.baseline) +
                              0.2 * std::max(0, HorizontalGap(other.box, c.box));
      if (distance < nearest) {
        nearest = distance;
        near = &other;
      }
    }
    c.font = as_capitals;
    if (near == nullptr) continue;
    const bool small =
        std::fabs(std::log(as_small / near->font)) < std::fabs(std::log(as_capitals / near->font));
    if (small) {
      c.font = as_small;
      c.cap = 0.72 * as_small;
    }
  }
}

std::vector<Chain> ChainComponents(const std::vector<Box>& components, double unit,
                                   const LineFinderOptions& options) {
  std::vector<Box> letters, small;
  for (const Box& b : components) {
    if (std::max(b.width, b.height) < std::max(2.0, kSpeck * unit)) continue;
    if (b.height > kHuge * unit || b.width > 5 * kHuge * unit) continue;
    const bool letter = b.height >= kSmall * unit && b.height >= options.min_text_height_px &&
                        b.width < 12 * b.height;
    (letter ? letters : small).push_back(b);
  }
  std::sort(letters.begin(), letters.end(), [](const Box& a, const Box& b) { return a.x < b.x; });
  std::vector<Chain> chains = JoinNeighbours(letters, unit);
  for (Chain& c : chains) Measure(c);
  // A lone mark is a line (a page number) only when it is as high as letters are; else it may be a
  // comma.
  std::erase_if(chains, [&](const Chain& c) {
    const bool lone = c.parts.size() == 1 && c.box.height < 0.7 * unit;
    if (lone) small.push_back(c.parts.front());
    return lone;
  });
  if (static_cast<int64_t>(chains.size()) > int64_t{4} * options.max_lines)
    return chains;  // noise; refused by the caller
  const std::vector<Box> marks = AttachSmall(std::move(small), unit, chains);
  for (Chain& c : chains) Measure(c);
  AttachBullets(marks, chains);
  for (Chain& c : chains) Measure(c);
  MergeChains(chains);
  return chains;
}

}  // namespace glmocr::lines
