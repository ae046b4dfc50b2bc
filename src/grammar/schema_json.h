// A JSON document as a schema compiler needs it: members in the order of the text, numbers as they
// were written, and a JSON pointer for every value. Read with limits: a schema comes from a client.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

struct JsonMember;
struct JsonNode {
  enum class Kind { kNull, kTrue, kFalse, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  std::string text;  // of a string: its characters (well-formed UTF-8); of a number: as written
  std::vector<JsonNode> items;
  std::vector<JsonMember> members;
  const JsonNode* parent = nullptr;

  bool is(Kind k) const { return kind == k; }
  bool is_bool() const { return is(Kind::kTrue) || is(Kind::kFalse); }
  // Null when it is no object or has no such member.
  const JsonNode* Find(std::string_view name) const;
};

struct JsonMember {
  std::string first;  // its name
  JsonNode second;
};

constexpr size_t kMaxSchemaBytes = size_t{1} << 20;
constexpr size_t kMaxSchemaNodes = 50'000;
constexpr size_t kMaxSchemaDepth = 64;

// kInvalidArgument: not JSON, or beyond a limit (the message says where, and which).
Result<std::unique_ptr<const JsonNode>> ParseSchemaJson(std::string_view text);
// RFC 6901; "" is the root.
std::string PointerTo(const JsonNode& node);
// Null when nothing is there.
const JsonNode* Resolve(const JsonNode& root, std::string_view pointer);
// The one spelling that this program uses: no white space, the shortest escapes, members and
// numbers as given.
std::string Canonical(const JsonNode& node);
std::string CanonicalString(std::string_view utf8);

}  // namespace glmocr
