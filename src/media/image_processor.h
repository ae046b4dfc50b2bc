// Pictures to model input for the GLM-V family (GLM-OCR, GLM-4.1V/4.5V/4.6V): smart resize,
// normalise, patchify.
//
// Equal, bit for bit, to Hugging Face's Glm46VImageProcessor with backend="pil" (docs/media.md;
// Ref: transformers models/glm46v/image_processing_pil_glm46v.py). How to use:
//   GLM_ASSIGN(ImageProcessorConfig config, ImageProcessorConfig::FromJson(text,
//   "preprocessor_config.json")); GLM_ASSIGN(Patches patches, Preprocess(image, config));
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "media/image.h"

namespace glmocr {

struct ImageProcessorConfig {
  // Pixel AREAS summed over temporal_patch_size frames, in spite of the fields' names: a still
  // image may have half.
  int64_t shortest_edge = 112 * 112;
  int64_t longest_edge = int64_t{28} * 28 * 15000;
  int patch_size = 14;
  int temporal_patch_size = 2;
  int merge_size = 2;
  bool do_resize = true;
  bool do_rescale = true;
  bool do_normalize = true;
  double rescale_factor = 1.0 / 255.0;
  std::array<double, 3> image_mean = {0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> image_std = {0.26862954, 0.26130258, 0.27577711};

  int factor() const { return patch_size * merge_size; }
  int patch_values() const { return 3 * temporal_patch_size * patch_size * patch_size; }

  // From preprocessor_config.json. The values above stand for absent fields, as in Hugging Face's
  // class; "size" and "patch_size" must be there (a file without them is some other model's).
  // Unknown fields are ignored. Errors name the field: kCorrupt (not JSON, wrong type, missing),
  // kUnsupported (a resampling filter other than bicubic).
  static Result<ImageProcessorConfig> FromJson(std::string_view json, std::string_view name);
  // Of that file, which may have 1 MiB. Errors: also those of ReadFile.
  static Result<ImageProcessorConfig> FromFile(const std::filesystem::path& path);
};

// A grid of patches: frames/temporal_patch_size x rows x columns.
struct GridThw {
  int t = 1;
  int h = 0;
  int w = 0;
  int64_t n_patches() const { return int64_t{t} * h * w; }
  // After merging merge_size^2 patches each.
  int64_t n_tokens(int merge_size) const {
    return n_patches() / (int64_t{merge_size} * merge_size);
  }
  bool operator==(const GridThw&) const = default;
};

struct Size {
  int width_px = 0;
  int height_px = 0;
  bool operator==(const Size&) const = default;
};

// The size a picture (n_frames frames of it) is resized to: multiples of factor() whose total area
// lies within the limits. kInvalidArgument: aspect ratio above 200, n_frames < temporal_patch_size,
// or an empty picture.
Result<Size> SmartResize(int n_frames, int width_px, int height_px,
                         const ImageProcessorConfig& config);

struct Patches {
  GridThw grid;
  // [grid.n_patches(), 3 * temporal_patch_size * patch_size^2] f32. Rows in merge-window order:
  // windows row-major, then the merge_size^2 patches of a window row-major. Columns: ((channel *
  // temporal + t) * patch + y) * patch + x.
  std::vector<float> values;
};

// One still image (its frame is repeated temporal_patch_size times). Errors as SmartResize.
Result<Patches> Preprocess(const Image& image, const ImageProcessorConfig& config,
                           ThreadPool* pool = nullptr);

}  // namespace glmocr
