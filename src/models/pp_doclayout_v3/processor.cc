#include "models/pp_doclayout_v3/processor.h"

#include "media/resize.h"

namespace glmocr {

FeatureMap PrepareLayoutImage(const Image& page, const PpDocLayoutImageConfig& config,
                              ThreadPool* pool) {
  const Image resized = InterpolateBicubic(page, config.width_px, config.height_px, pool);
  FeatureMap map;
  map.Resize(resized.height_px, resized.width_px, 4);
  for (int64_t i = 0; i < map.pixels.rows(); ++i) {
    const uint8_t* from = resized.rgb.data() + 3 * i;
    float* to = map.pixels.row(i);
    for (int c = 0; c < 3; ++c) to[c] = static_cast<float>(from[c]) / 255.0f;
    to[3] = 0;
  }
  return map;
}

}  // namespace glmocr
