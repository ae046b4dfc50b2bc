// Typed reading of a model's config.json, shared by the models' configurations: every problem is
// collected, so that one run reports all of them. Include this only in .cc files: it brings
// nlohmann-json.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/untrusted_text.h"

namespace glmocr {

// Everything found wrong, in file order, so that one run reports it all.
class Problems {
 public:
  // `supported`: what to use instead of something unsupported, "use a ... model".
  explicit Problems(std::string_view supported) : supported_(supported) {}

  void Corrupt(std::string what) { Add(ErrorCode::kCorrupt, std::move(what)); }
  void Unsupported(std::string what) { Add(ErrorCode::kUnsupported, std::move(what)); }
  bool empty() const { return list_.empty(); }
  Error ToError(std::string_view name) const {
    const std::string_view remedy = code_ == ErrorCode::kCorrupt
                                        ? "use the config.json that was published with the weights"
                                        : supported_;
    return {code_, fmt::format("'{}': {}; {}", name, fmt::join(list_, "; "), remedy)};
  }

 private:
  void Add(ErrorCode code, std::string what) {
    if (list_.empty()) code_ = code;
    if (list_.size() < 20) list_.push_back(std::move(what));
  }
  std::string_view supported_;
  ErrorCode code_ = ErrorCode::kCorrupt;
  std::vector<std::string> list_;
};

inline const nlohmann::json* Member(const nlohmann::json* object, std::string_view key) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto at = object->find(key);
  return at == object->end() || at->is_null() ? nullptr : &*at;
}

// One place where a field may stand: an object, and how messages call it ("text_config.").
struct Place {
  const nlohmann::json* object = nullptr;
  std::string prefix;
};

// Reads typed fields that may stand in several places; the first place that has one wins.
class Fields {
 public:
  Fields(std::vector<Place> places, Problems& problems)
      : places_(std::move(places)), problems_(&problems) {}

  bool Has(std::string_view key) const { return Look(key).first != nullptr; }

  int64_t Int(std::string_view key, int64_t low, int64_t high) const {
    const auto [value, path] = Require(key);
    return value == nullptr ? 0 : ToInt(*value, path, low, high);
  }
  int64_t IntOr(std::string_view key, int64_t fallback, int64_t low, int64_t high) const {
    return Has(key) ? Int(key, low, high) : fallback;
  }
  double Number(std::string_view key, double above, double high) const {
    const auto [value, path] = Require(key);
    if (value == nullptr) return 0;
    const double number = value->is_number() ? value->get<double>() : std::nan("");
    if (number > above && number <= high) return number;
    problems_->Corrupt(fmt::format("{} is {}, which is not a number above {} and up to {}", path,
                                   Show(*value), above, high));
    return 0;
  }
  bool Bool(std::string_view key) const {
    const auto [value, path] = Require(key);
    if (value == nullptr) return false;
    if (value->is_boolean()) return value->get<bool>();
    problems_->Corrupt(fmt::format("{} is {} instead of true or false", path, Show(*value)));
    return false;
  }
  // Text that must be one of `allowed`, else unsupported.
  std::string Choice(std::string_view key, const std::vector<std::string_view>& allowed) const {
    const auto [value, path] = Require(key);
    if (value == nullptr) return "";
    if (!value->is_string()) {
      problems_->Corrupt(fmt::format("{} is {} instead of text", path, Show(*value)));
      return "";
    }
    const std::string& text = value->get_ref<const std::string&>();
    if (std::find(allowed.begin(), allowed.end(), text) == allowed.end()) {
      problems_->Unsupported(fmt::format("{} is {}; supported: {}", path, QuoteUntrusted(text),
                                         fmt::join(allowed, ", ")));
    }
    return text;
  }
  // A number, or a list of at most `max_count` numbers.
  std::vector<int64_t> Ints(std::string_view key, size_t max_count, int64_t low,
                            int64_t high) const {
    const auto [value, path] = Require(key);
    if (value == nullptr) return {};
    if (!value->is_array()) return {ToInt(*value, path, low, high)};
    if (value->empty() || value->size() > max_count) {
      problems_->Corrupt(
          fmt::format("{} has {} entries; 1 to {} are expected", path, value->size(), max_count));
      return {};
    }
    std::vector<int64_t> out;
    for (const nlohmann::json& item : *value) out.push_back(ToInt(item, path, low, high));
    return out;
  }

  std::pair<const nlohmann::json*, std::string> Look(std::string_view key) const {
    for (const Place& place : places_) {
      if (const nlohmann::json* value = Member(place.object, key))
        return {value, place.prefix + std::string(key)};
    }
    return {nullptr, places_.front().prefix + std::string(key)};
  }

 private:
  static std::string Show(const nlohmann::json& value) {
    if (value.is_array() || value.is_object()) return value.is_array() ? "a list" : "an object";
    return QuoteUntrusted(value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  }
  std::pair<const nlohmann::json*, std::string> Require(std::string_view key) const {
    auto found = Look(key);
    if (found.first == nullptr) problems_->Corrupt(found.second + " is missing");
    return found;
  }
  int64_t ToInt(const nlohmann::json& value, const std::string& path, int64_t low,
                int64_t high) const {
    // Unsigned values above 2^63 - 1 would wrap in get<int64_t>.
    const bool fits =
        value.is_number_integer() &&
        (!value.is_number_unsigned() ||
         value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
    if (fits && value.get<int64_t>() >= low && value.get<int64_t>() <= high)
      return value.get<int64_t>();
    problems_->Corrupt(fmt::format("{} is {}, which is not a whole number from {} to {}", path,
                                   Show(value), low, high));
    return 0;
  }

  std::vector<Place> places_;
  Problems* problems_;
};

}  // namespace glmocr
