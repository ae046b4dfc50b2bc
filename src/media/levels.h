// Pictures whose writing can hardly be told from its ground by lightness: too dark (12 bits of
// brightness in 16, an underexposed photograph), too pale, or coloured writing on a ground of equal
// lightness. They become gray pictures of full range, by the colour channel that shows most.
#pragma once

#include <optional>

#include "media/image.h"

namespace glmocr {

// Nothing: the picture is fine as it is, or shows nothing at all.
std::optional<Image> SpreadLevels(const Image& picture);

}  // namespace glmocr
