#include "server/json_fields.h"

#include <fmt/format.h>

#include "base/bounded_json.h"
#include "base/untrusted_text.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxDepth = 64;

// Not fewer than there are values in a JSON text: each but the first of an object or array follows
// a comma, and the first an opening. Names count as values. One pass without memory: what is
// refused for its number was never built.
size_t CountJsonValues(std::string_view text) {
  size_t n = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ',' || c == '[' || c == '{' || c == ':') {
      ++n;
    } else if (c == '"') {
      do {
        i = text.find_first_of("\"\\", i + 1);
        if (i == std::string_view::npos) return n;
      } while (text[i] == '\\' && ++i < text.size());
    }
  }
  return n;
}

}  // namespace

Result<ordered_json> ParseRequestObject(const std::string& body, size_t max_values) {
  if (CountJsonValues(body) > max_values) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("The request's JSON holds more than {} values.", max_values)};
  }
  Result<ordered_json> parsed = ParseBoundedOrderedJson(body, "request", kMaxDepth);
  if (!parsed.ok()) {
    if (parsed.error().code != ErrorCode::kCorrupt) return parsed.error();
    return Error{ErrorCode::kInvalidArgument,
                 "The request's body is not a JSON object with distinct keys, nested at most " +
                     std::to_string(kMaxDepth) + " deep."};
  }
  if (!parsed->is_object()) {
    return Error{ErrorCode::kInvalidArgument, "The request's body must be a JSON object."};
  }
  return parsed;
}

Fields::Fields(const ordered_json& object, std::string path)
    : object_(object), path_(std::move(path)) {}

std::string Fields::PathOf(const std::string& name) const {
  return path_.empty() ? name : path_ + "." + name;
}

void Fields::Fail(const std::string& name, const std::string& what) {
  if (error_) return;
  const std::string where = PathOf(name);
  error_ = ApiError{.status = 400, .message = fmt::format("'{}' {}.", where, what), .param = where};
}

const ordered_json* Fields::Find(const char* name) {
  known_.insert(name);
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void Fields::Number(const char* name, double* value, double low, double high) {
  const ordered_json* found = Find(name);
  if (found == nullptr) return;
  if (!found->is_number()) return Fail(name, "must be a number");
  const double number = found->get<double>();
  if (!(number >= low && number <= high)) {
    return Fail(name, fmt::format("must be between {} and {}", low, high));
  }
  *value = number;
}

void Fields::Number(const char* name, float* value, double low, double high) {
  double number = static_cast<double>(*value);
  Number(name, &number, low, high);
  *value = static_cast<float>(number);
}

void Fields::Integer(const char* name, int64_t* value, int64_t low, int64_t high) {
  const ordered_json* found = Find(name);
  if (found == nullptr) return;
  if (!found->is_number_integer()) return Fail(name, "must be an integer");
  const bool huge = found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX;
  const int64_t number = huge ? INT64_MAX : found->get<int64_t>();
  if (huge || number < low || number > high) {
    return Fail(name, fmt::format("must be between {} and {}", low, high));
  }
  *value = number;
}

void Fields::Bool(const char* name, bool* value) {
  const ordered_json* found = Find(name);
  if (found == nullptr) return;
  if (!found->is_boolean()) return Fail(name, "must be true or false");
  *value = found->get<bool>();
}

void Fields::String(const char* name, std::string* value) {
  const ordered_json* found = Find(name);
  if (found == nullptr) return;
  if (!found->is_string()) return Fail(name, "must be a string");
  *value = found->get<std::string>();
}

void Fields::RequiredString(const char* name, std::string* value) {
  if (Find(name) == nullptr) return Fail(name, "is missing");
  String(name, value);
}

void Fields::Adopt(const Fields& inner) {
  if (!error_) error_ = inner.error_;
  for (std::string& name : inner.Unknown()) unknown_inside_.push_back(std::move(name));
}

const ordered_json* Fields::Any(const char* name) { return Find(name); }

const ordered_json* Fields::Object(const char* name) {
  const ordered_json* found = Find(name);
  if (found == nullptr || found->is_object()) return found;
  Fail(name, "must be an object");
  return nullptr;
}

const ordered_json* Fields::Array(const char* name) {
  const ordered_json* found = Find(name);
  if (found == nullptr || found->is_array()) return found;
  Fail(name, "must be an array");
  return nullptr;
}

std::vector<std::string> Fields::Unknown() const {
  std::vector<std::string> names = unknown_inside_;
  for (const auto& [name, value] : object_.items()) {
    if (known_.count(name) == 0) names.push_back(path_.empty() ? name : path_ + "." + name);
  }
  return names;
}

}  // namespace glmocr::server
