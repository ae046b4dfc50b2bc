// Warnings as JSON, the same in documents, journals and jobs. Include this only in .cc files.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "document/warning.h"

namespace glmocr {

// [{"kind": "no_text", "page": 3, "message": "..."}]; "page" only with `pages`, 0 is left out.
enum class WarningPages { kLeaveOut, kTell };
inline nlohmann::ordered_json WarningsJson(std::span<const Warning> warnings, WarningPages pages) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Warning& warning : warnings) {
    nlohmann::ordered_json& one = out.emplace_back();
    one["kind"] = WarningKindName(warning.kind);
    if (pages == WarningPages::kTell && warning.page > 0) one["page"] = warning.page;
    one["message"] = warning.message;
  }
  return out;
}

// The inverse; what is malformed is left out.
inline std::vector<Warning> WarningsFromJson(const nlohmann::json& json) {
  std::vector<Warning> warnings;
  if (!json.is_array()) return warnings;
  for (const nlohmann::json& one : json) {
    if (!one.is_object()) continue;
    const auto text = [&](const char* key) {
      const auto found = one.find(key);
      return found != one.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const auto page = one.find("page");
    warnings.push_back(
        {.kind = WarningKindFromName(text("kind")),
         .page = page != one.end() && page->is_number_integer() ? page->get<int>() : 0,
         .message = text("message")});
  }
  return warnings;
}

}  // namespace glmocr
