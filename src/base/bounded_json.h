// JSON that someone else wrote (files, requests), parsed with limits. Include this only in .cc
// files: it brings nlohmann-json.
//
// nlohmann's parser keeps its own stack, so deep nesting cannot overflow ours, but it lets
// duplicate keys through (the last wins, which hides tampering) and code that walks a value may
// recurse. So the values are built here, from the parser's events, and both are refused when they
// are met.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"

namespace glmocr {

// kCorrupt, naming `file_name` and the byte, for text that is not one JSON value within the limits.
Result<nlohmann::json> ParseBoundedJson(std::string_view text, std::string_view file_name,
                                        size_t max_depth = 32);
// The same, with the members of objects in the order of the text. To look one up takes time in
// proportion to their number.
Result<nlohmann::ordered_json> ParseBoundedOrderedJson(std::string_view text,
                                                       std::string_view file_name,
                                                       size_t max_depth = 32);

// The limits, for who makes something else of the events (nlohmann::json_sax). Each call says
// whether to read on; after the first that does not, `problem` says why.
class JsonLimits {
 public:
  explicit JsonLimits(size_t max_depth) : max_depth_(max_depth) {}
  bool Enter();  // an object or an array begins
  bool Leave();
  bool Key(const std::string& name);
  bool NotJson(size_t position);
  bool Fail(std::string what);
  const std::string& problem() const { return problem_; }

 private:
  size_t max_depth_;
  std::vector<std::unordered_set<std::string>> keys_;  // one set per open object or array
  std::string problem_;
};

}  // namespace glmocr
