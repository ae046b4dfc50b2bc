#include "media/image_processor.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "media/resize.h"

namespace glmocr {
namespace {

// Python's round(): halves to even. std::nearbyint would depend on the rounding mode of the thread.
int64_t RoundHalfEven(double x) {
  const double floor = std::floor(x);
  const double rest = x - floor;
  const auto down = static_cast<int64_t>(floor);
  if (rest > 0.5 || (rest == 0.5 && down % 2 != 0)) return down + 1;
  return down;
}

// table[c][v]: the model's input for level v of channel c. 8-bit pixels have 256 levels, so the
// arithmetic is done once per level: f32(f64(v) * f64(scale)), then (y - f32(mean)) / f32(std) in
// f32, as numpy does it.
using LevelTable = std::array<std::array<float, 256>, 3>;

LevelTable MakeLevels(const ImageProcessorConfig& config) {
  LevelTable table;
  for (int c = 0; c < 3; ++c) {
    const auto mean = static_cast<float>(config.image_mean[c]);
    const auto std = static_cast<float>(config.image_std[c]);
    for (int v = 0; v < 256; ++v) {
      float y =
          config.do_rescale ? static_cast<float>(v * config.rescale_factor) : static_cast<float>(v);
      if (config.do_normalize) y = (y - mean) / std;
      table[c][v] = y;
    }
  }
  return table;
}

}  // namespace

Result<Size> SmartResize(int n_frames, int width_px, int height_px,
                         const ImageProcessorConfig& config) {
  if (width_px <= 0 || height_px <= 0) {
    return Error{ErrorCode::kInvalidArgument, "the image is empty (no pixels)"};
  }
  if (n_frames < config.temporal_patch_size) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("{} frames, but at least {} are needed",
                                                          n_frames, config.temporal_patch_size)};
  }
  const int factor = config.factor();
  int64_t h = height_px, w = width_px;
  if (h < factor || w < factor) {
    const double scale = std::max(static_cast<double>(factor) / static_cast<double>(h),
                                  static_cast<double>(factor) / static_cast<double>(w));
    h = static_cast<int64_t>(static_cast<double>(h) * scale);
    w = static_cast<int64_t>(static_cast<double>(w) * scale);
  }
  const double aspect = static_cast<double>(std::max(h, w)) /
                        static_cast<double>(std::max<int64_t>(1, std::min(h, w)));
  if (aspect > 200) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the image is {} x {} pixels: one side is more than 200 times the "
                             "other; crop it or cut it into pieces",
                             width_px, height_px)};
  }
  const auto height = static_cast<double>(h), width = static_cast<double>(w);
  int64_t hb = RoundHalfEven(height / factor) * factor;
  int64_t wb = RoundHalfEven(width / factor) * factor;
  const int64_t tb = RoundHalfEven(static_cast<double>(n_frames) / config.temporal_patch_size) *
                     config.temporal_patch_size;
  const double volume = static_cast<double>(n_frames) * height * width;
  auto limit = [](int64_t v) { return static_cast<double>(v); };
  if (tb * hb * wb > config.longest_edge) {
    const double beta = std::sqrt(volume / limit(config.longest_edge));
    hb = std::max<int64_t>(factor,
                           static_cast<int64_t>(std::floor(height / beta / factor)) * factor);
    wb =
        std::max<int64_t>(factor, static_cast<int64_t>(std::floor(width / beta / factor)) * factor);
  } else if (tb * hb * wb < config.shortest_edge) {
    const double beta = std::sqrt(limit(config.shortest_edge) / volume);
    hb = static_cast<int64_t>(std::ceil(height * beta / factor)) * factor;
    wb = static_cast<int64_t>(std::ceil(width * beta / factor)) * factor;
  }
  return Size{static_cast<int>(wb), static_cast<int>(hb)};
}

Result<Patches> Preprocess(const Image& image, const ImageProcessorConfig& config,
                           ThreadPool* pool) {
  Image resized;
  const Image* pixels = &image;
  if (config.do_resize) {
    GLM_ASSIGN(Size size,
               SmartResize(config.temporal_patch_size, image.width_px, image.height_px, config));
    if (size != Size{image.width_px, image.height_px}) {
      resized = ResizeBicubic(image, size.width_px, size.height_px, pool);
      pixels = &resized;
    }
  } else if (image.empty() || image.width_px % config.factor() != 0 ||
             image.height_px % config.factor() != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the image is {} x {} pixels; without do_resize both sides must be "
                             "multiples of {}",
                             image.width_px, image.height_px, config.factor())};
  }

  const int patch = config.patch_size, merge = config.merge_size;
  const LevelTable levels = MakeLevels(config);
  Patches out;
  out.grid = {1, pixels->height_px / patch, pixels->width_px / patch};
  const size_t frame_values = static_cast<size_t>(patch) * patch;
  const size_t row_values = static_cast<size_t>(config.patch_values());
  out.values.resize(static_cast<size_t>(out.grid.n_patches()) * row_values);

  // One band of windows: merge * grid.w patches.
  auto band = [&](int64_t window_y) {
    float* to = out.values.data() + static_cast<size_t>(window_y) * merge * out.grid.w * row_values;
    for (int window_x = 0; window_x < out.grid.w / merge; ++window_x) {
      for (int a = 0; a < merge; ++a) {
        for (int b = 0; b < merge; ++b, to += row_values) {
          const int y0 = (static_cast<int>(window_y) * merge + a) * patch;
          const int x0 = (window_x * merge + b) * patch;
          for (int y = 0; y < patch; ++y) {
            const uint8_t* from = pixels->row(y0 + y) + static_cast<size_t>(x0) * 3;
            for (int c = 0; c < 3; ++c) {
              float* line = to + c * config.temporal_patch_size * frame_values + y * patch;
              for (int x = 0; x < patch; ++x) line[x] = levels[c][from[x * 3 + c]];
            }
          }
          for (int c = 0; c < 3; ++c) {
            float* frame = to + c * config.temporal_patch_size * frame_values;
            for (int t = 1; t < config.temporal_patch_size; ++t) {
              std::memcpy(frame + t * frame_values, frame, frame_values * sizeof(float));
            }
          }
        }
      }
    }
  };
  const int64_t n_bands = out.grid.h / merge;
  if (pool == nullptr) {
    for (int64_t i = 0; i < n_bands; ++i) band(i);
  } else {
    pool->For(n_bands, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) band(i);
    });
  }
  return out;
}

}  // namespace glmocr
