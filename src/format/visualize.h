// The page with its regions drawn on it: outlines coloured by kind, the number in reading order,
// label, and how sure the model was, from red (0) over yellow to green (1).
#pragma once

#include "base/result.h"
#include "document/page.h"

namespace glmocr {

// Errors: kInvalidArgument (the page has no picture).
Result<Image> DrawRegions(const ReadPage& page);

}  // namespace glmocr
