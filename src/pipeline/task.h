// What the model is asked to do with a region.
#pragma once

#include <string_view>

namespace glmocr {

enum class Task { kText, kTable, kFormula };

// The instructions that GLM-OCR was trained with.
inline std::string_view TaskInstruction(Task task) {
  switch (task) {
    case Task::kText:
      return "Text Recognition:";
    case Task::kTable:
      return "Table Recognition:";
    case Task::kFormula:
      return "Formula Recognition:";
  }
  return {};
}

}  // namespace glmocr
