#include "document/region_label.h"

#include <array>

namespace glmocr {
namespace {

struct Entry {
  std::string_view name;
  RegionTask task;
};

constexpr std::array<Entry, kRegionLabels> kEntries = {{
    {"abstract", RegionTask::kText},
    {"algorithm", RegionTask::kText},
    {"aside_text", RegionTask::kAbandon},
    {"chart", RegionTask::kSkip},
    {"content", RegionTask::kText},
    {"display_formula", RegionTask::kFormula},
    {"doc_title", RegionTask::kText},
    {"figure_title", RegionTask::kText},
    {"footer", RegionTask::kAbandon},
    {"footer_image", RegionTask::kAbandon},
    {"footnote", RegionTask::kAbandon},
    {"formula_number", RegionTask::kText},
    {"header", RegionTask::kAbandon},
    {"header_image", RegionTask::kAbandon},
    {"image", RegionTask::kSkip},
    {"inline_formula", RegionTask::kFormula},
    {"number", RegionTask::kAbandon},
    {"paragraph_title", RegionTask::kText},
    {"reference", RegionTask::kAbandon},
    {"reference_content", RegionTask::kText},
    {"seal", RegionTask::kText},
    {"table", RegionTask::kTable},
    {"text", RegionTask::kText},
    {"vertical_text", RegionTask::kText},
    {"vision_footnote", RegionTask::kText},
}};

}  // namespace

std::string_view RegionLabelName(RegionLabel label) {
  return kEntries[static_cast<size_t>(label)].name;
}

std::optional<RegionLabel> RegionLabelFromName(std::string_view name) {
  if (name == "formula") return RegionLabel::kDisplayFormula;
  for (size_t i = 0; i < kEntries.size(); ++i) {
    if (kEntries[i].name == name) return static_cast<RegionLabel>(i);
  }
  return std::nullopt;
}

RegionTask TaskOf(RegionLabel label) { return kEntries[static_cast<size_t>(label)].task; }

}  // namespace glmocr
