// Kinds of page regions, and what the official SDK does with each.
//
// The 25 classes are PP-DocLayoutV3's, by class id, under the names of the GLM-OCR SDK (the
// checkpoint's own id2label collapses several of them, so labels are taken by id). Source: GLM-OCR
// SDK, glmocr/config.yaml (id2label, label_task_mapping).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace glmocr {

enum class RegionLabel : uint8_t {
  kAbstract = 0,
  kAlgorithm,
  kAsideText,
  kChart,
  kContent,
  kDisplayFormula,
  kDocTitle,
  kFigureTitle,
  kFooter,
  kFooterImage,
  kFootnote,
  kFormulaNumber,
  kHeader,
  kHeaderImage,
  kImage,
  kInlineFormula,
  kNumber,
  kParagraphTitle,
  kReference,
  kReferenceContent,
  kSeal,
  kTable,
  kText,
  kVerticalText,
  kVisionFootnote,
};
inline constexpr int kRegionLabels = 25;

// "doc_title", "display_formula", ...
std::string_view RegionLabelName(RegionLabel label);
// The inverse; "formula" (the checkpoint's collapsed name) is display_formula. Null for other
// names.
std::optional<RegionLabel> RegionLabelFromName(std::string_view name);

// What is done with a region.
enum class RegionTask {
  kText,
  kTable,
  kFormula,
  kSkip,     // kept as a picture, not read
  kAbandon,  // page furniture: the SDK drops it
};
RegionTask TaskOf(RegionLabel label);

}  // namespace glmocr
