// What is done to a page's picture before any layout: its levels are spread where writing hardly
// shows, the sheet is taken out of a frame or off a desk, and it is turned upright.
//
// Serves every layout engine and model; the transform leads from the picture that is laid out back
// to the input. Where the letters alone do not tell which way up a page is, a line reader at hand
// reads a line or two both ways. How to use:
//   GLM_ASSIGN(PageFront front, MakeUpright(image, read_line));
//   engine->Analyze(front.picture(image));
#pragma once

#include <functional>
#include <optional>

#include "base/result.h"
#include "media/image.h"
#include "media/page_transform.h"

namespace glmocr {

struct PageFront {
  std::optional<Image> image;  // nothing: the input as it is
  PageTransform transform;     // from that picture to the input
  double skew_degrees = 0;     // taken off beside quarter turns, clockwise positive
  const Image& picture(const Image& input) const { return image ? *image : input; }
};

// Reads the picture of one piece of a line (PieceForModel): the mean probability of what it read,
// nothing when that failed.
using LineReader = std::function<std::optional<double>(const Image& piece)>;

// `read` may be empty. Errors: kInvalidArgument (empty picture), kOutOfMemory.
Result<PageFront> MakeUpright(const Image& page, const LineReader& read);

}  // namespace glmocr
