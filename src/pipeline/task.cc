#include "pipeline/task.h"

#include <fmt/format.h>

namespace glmocr {

Status CheckTask(std::string_view name, bool reads_lines) {
  if (!reads_lines || name == "auto" || name == "text") return OkStatus();
  const bool known = name == "table" || name == "formula";
  return Error{ErrorCode::kUnsupported,
               fmt::format("task {}: this model reads lines of text only; use auto (tables come "
                           "from the layout) or text, or name a GLM-OCR checkpoint with --model",
                           known ? name : "of your own")};
}

}  // namespace glmocr
