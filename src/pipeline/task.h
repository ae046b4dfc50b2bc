// What the model is asked to do with a region.
#pragma once

#include <string_view>

#include "base/result.h"

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

// Of a task by its name, "text", "table" or "formula"; empty for "auto", by which every region is
// read as what it is. Other names are instructions themselves.
inline std::string_view InstructionOfTask(std::string_view name) {
  if (name == "auto") return {};
  if (name == "text") return TaskInstruction(Task::kText);
  if (name == "table") return TaskInstruction(Task::kTable);
  if (name == "formula") return TaskInstruction(Task::kFormula);
  return name;
}

// Whether a model can do the task of that name. One that reads lines was trained on text alone:
// tables come from its lines and the layout's grid, formulas not at all, and it follows no
// instruction. kUnsupported says what it can do.
Status CheckTask(std::string_view name, bool reads_lines);

}  // namespace glmocr
