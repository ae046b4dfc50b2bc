#include "base/bounded_json.h"

#include <fmt/format.h>

#include <new>
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

}  // namespace

Result<json> ParseBoundedJson(std::string_view text, std::string_view file_name, size_t max_depth) {
  // The library takes a NUL byte for the end of its input, which would hide whatever follows.
  if (text.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}': it contains a zero byte, so it is no JSON", file_name)};
  }
  try {
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
