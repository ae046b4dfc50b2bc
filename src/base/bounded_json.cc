#include "base/bounded_json.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "base/untrusted_text.h"

namespace glmocr {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

json* Append(json::object_t& members, std::string&& key, json&& value) {
  return &members.emplace(std::move(key), std::move(value)).first->second;
}

// The library's own way looks for an equal key first: time in the square of the members' number.
ordered_json* Append(ordered_json::object_t& members, std::string&& key, ordered_json&& value) {
  if (members.size() == members.capacity()) {
    // A vector that grows by itself copies the values, because their keys are const.
    ordered_json::object_t larger;
    larger.reserve(std::max<size_t>(4, 2 * members.size()));
    for (auto& [name, moved] : members) larger.emplace_back(name, std::move(moved));
    members = std::move(larger);
  }
  return &members.emplace_back(std::move(key), std::move(value)).second;
}

template <typename Json>
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(size_t max_depth) : limits_(max_depth) {}

  const std::string& problem() const { return limits_.problem(); }
  Json& root() { return root_; }

  bool null() override { return Put(nullptr) != nullptr; }
  bool boolean(bool value) override { return Put(value) != nullptr; }
  bool number_integer(typename Json::number_integer_t value) override {
    return Put(value) != nullptr;
  }
  bool number_unsigned(typename Json::number_unsigned_t value) override {
    return Put(value) != nullptr;
  }
  bool number_float(typename Json::number_float_t value, const std::string&) override {
    return Put(value) != nullptr;
  }
  bool string(std::string& value) override { return Put(std::move(value)) != nullptr; }
  bool binary(typename Json::binary_t&) override { return limits_.Fail("binary data"); }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool key(std::string& name) override {
    key_ = std::move(name);
    return limits_.Key(key_);
  }
  bool parse_error(std::size_t position, const std::string&,
                   const typename Json::exception&) override {
    return limits_.NotJson(position);
  }

 private:
  // Values that are open do not move: each is the last of the one around it.
  Json* Put(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& into = *open_.back();
    if (into.is_array()) {
      auto& items = into.template get_ref<typename Json::array_t&>();
      items.push_back(std::move(value));
      return &items.back();
    }
    return Append(into.template get_ref<typename Json::object_t&>(), std::move(key_),
                  std::move(value));
  }
  bool Open(Json value) {
    if (!limits_.Enter()) return false;
    open_.push_back(Put(std::move(value)));
    return true;
  }
  bool Close() {
    open_.pop_back();
    return limits_.Leave();
  }

  JsonLimits limits_;
  Json root_;
  std::vector<Json*> open_;
  std::string key_;
};

// The events of `value`; false as soon as one is refused.
template <typename Json>
bool Walk(const simdjson::dom::element& value, Builder<Json>& builder) {
  using Type = simdjson::dom::element_type;
  const auto take = [&]<typename T>(T held, bool (Builder<Json>::*event)(T)) {
    return value.get(held) == simdjson::SUCCESS && (builder.*event)(held);
  };
  switch (value.type()) {
    case Type::NULL_VALUE:
      return builder.null();
    case Type::BOOL:
      return take(false, &Builder<Json>::boolean);
    case Type::INT64: {
      int64_t number = 0;
      if (value.get(number) != simdjson::SUCCESS) return false;
      // The library whose values are built takes what has no sign as unsigned.
      return number < 0 ? builder.number_integer(number)
                        : builder.number_unsigned(static_cast<uint64_t>(number));
    }
    case Type::UINT64:
      return take(uint64_t{0}, &Builder<Json>::number_unsigned);
    case Type::DOUBLE: {
      double number = 0;
      return value.get(number) == simdjson::SUCCESS && builder.number_float(number, {});
    }
    case Type::STRING: {
      std::string_view view;
      if (value.get(view) != simdjson::SUCCESS) return false;
      std::string text(view);
      return builder.string(text);
    }
    case Type::ARRAY: {
      simdjson::dom::array items;
      if (value.get(items) != simdjson::SUCCESS || !builder.start_array(items.size())) return false;
      for (const simdjson::dom::element item : items) {
        if (!Walk(item, builder)) return false;
      }
      return builder.end_array();
    }
    case Type::OBJECT: {
      simdjson::dom::object members;
      if (value.get(members) != simdjson::SUCCESS || !builder.start_object(members.size()))
        return false;
      for (const simdjson::dom::key_value_pair member : members) {
        std::string name(member.key);
        if (!builder.key(name) || !Walk(member.value, builder)) return false;
      }
      return builder.end_object();
    }
  }
  return false;
}

// Five times as fast as the library whose values these are, which tells in requests with pictures
// in them.
template <typename Json>
bool ParseFast(std::string_view text, Builder<Json>& builder) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  {
    // The parser keeps strings of its own: this copy is gone before the values are built.
    const simdjson::padded_string padded(text);
    if (parser.parse(padded).get(root) != simdjson::SUCCESS) return false;
  }
  return Walk(root, builder);
}

template <typename Json>
Result<Json> Parse(std::string_view text, std::string_view file_name, size_t max_depth) {
  // The library takes a NUL byte for the end of its input, which would hide whatever follows.
  if (text.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}': it contains a zero byte, so it is not JSON", file_name)};
  }
  try {
    Builder<Json> fast(max_depth);
    if (ParseFast(text, fast)) return std::move(fast.root());
    // It breaks a rule, which this finds and names, or has a number that the other does not hold.
    Builder<Json> builder(max_depth);
    if (!Json::sax_parse(text, &builder)) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("'{}': {}; repair the file or download it again", file_name,
                               builder.problem())};
    }
    return std::move(builder.root());
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory,
                 fmt::format("'{}': not enough memory to parse it", file_name)};
  } catch (const json::exception& e) {
    return Error{ErrorCode::kCorrupt, fmt::format("'{}': {}", file_name, e.what())};
  }
}

}  // namespace

Result<json> ParseBoundedJson(std::string_view text, std::string_view file_name, size_t max_depth) {
  return Parse<json>(text, file_name, max_depth);
}

Result<ordered_json> ParseBoundedOrderedJson(std::string_view text, std::string_view file_name,
                                             size_t max_depth) {
  return Parse<ordered_json>(text, file_name, max_depth);
}

bool JsonLimits::Enter() {
  if (keys_.size() >= max_depth_) {
    return Fail(fmt::format("values are nested deeper than {}", max_depth_));
  }
  keys_.emplace_back();
  return true;
}

bool JsonLimits::Leave() {
  keys_.pop_back();
  return true;
}

bool JsonLimits::Key(const std::string& name) {
  if (keys_.back().insert(name).second) return true;
  return Fail(fmt::format("the key {} appears twice in one object", QuoteUntrusted(name)));
}

bool JsonLimits::NotJson(size_t position) {
  return Fail(fmt::format("it is not valid JSON at byte {}", position));
}

bool JsonLimits::Fail(std::string what) {
  problem_ = std::move(what);
  return false;
}

}  // namespace glmocr
