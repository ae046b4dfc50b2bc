#include "document/warning.h"

#include <algorithm>
#include <array>

namespace glmocr {
namespace {

constexpr std::array<std::string_view, 11> kNames = {
    "no_text",          "uncovered_ink",  "low_confidence",
    "text_cut",         "low_resolution", "frames_skipped",
    "task_unsupported", "pages_missing",  "text_layer_rejected",
    "picture_damaged",  "output"};

}  // namespace

std::string_view WarningKindName(WarningKind kind) { return kNames[static_cast<size_t>(kind)]; }

WarningKind WarningKindFromName(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() ? WarningKind::kOutput
                               : static_cast<WarningKind>(found - kNames.begin());
}

}  // namespace glmocr
