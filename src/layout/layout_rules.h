// What the GLM-OCR SDK does with detected regions before it reads them: duplicates and nested boxes
// go, boxes are clamped to the page.
//
// Its results are reproduced, odd ones included: two boxes of different classes that contain each
// other delete each other; a polygon is looked up by its box's coordinates. Ref: GLM-OCR SDK,
// glmocr/utils/layout_postprocess_utils.py, apply_layout_postprocess; glmocr/config.yaml
// (defaults); layout/layout_detector.py, _apply_per_class_threshold.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "document/region_label.h"
#include "models/pp_doclayout_v3/detections.h"

namespace glmocr {

enum class NestedBoxes {
  kUnion,  // nothing goes
  kLarge,  // what a box of this class contains goes
  kSmall,  // boxes that contain one of this class go, unless they are contained in one themselves
};

struct LayoutRules {
  float threshold = 0.3f;  // score from which a region counts, and a pixel of its mask
  std::array<std::optional<float>, kRegionLabels> threshold_of = {};  // by class id, instead
  bool suppress_duplicates = true;
  // Boxes scaled about their centres, width and height; of every class. Positive.
  std::array<double, 2> unclip_ratio = {1, 1};
  std::array<NestedBoxes, kRegionLabels> nested = DefaultNested();

  static constexpr std::array<NestedBoxes, kRegionLabels> DefaultNested() {
    std::array<NestedBoxes, kRegionLabels> nested = {};
    nested.fill(NestedBoxes::kLarge);
    nested[static_cast<size_t>(RegionLabel::kReference)] = NestedBoxes::kSmall;
    return nested;
  }
  // The lowest threshold of any class: what Detect must be asked for.
  float LowestThreshold() const;
};

struct RuledRegion {
  int label = 0;
  double score = 0;
  std::array<int, 4> box = {};  // left, top, right, bottom; inside the page, truncated
  // The SDK's number of the place in reading order, which it does not tell for the first query.
  std::optional<int> order;
  std::vector<PolygonPoint> polygon;  // inside the page
};

// `detections` in reading order, labels below kRegionLabels, coordinates finite. The regions that
// are left, in reading order.
std::vector<RuledRegion> ApplyLayoutRules(const std::vector<LayoutDetection>& detections,
                                          const LayoutRules& rules, int page_width_px,
                                          int page_height_px);

}  // namespace glmocr
