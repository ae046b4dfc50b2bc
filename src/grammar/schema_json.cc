#include "grammar/schema_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "base/bounded_json.h"

namespace glmocr {
namespace {

using Kind = JsonNode::Kind;
using nlohmann::json;

// Not of ParseBoundedOrderedJson's values, which do not keep numbers as they were written.
class Builder : public nlohmann::json_sax<json> {
 public:
  std::unique_ptr<JsonNode> root;

  const std::string& problem() const { return limits_.problem(); }

  bool null() override { return Put({Kind::kNull}) != nullptr; }
  bool boolean(bool value) override { return Put({value ? Kind::kTrue : Kind::kFalse}) != nullptr; }
  bool number_integer(number_integer_t value) override {
    return Put({Kind::kNumber, std::to_string(value)}) != nullptr;
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Put({Kind::kNumber, std::to_string(value)}) != nullptr;
  }
  bool number_float(number_float_t, const string_t& lexeme) override {
    return Put({Kind::kNumber, lexeme}) != nullptr;
  }
  bool string(string_t& value) override {
    return Put({Kind::kString, std::move(value)}) != nullptr;
  }
  bool binary(binary_t&) override { return limits_.Fail("binary data"); }
  bool start_object(std::size_t) override { return Enter(Kind::kObject); }
  bool start_array(std::size_t) override { return Enter(Kind::kArray); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return limits_.Key(key_);
  }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    return limits_.NotJson(position);
  }

 private:
  // An open node's children do not move while it is being filled: only the last one is open.
  JsonNode* Put(JsonNode node) {
    if (++n_nodes_ > kMaxSchemaNodes) {
      limits_.Fail(fmt::format("it has more than {} values", kMaxSchemaNodes));
      return nullptr;
    }
    if (open_.empty()) {
      root = std::make_unique<JsonNode>(std::move(node));
      return root.get();
    }
    JsonNode& into = *open_.back();
    if (into.is(Kind::kArray)) return &into.items.emplace_back(std::move(node));
    into.members.push_back({std::move(key_), std::move(node)});
    return &into.members.back().second;
  }
  bool Enter(Kind kind) {
    if (!limits_.Enter()) return false;
    JsonNode* node = Put({kind});
    if (node == nullptr) return false;
    open_.push_back(node);
    return true;
  }
  bool Leave() {
    open_.pop_back();
    return limits_.Leave();
  }

  JsonLimits limits_{kMaxSchemaDepth};
  std::vector<JsonNode*> open_;
  std::string key_;
  size_t n_nodes_ = 0;
};

void SetParents(JsonNode& node) {
  for (JsonNode& item : node.items) {
    item.parent = &node;
    SetParents(item);
  }
  for (auto& [name, value] : node.members) {
    value.parent = &node;
    SetParents(value);
  }
}

void AppendCanonical(const JsonNode& node, std::string& out) {
  switch (node.kind) {
    case Kind::kNull:
      out += "null";
      return;
    case Kind::kTrue:
      out += "true";
      return;
    case Kind::kFalse:
      out += "false";
      return;
    case Kind::kNumber:
      out += node.text;
      return;
    case Kind::kString:
      out += CanonicalString(node.text);
      return;
    case Kind::kArray:
      out += '[';
      for (const JsonNode& item : node.items) {
        if (&item != node.items.data()) out += ',';
        AppendCanonical(item, out);
      }
      out += ']';
      return;
    case Kind::kObject:
      out += '{';
      for (const auto& member : node.members) {
        if (&member != node.members.data()) out += ',';
        out += CanonicalString(member.first) + ":";
        AppendCanonical(member.second, out);
      }
      out += '}';
      return;
  }
}

}  // namespace

const JsonNode* JsonNode::Find(std::string_view name) const {
  for (const auto& [key, value] : members)
    if (key == name) return &value;
  return nullptr;
}

Result<std::unique_ptr<const JsonNode>> ParseSchemaJson(std::string_view text) {
  const auto fail = [](std::string_view what) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("the JSON schema: {}", what)};
  };
  if (text.size() > kMaxSchemaBytes)
    return fail(fmt::format("it is larger than {} bytes", kMaxSchemaBytes));
  // The library takes a NUL byte for the end of its input.
  if (text.find('\0') != std::string_view::npos) return fail("it contains a zero byte");
  try {
    Builder builder;
    if (!json::sax_parse(text, &builder)) return fail(builder.problem());
    SetParents(*builder.root);
    return std::unique_ptr<const JsonNode>(std::move(builder.root));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "the JSON schema: not enough memory to read it"};
  } catch (const json::exception& e) {
    return fail(e.what());
  }
}

std::string PointerTo(const JsonNode& node) {
  std::string pointer;
  for (const JsonNode* n = &node; n->parent != nullptr; n = n->parent) {
    std::string step;
    for (size_t i = 0; i < n->parent->items.size(); ++i)
      if (&n->parent->items[i] == n) step = std::to_string(i);
    for (const auto& [name, value] : n->parent->members) {
      if (&value != n) continue;
      for (const char c : name) {
        if (c == '~' || c == '/') {
          step += c == '~' ? "~0" : "~1";
        } else {
          step += c;
        }
      }
    }
    pointer = fmt::format("/{}{}", step, pointer);
  }
  return pointer;
}

const JsonNode* Resolve(const JsonNode& root, std::string_view pointer) {
  const JsonNode* node = &root;
  while (!pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    pointer.remove_prefix(1);
    std::string step;
    size_t i = 0;
    for (; i < pointer.size() && pointer[i] != '/'; ++i) {
      if (pointer[i] == '~') {
        if (i + 1 >= pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1'))
          return nullptr;
        step += pointer[++i] == '0' ? '~' : '/';
      } else {
        step += pointer[i];
      }
    }
    pointer.remove_prefix(i);
    if (node->is(Kind::kArray)) {
      size_t index = 0;
      if (step.empty() || step.size() > 6 || (step.size() > 1 && step[0] == '0')) return nullptr;
      for (const char c : step) {
        if (c < '0' || c > '9') return nullptr;
        index = index * 10 + static_cast<size_t>(c - '0');
      }
      if (index >= node->items.size()) return nullptr;
      node = &node->items[index];
    } else {
      node = node->Find(step);
      if (node == nullptr) return nullptr;
    }
  }
  return node;
}

std::string Canonical(const JsonNode& node) {
  std::string out;
  AppendCanonical(node, out);
  return out;
}

std::string CanonicalString(std::string_view utf8) {
  std::string out = "\"";
  for (const char c : utf8) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  return out + '"';
}

}  // namespace glmocr
