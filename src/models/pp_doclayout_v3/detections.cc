#include "models/pp_doclayout_v3/detections.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace glmocr {
namespace {

constexpr int kMaskStride = 4;  // input pixels of the network to a pixel of a mask

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

struct Candidate {
  float score = 0;
  int64_t query = 0;
  int label = 0;
};

std::vector<Candidate> BestCandidates(const Matrix& logits, float threshold) {
  std::vector<Candidate> candidates;
  for (int64_t q = 0; q < logits.rows(); ++q) {
    for (int64_t c = 0; c < logits.cols(); ++c) {
      const float score = Sigmoid(logits.row(q)[c]);
      if (score >= threshold) candidates.push_back({score, q, static_cast<int>(c)});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  if (candidates.size() > static_cast<size_t>(logits.rows()))
    candidates.resize(static_cast<size_t>(logits.rows()));
  return candidates;
}

// round(position * scale) of the mask, halves to even as Python rounds, inside it. In fp32, as the
// reference has its sizes in tensors.
int MaskPosition(int position, float scale, int size) {
  return static_cast<int>(std::clamp(std::nearbyint(static_cast<float>(position) * scale), 0.0f,
                                     static_cast<float>(size)));
}

// Truncated, and no further from the page than an integer can tell.
int Truncated(float x) { return static_cast<int>(std::clamp(x, -1e6f, 1e6f)); }

}  // namespace

std::vector<int> ReadingRanks(ConstMatrix order_logits) {
  const int64_t n = order_logits.rows;
  std::vector<double> votes(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i + 1; j < n; ++j) {
      const double after = Sigmoid(order_logits.row(i)[j]);  // that j follows i
      if (std::isnan(after)) continue;                       // of broken weights: no vote
      votes[static_cast<size_t>(j)] += after;
      votes[static_cast<size_t>(i)] += 1 - after;
    }
  }
  std::vector<int> by_votes(static_cast<size_t>(n)), ranks(static_cast<size_t>(n));
  std::iota(by_votes.begin(), by_votes.end(), 0);
  std::stable_sort(by_votes.begin(), by_votes.end(), [&](int a, int b) {
    return votes[static_cast<size_t>(a)] < votes[static_cast<size_t>(b)];
  });
  for (size_t rank = 0; rank < by_votes.size(); ++rank)
    ranks[static_cast<size_t>(by_votes[rank])] = static_cast<int>(rank);
  return ranks;
}

std::vector<PolygonPoint> PolygonInBox(const MaskView& mask, const std::array<float, 4>& box,
                                       const DetectionOptions& options) {
  const int x0 = Truncated(box[0]), y0 = Truncated(box[1]), x1 = Truncated(box[2]),
            y1 = Truncated(box[3]);
  const double left = x0, top = y0, right = x1, bottom = y1;
  const std::vector<PolygonPoint> corners = {
      {left, top}, {right, top}, {right, bottom}, {left, bottom}};
  if (x1 <= x0 || y1 <= y0) return corners;
  // A number over a tensor is the tensor's reciprocal times the number in torch.
  const auto scale = [](int size, int page) {
    return 1.0f / static_cast<float>(page) * static_cast<float>(size * kMaskStride) / kMaskStride;
  };
  const float scale_x = scale(mask.width, options.page_width_px),
              scale_y = scale(mask.height, options.page_height_px);
  const int mx0 = MaskPosition(x0, scale_x, mask.width),
            mx1 = MaskPosition(x1, scale_x, mask.width),
            my0 = MaskPosition(y0, scale_y, mask.height),
            my1 = MaskPosition(y1, scale_y, mask.height);
  if (mx1 <= mx0 || my1 <= my0) return corners;
  const int width = mx1 - mx0, height = my1 - my0;
  std::vector<uint8_t> inside(static_cast<size_t>(width) * static_cast<size_t>(height));
  for (int y = 0; y < height; ++y) {
    const float* row = mask.logits + static_cast<int64_t>(my0 + y) * mask.width + mx0;
    for (int x = 0; x < width; ++x)
      inside[static_cast<size_t>(y * width + x)] = Sigmoid(row[x]) > options.threshold ? 1 : 0;
  }
  std::vector<PolygonPoint> polygon =
      MaskPolygon(ScaledMask(inside.data(), width, height, width, {x1 - x0, y1 - y0}));
  if (polygon.empty()) return corners;
  for (PolygonPoint& p : polygon) {
    p.x += x0;
    p.y += y0;
  }
  return polygon;
}

Result<std::vector<LayoutDetection>> Detect(const Context& ctx, const LayoutOutputs& outputs,
                                            const DetectionOptions& options) {
  GLM_CHECK(options.page_width_px > 0 && options.page_height_px > 0);
  const std::vector<Candidate> candidates = BestCandidates(outputs.logits, options.threshold);
  const std::vector<int> ranks = ReadingRanks(outputs.order_logits);
  std::vector<int64_t> queries;
  std::vector<LayoutDetection> found;
  const auto width = static_cast<float>(options.page_width_px),
             height = static_cast<float>(options.page_height_px);
  for (const Candidate& c : candidates) {
    const float* b = outputs.boxes.row(c.query);
    const std::array<float, 4> box = {(b[0] - 0.5f * b[2]) * width, (b[1] - 0.5f * b[3]) * height,
                                      (b[0] + 0.5f * b[2]) * width, (b[1] + 0.5f * b[3]) * height};
    if (!std::all_of(box.begin(), box.end(), [](float x) { return std::isfinite(x); })) continue;
    found.push_back({c.label, c.score, box, ranks[static_cast<size_t>(c.query)], {}});
    queries.push_back(c.query);
  }
  if (found.empty()) return found;
  GLM_ASSIGN(const Matrix masks, outputs.Masks(ctx, queries));
  ctx.pool->For(static_cast<int64_t>(found.size()), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      LayoutDetection& detection = found[static_cast<size_t>(i)];
      detection.polygon = PolygonInBox({masks.row(i), static_cast<int>(outputs.mask_features.width),
                                        static_cast<int>(outputs.mask_features.height)},
                                       detection.box, options);
    }
  });
  std::stable_sort(
      found.begin(), found.end(),
      [](const LayoutDetection& a, const LayoutDetection& b) { return a.order < b.order; });
  return found;
}

}  // namespace glmocr
