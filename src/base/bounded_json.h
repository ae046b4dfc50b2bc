// JSON documents from files, parsed with limits. Include this only in .cc files: it brings
// nlohmann-json.
//
// nlohmann's parser keeps its own stack, so deep nesting cannot overflow ours, but it lets
// duplicate keys through (the last wins, which hides tampering) and code that walks a value may
// recurse. So a first pass over the events refuses nesting beyond `max_depth` and duplicate keys,
// before a value is built.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace glmocr {

// kCorrupt, naming `file_name` and the byte, for text that is not one JSON value within the limits.
Result<nlohmann::json> ParseBoundedJson(std::string_view text, std::string_view file_name,
                                        size_t max_depth = 32);

}  // namespace glmocr
