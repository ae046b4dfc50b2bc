#include "base/bounded_json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <new>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/untrusted_text.h"

namespace glmocr {
namespace {

using nlohmann::json;

// Sees every event of the document and stops at the first that breaks a limit.
class LimitChecker : public nlohmann::json_sax<json> {
 public:
  LimitChecker(std::string_view file_name, size_t max_depth)
      : file_name_(file_name), max_depth_(max_depth) {}

  const std::string& problem() const { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return Enter(); }
  bool start_array(std::size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    return Fail(fmt::format("the key {} appears twice in one object", QuoteUntrusted(name)));
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    return Fail(fmt::format("it is not valid JSON at byte {}", position));
  }

 private:
  bool Enter() {
    if (keys_.size() >= max_depth_) {
      return Fail(fmt::format("values are nested deeper than {}", max_depth_));
    }
    keys_.emplace_back();
    return true;
  }
  bool Leave() {
    keys_.pop_back();
    return true;
  }
  bool Fail(std::string what) {
    problem_ = fmt::format("'{}': {}", file_name_, what);
    return false;
  }

  std::string_view file_name_;
  size_t max_depth_;
  std::vector<std::unordered_set<std::string>> keys_;  // one set per open object or array
  std::string problem_;
};

// `from` as `to`; false beyond the limits.
bool Convert(const simdjson::dom::element& from, size_t depth_left, json* to) {
  using Type = simdjson::dom::element_type;
  const auto take = [&](auto value) {
    if (from.get(value) != simdjson::SUCCESS) return false;
    *to = value;
    return true;
  };
  switch (from.type()) {
    case Type::NULL_VALUE:
      return true;
    case Type::BOOL:
      return take(false);
    case Type::INT64: {
      if (!take(int64_t{0})) return false;
      // The library keeps what has no sign as unsigned.
      if (to->get<int64_t>() >= 0) *to = to->get<uint64_t>();
      return true;
    }
    case Type::UINT64:
      return take(uint64_t{0});
    case Type::DOUBLE:
      return take(0.0);
    case Type::STRING:
      return take(std::string_view());
    case Type::ARRAY: {
      simdjson::dom::array items;
      if (depth_left == 0 || from.get(items) != simdjson::SUCCESS) return false;
      *to = json::array();
      for (const simdjson::dom::element item : items) {
        if (!Convert(item, depth_left - 1, &to->emplace_back(nullptr))) return false;
      }
      return true;
    }
    case Type::OBJECT: {
      simdjson::dom::object members;
      if (depth_left == 0 || from.get(members) != simdjson::SUCCESS) return false;
      *to = json::object();
      for (const simdjson::dom::key_value_pair member : members) {
        const auto [at, is_new] = to->emplace(std::string(member.key), nullptr);
        if (!is_new || !Convert(member.value, depth_left - 1, &*at)) return false;
      }
      return true;
    }
  }
  return false;
}

// Five times as fast as the library whose values these are, which tells in requests with pictures
// in them. Nothing: look more closely.
std::optional<json> ParseFast(std::string_view text, size_t max_depth) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  const simdjson::padded_string padded(text);
  if (parser.parse(padded).get(root) != simdjson::SUCCESS) return std::nullopt;
  json value;
  if (!Convert(root, max_depth, &value)) return std::nullopt;
  return value;
}

}  // namespace

Result<json> ParseBoundedJson(std::string_view text, std::string_view file_name, size_t max_depth) {
  // The library takes a NUL byte for the end of its input, which would hide whatever follows.
  if (text.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}': it contains a zero byte, so it is no JSON", file_name)};
  }
  try {
    if (std::optional<json> value = ParseFast(text, max_depth)) return *std::move(value);
    // It breaks a rule, which this finds and names, or has a number that the other does not hold.
    LimitChecker checker(file_name, max_depth);
    if (!json::sax_parse(text, &checker)) {
      return Error{ErrorCode::kCorrupt,
                   checker.problem() + "; repair the file or download it again"};
    }
    return json::parse(text);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("'{}': not enough memory to parse it", file_name)};
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, fmt::format("'{}': {}", file_name, e.what())};
  }
}

}  // namespace glmocr
