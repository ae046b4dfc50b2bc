#include "layout/layout_rules.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace glmocr {
namespace {

struct Candidate {
  int label = 0;
  double score = 0;
  std::array<double, 4> box = {};
  int order = 0;
};
using Candidates = std::vector<Candidate>;

bool Is(const Candidate& c, RegionLabel label) { return c.label == static_cast<int>(label); }

// Width and height count both edge pixels here.
double OverlapOverUnion(const std::array<double, 4>& a, const std::array<double, 4>& b) {
  const auto area = [](const std::array<double, 4>& r) {
    return (r[2] - r[0] + 1) * (r[3] - r[1] + 1);
  };
  const double width = std::min(a[2], b[2]) - std::max(a[0], b[0]) + 1,
               height = std::min(a[3], b[3]) - std::max(a[1], b[1]) + 1;
  const double overlap = std::max(0.0, width) * std::max(0.0, height);
  return overlap / (area(a) + area(b) - overlap);
}

// Greedy non-maximum suppression; what is left, best first. Equal scores: the later one first, as
// numpy's reversed argsort has them.
Candidates SuppressDuplicates(const Candidates& all) {
  constexpr double kSameClass = 0.6, kOtherClass = 0.98;
  std::vector<size_t> by_score(all.size());
  for (size_t i = 0; i < all.size(); ++i) by_score[i] = i;
  std::stable_sort(by_score.begin(), by_score.end(),
                   [&](size_t a, size_t b) { return all[a].score < all[b].score; });
  std::reverse(by_score.begin(), by_score.end());
  Candidates kept;
  for (const size_t i : by_score) {
    const bool duplicate = std::any_of(kept.begin(), kept.end(), [&](const Candidate& better) {
      const double limit = better.label == all[i].label ? kSameClass : kOtherClass;
      return !(OverlapOverUnion(better.box, all[i].box) < limit);
    });
    if (!duplicate) kept.push_back(all[i]);
  }
  return kept;
}

// A picture as large as the page is the page; unless nothing else is left.
void DropPagePictures(double width, double height, Candidates* boxes) {
  if (boxes->size() <= 1) return;
  const double limit = (width > height ? 0.82 : 0.93) * (width * height);
  Candidates kept;
  for (const Candidate& c : *boxes) {
    const double w = std::min(width, c.box[2]) - std::max(0.0, c.box[0]),
                 h = std::min(height, c.box[3]) - std::max(0.0, c.box[1]);
    if (!Is(c, RegionLabel::kImage) || w * h <= limit) kept.push_back(c);
  }
  if (!kept.empty()) *boxes = std::move(kept);
}

bool Contains(const Candidate& outer, const Candidate& inner) {
  constexpr double kMostly = 0.8;
  const std::array<double, 4>&a = inner.box, &b = outer.box;
  const double area = (a[2] - a[0]) * (a[3] - a[1]);
  const double width = std::max(0.0, std::min(a[2], b[2]) - std::max(a[0], b[0])),
               height = std::max(0.0, std::min(a[3], b[3]) - std::max(a[1], b[1]));
  return (area > 0 ? width * height / area : 0) >= kMostly;
}

void DropNested(const LayoutRules& rules, Candidates* boxes) {
  const size_t n = boxes->size();
  // Per box: whether a class's rule drops it.
  std::vector<bool> dropped(n);
  // Per class with rule kSmall: its contained boxes and what contains them.
  std::array<std::vector<bool>, kRegionLabels> contains, contained;
  for (size_t i = 0; i < n; ++i) {
    const Candidate& inner = (*boxes)[i];
    // These are never counted as contained.
    if (Is(inner, RegionLabel::kImage) || Is(inner, RegionLabel::kSeal) ||
        Is(inner, RegionLabel::kChart)) {
      continue;
    }
    for (size_t j = 0; j < n; ++j) {
      const Candidate& outer = (*boxes)[j];
      if (i == j || !Contains(outer, inner)) continue;
      if (rules.nested[static_cast<size_t>(outer.label)] == NestedBoxes::kLarge) dropped[i] = true;
      const auto c = static_cast<size_t>(inner.label);
      if (rules.nested[c] != NestedBoxes::kSmall) continue;
      contains[c].resize(n);
      contained[c].resize(n);
      contains[c][j] = true;
      contained[c][i] = true;
    }
  }
  for (size_t c = 0; c < kRegionLabels; ++c) {
    for (size_t i = 0; i < contains[c].size(); ++i) {
      if (contains[c][i] && !contained[c][i]) dropped[i] = true;
    }
  }
  Candidates kept;
  for (size_t i = 0; i < n; ++i) {
    if (!dropped[i]) kept.push_back((*boxes)[i]);
  }
  *boxes = std::move(kept);
}

std::array<double, 4> Unclipped(const std::array<double, 4>& box,
                                const std::array<double, 2>& ratio) {
  const double width = box[2] - box[0], height = box[3] - box[1];
  const double w = width * ratio[0], h = height * ratio[1];
  const double x = box[0] + width / 2, y = box[1] + height / 2;
  return {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
}

// The polygon of the first detection whose box is this one, give or take a pixel.
std::vector<PolygonPoint> PolygonOf(const std::array<double, 4>& box,
                                    const std::vector<LayoutDetection>& detections) {
  for (const LayoutDetection& d : detections) {
    bool close = true;
    for (size_t i = 0; i < 4; ++i)
      close &= std::abs(double{d.box[i]} - box[i]) <= 1.0 + 1e-5 * std::abs(box[i]);
    if (close) return d.polygon;
  }
  return {};
}

}  // namespace

float LayoutRules::LowestThreshold() const {
  float lowest = threshold;
  for (const std::optional<float>& of_class : threshold_of)
    if (of_class) lowest = std::min(lowest, *of_class);
  return lowest;
}

std::vector<RuledRegion> ApplyLayoutRules(const std::vector<LayoutDetection>& detections,
                                          const LayoutRules& rules, int page_width_px,
                                          int page_height_px) {
  std::vector<LayoutDetection> counted;
  Candidates boxes;
  for (const LayoutDetection& d : detections) {
    GLM_CHECK(d.label >= 0 && d.label < kRegionLabels);
    if (d.score < rules.threshold_of[static_cast<size_t>(d.label)].value_or(rules.threshold))
      continue;
    counted.push_back(d);
    boxes.push_back({d.label, d.score, {d.box[0], d.box[1], d.box[2], d.box[3]}, d.order});
  }
  if (rules.suppress_duplicates) boxes = SuppressDuplicates(boxes);
  const double width = page_width_px, height = page_height_px;
  DropPagePictures(width, height, &boxes);
  DropNested(rules, &boxes);
  std::stable_sort(boxes.begin(), boxes.end(),
                   [](const Candidate& a, const Candidate& b) { return a.order < b.order; });
  std::vector<RuledRegion> regions;
  for (const Candidate& c : boxes) {
    const std::array<double, 4> scaled = Unclipped(c.box, rules.unclip_ratio);
    const double x0 = std::clamp(scaled[0], 0.0, width), y0 = std::clamp(scaled[1], 0.0, height),
                 x1 = std::clamp(scaled[2], 0.0, width), y1 = std::clamp(scaled[3], 0.0, height);
    if (x0 >= x1 || y0 >= y1) continue;
    RuledRegion region{.label = c.label,
                       .score = c.score,
                       .box = {static_cast<int>(x0), static_cast<int>(y0), static_cast<int>(x1),
                               static_cast<int>(y1)},
                       .order = c.order > 0 ? std::optional<int>(c.order) : std::nullopt,
                       .polygon = PolygonOf(scaled, counted)};
    for (PolygonPoint& p : region.polygon)
      p = {std::clamp(p.x, 0.0, width), std::clamp(p.y, 0.0, height)};
    if (region.polygon.empty()) region.polygon = {{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}};
    regions.push_back(std::move(region));
  }
  return regions;
}

}  // namespace glmocr
