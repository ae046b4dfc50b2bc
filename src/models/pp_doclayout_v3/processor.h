// The network's input from a page's picture: exactly the configured size (the aspect is not kept),
// bicubic without antialiasing on 8 bits, divided by 255.
// Ref: transformers models/pp_doclayout_v3/image_processing_pp_doclayout_v3.py.
#pragma once

#include "media/image.h"
#include "models/pp_doclayout_v3/config.h"
#include "ops/conv.h"

namespace glmocr {

// [height * width, 4]: red, green, blue in 0..1, and 0. `page` must not be empty. `pool` may be
// null.
FeatureMap PrepareLayoutImage(const Image& page, const PpDocLayoutImageConfig& config,
                              ThreadPool* pool);

}  // namespace glmocr
