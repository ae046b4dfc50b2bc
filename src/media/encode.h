// Pictures out: JPEG (libjpeg-turbo) and PNG (libpng), the codecs that read them as well.
#pragma once

#include <string>

#include "base/result.h"
#include "media/image.h"

namespace glmocr {

// A baseline JPEG, colours at half resolution (4:2:0), the quantisation of Pillow's `quality` (1 to
// 100). With `pixels_per_inch` > 0 the file says so.
// Errors: kInvalidArgument (empty picture, a side over 65,500 pixels), kResourceExhausted.
Result<std::string> EncodeJpeg(const Image& image, int quality, int pixels_per_inch = 0);

// An RGB PNG of 8 bits. Errors: kInvalidArgument (empty picture), kResourceExhausted.
Result<std::string> EncodePng(const Image& image);

}  // namespace glmocr
