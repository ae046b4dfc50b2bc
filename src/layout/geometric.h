// Layout from what the page shows alone, without weights: text lines (media/lines.h) grouped to
// paragraphs, headings, lists, page furniture; ruled tables; figures. It finds every line that the
// line finder finds: no text is lost between its regions.
#pragma once

#include <memory>

#include "layout/layout.h"

namespace glmocr {

std::unique_ptr<LayoutEngine> MakeGeometricLayout();

}  // namespace glmocr
