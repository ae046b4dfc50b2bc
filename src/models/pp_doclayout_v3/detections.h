// From the network's outputs to detected regions with boxes, polygons and reading order.
// Ref: transformers models/pp_doclayout_v3/image_processing_pp_doclayout_v3.py,
// post_process_object_detection.
#pragma once

#include <array>
#include <vector>

#include "models/pp_doclayout_v3/decoder.h"
#include "models/pp_doclayout_v3/polygon.h"

namespace glmocr {

struct LayoutDetection {
  int label = 0;    // class id
  float score = 0;  // 0..1
  std::array<float, 4> box =
      {};         // left, top, right, bottom in the page's pixels; may reach outside
  int order = 0;  // rank of its query in reading order
  std::vector<PolygonPoint> polygon;  // the page's pixels; at least four points
};

// The rank of every query: who is voted behind most others comes last. order_logits [n, n] as in
// LayoutOutputs.
std::vector<int> ReadingRanks(ConstMatrix order_logits);

struct DetectionOptions {
  float threshold = 0.5f;  // of scores, and of the pixels of masks
  int page_width_px = 0, page_height_px = 0;
};

// All (query, class) pairs that score at least the threshold, at most num_queries, in reading
// order. Outputs that are no numbers are left out. kResourceExhausted.
Result<std::vector<LayoutDetection>> Detect(const Context& ctx, const LayoutOutputs& outputs,
                                            const DetectionOptions& options);

// The polygon of a mask [height, width] of logits, whose page it covers, inside `box` (page
// pixels): the box's corners when the mask has none there. A pixel is inside when its sigmoid
// exceeds `threshold`. Ref: _extract_polygon_points_by_masks.
struct MaskView {
  const float* logits = nullptr;
  int width = 0, height = 0;
};
std::vector<PolygonPoint> PolygonInBox(const MaskView& mask, const std::array<float, 4>& box,
                                       const DetectionOptions& options);

}  // namespace glmocr
