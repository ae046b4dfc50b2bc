// Nothing printed is lost: what a layout engine's regions leave out is found by the geometric one
// and comes as regions of its own.
#pragma once

#include <memory>

#include "layout/layout.h"

namespace glmocr {

// `engine`, with regions added behind its own (score 0) for text that lies in none of them.
// `engine` gives regions in pixels of the input; `finder` may turn or straighten the page: its
// regions are then the boxes around them in the input, and are read in the finder's pixels.
std::unique_ptr<LayoutEngine> WithUncovered(std::unique_ptr<LayoutEngine> engine,
                                            std::unique_ptr<LayoutEngine> finder);

}  // namespace glmocr
