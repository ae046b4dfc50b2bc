#include "grammar/schema_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/untrusted_text.h"
#include "grammar/char_dfa.h"
#include "grammar/json_rules.h"
#include "grammar/number.h"
#include "grammar/regex.h"

namespace glmocr {
namespace {

using Kind = JsonNode::Kind;
using Name = JsonRules::Name;

constexpr int64_t kMaxLength = 100'000;   // a larger maxLength is taken for this one
constexpr int64_t kMaxItems = 10'000;     // a larger maxItems is taken for this one
constexpr size_t kMaxProperties = 2'000;  // of one object
constexpr size_t kMaxRules = 20'000;
constexpr size_t kMaxAlternatives =
    256;                             // of one value, after anyOf within allOf was multiplied out
constexpr size_t kMaxWork = 50'000;  // steps of multiplying out, of the whole schema
constexpr int kMaxChain = 200;       // $ref, allOf and anyOf without a value in between

// Kinds of JSON values; a number is an integer or not.
enum : unsigned {
  kNullBit = 1,
  kBoolBit = 2,
  kIntegerBit = 4,
  kFractionBit = 8,
  kStringBit = 16,
  kArrayBit = 32,
  kObjectBit = 64,
  kNumberBits = kIntegerBit | kFractionBit,
  kAllBits = 127,
};

enum class Use {
  kUnknown,
  kAnnotation,
  kCore,   // handled before anything else
  kPlain,  // restricts values of `bits`
  kRefused,
};
struct Keyword {
  std::string_view name;
  Use use;
  unsigned bits = kAllBits;  // the values that it is about
};
constexpr std::array kKeywords = {
    Keyword{"title", Use::kAnnotation},
    Keyword{"description", Use::kAnnotation},
    Keyword{"default", Use::kAnnotation},
    Keyword{"examples", Use::kAnnotation},
    Keyword{"example", Use::kAnnotation},
    Keyword{"deprecated", Use::kAnnotation},
    Keyword{"readOnly", Use::kAnnotation},
    Keyword{"writeOnly", Use::kAnnotation},
    Keyword{"contentMediaType", Use::kAnnotation},
    Keyword{"contentEncoding", Use::kAnnotation},
    Keyword{"contentSchema", Use::kAnnotation},
    Keyword{"discriminator", Use::kAnnotation},
    Keyword{"externalDocs", Use::kAnnotation},
    Keyword{"xml", Use::kAnnotation},
    Keyword{"$schema", Use::kAnnotation},
    Keyword{"$comment", Use::kAnnotation},
    Keyword{"$vocabulary", Use::kAnnotation},
    Keyword{"$anchor", Use::kAnnotation},
    Keyword{"$defs", Use::kAnnotation},
    Keyword{"definitions", Use::kAnnotation},
    Keyword{"$id", Use::kCore},
    Keyword{"$ref", Use::kCore},
    Keyword{"allOf", Use::kCore},
    Keyword{"anyOf", Use::kCore},
    Keyword{"oneOf", Use::kCore},
    Keyword{"nullable", Use::kCore},
    Keyword{"type", Use::kPlain},
    Keyword{"enum", Use::kPlain},
    Keyword{"const", Use::kPlain},
    Keyword{"properties", Use::kPlain, kObjectBit},
    Keyword{"required", Use::kPlain, kObjectBit},
    Keyword{"additionalProperties", Use::kPlain, kObjectBit},
    Keyword{"minProperties", Use::kPlain, kObjectBit},
    Keyword{"maxProperties", Use::kPlain, kObjectBit},
    Keyword{"items", Use::kPlain, kArrayBit},
    Keyword{"prefixItems", Use::kPlain, kArrayBit},
    Keyword{"additionalItems", Use::kPlain, kArrayBit},
    Keyword{"minItems", Use::kPlain, kArrayBit},
    Keyword{"maxItems", Use::kPlain, kArrayBit},
    Keyword{"uniqueItems", Use::kPlain, kArrayBit},
    Keyword{"minLength", Use::kPlain, kStringBit},
    Keyword{"maxLength", Use::kPlain, kStringBit},
    Keyword{"pattern", Use::kPlain, kStringBit},
    Keyword{"format", Use::kPlain, kStringBit | kNumberBits},
    Keyword{"minimum", Use::kPlain, kNumberBits},
    Keyword{"maximum", Use::kPlain, kNumberBits},
    Keyword{"exclusiveMinimum", Use::kPlain, kNumberBits},
    Keyword{"exclusiveMaximum", Use::kPlain, kNumberBits},
    Keyword{"multipleOf", Use::kPlain, kNumberBits},
    Keyword{"patternProperties", Use::kRefused, kObjectBit},
    Keyword{"propertyNames", Use::kRefused, kObjectBit},
    Keyword{"dependentRequired", Use::kRefused, kObjectBit},
    Keyword{"dependentSchemas", Use::kRefused, kObjectBit},
    Keyword{"dependencies", Use::kRefused, kObjectBit},
    Keyword{"unevaluatedProperties", Use::kRefused, kObjectBit},
    Keyword{"contains", Use::kRefused, kArrayBit},
    Keyword{"minContains", Use::kRefused, kArrayBit},
    Keyword{"maxContains", Use::kRefused, kArrayBit},
    Keyword{"unevaluatedItems", Use::kRefused, kArrayBit},
    Keyword{"not", Use::kRefused},
    Keyword{"if", Use::kRefused},
    Keyword{"then", Use::kRefused},
    Keyword{"else", Use::kRefused},
    Keyword{"$dynamicRef", Use::kRefused},
    Keyword{"$dynamicAnchor", Use::kRefused},
    Keyword{"$recursiveRef", Use::kRefused},
    Keyword{"$recursiveAnchor", Use::kRefused},
};

Keyword Find(std::string_view name) {
  for (const Keyword& k : kKeywords)
    if (k.name == name) return k;
  return {name, name.starts_with("x-") ? Use::kAnnotation : Use::kUnknown};
}

Error At(const JsonNode& node, std::string_view keyword, std::string_view what) {
  const std::string key = keyword.empty() ? "" : fmt::format("{}: ", QuoteUntrusted(keyword));
  return {ErrorCode::kInvalidArgument,
          fmt::format("the JSON schema at {}: {}{}",
                      QuoteUntrusted(fmt::format("#{}", PointerTo(node))), key, what)};
}

// Equality of JSON Schema: numbers by value, members in any order.
bool Equal(const JsonNode& a, const JsonNode& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kNumber: {
      const auto x = ParseDecimal(a.text), y = ParseDecimal(b.text);
      return x && y ? *x == *y : a.text == b.text;
    }
    case Kind::kString:
      return a.text == b.text;
    case Kind::kArray:
      return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), Equal);
    case Kind::kObject:
      return a.members.size() == b.members.size() &&
             std::all_of(a.members.begin(), a.members.end(), [&](const auto& member) {
               const JsonNode* other = b.Find(member.first);
               return other != nullptr && Equal(member.second, *other);
             });
    default:
      return true;
  }
}

unsigned BitsOf(const JsonNode& value) {
  switch (value.kind) {
    case Kind::kNull:
      return kNullBit;
    case Kind::kTrue:
    case Kind::kFalse:
      return kBoolBit;
    case Kind::kString:
      return kStringBit;
    case Kind::kArray:
      return kArrayBit;
    case Kind::kObject:
      return kObjectBit;
    case Kind::kNumber: {
      const auto x = ParseDecimal(value.text);
      return x && x->is_integer() ? kIntegerBit : kFractionBit;
    }
  }
  return 0;
}

// Schemas that a value must satisfy all.
using Conjunction = std::vector<const JsonNode*>;

// What several plain schemas say together, apart from what depends on the kind of value.
struct Summary {
  unsigned typed = kAllBits;  // what `type` allows
  unsigned written =
      kAllBits;  // what is written: without any `type`, the kinds that keywords speak of
  std::optional<std::vector<const JsonNode*>> values;  // of enum and const
};

class Compiler {
 public:
  Compiler(const JsonNode& root, JsonLayout layout)
      : root_(root), rules_(&b_, layout), null_(Synthetic()) {
    null_->kind = Kind::kObject;
    null_->members.push_back({"type", JsonNode{Kind::kString, "null"}});
  }

  Result<Automaton> Run() {
    const RuleId first = b_.NewRule();
    const StateId end = b_.NewAccepting();
    GLM_ASSIGN(const RuleId root, RuleFor({&root_}));
    b_.Call(b_.start(first), root, end);
    while (!todo_.empty()) {
      const auto [conjunction, rule] = std::move(todo_.front());
      todo_.pop_front();
      GLM_RETURN_IF_ERROR(Compile(conjunction, rule));
      if (!b_.ok() || static_cast<size_t>(n_rules_) > kMaxRules)
        return Error{ErrorCode::kInvalidArgument,
                     "the JSON schema is too large once it is compiled; split it, or lower its "
                     "counts and lengths"};
    }
    Result<Automaton> automaton = b_.Freeze();
    if (!automaton.ok()) return automaton.error().With("the JSON schema");
    return automaton;
  }

 private:
  // ---- Reading schemas

  JsonNode* Synthetic() { return &synthetic_.emplace_back(); }

  // What is wrong with the keywords of a schema that is an object.
  Status CheckKeywords(const JsonNode& node) {
    if (!node.is(Kind::kObject)) return At(node, "", "a schema must be an object or a boolean");
    if (!checked_.insert(&node).second) return OkStatus();
    for (const auto& [name, value] : node.members) {
      if (Find(name).use == Use::kUnknown)
        return At(node, name,
                  "is not a keyword that this program knows; remove it, or rename it to "
                  "begin with 'x-' if it is a note");
      if (name == "$id" && &node != &root_)
        return At(node, name, "is supported in the root of the schema only");
      if ((name == "allOf" || name == "anyOf" || name == "oneOf") &&
          (!value.is(Kind::kArray) || value.items.empty()))
        return At(node, name, "must be a list of schemas that is not empty");
      if (name == "nullable" && !value.is_bool()) return At(node, name, "must be true or false");
    }
    return OkStatus();
  }

  Result<const JsonNode*> Target(const JsonNode& node) {
    const JsonNode& ref = *node.Find("$ref");
    if (!ref.is(Kind::kString)) return At(node, "$ref", "must be a string");
    std::string pointer;
    for (size_t i = 0; i < ref.text.size(); ++i) {
      if (ref.text[i] != '%') {
        pointer += ref.text[i];
        continue;
      }
      const auto digit = [&](size_t at) {
        const size_t d =
            at < ref.text.size()
                ? std::string_view("0123456789abcdef")
                      .find(static_cast<char>(ref.text[at] | (ref.text[at] >= 'A' ? 0x20 : 0)))
                : std::string_view::npos;
        return d == std::string_view::npos ? -1 : static_cast<int>(d);
      };
      if (digit(i + 1) < 0 || digit(i + 2) < 0) return At(node, "$ref", "has a broken % escape");
      pointer += static_cast<char>(digit(i + 1) * 16 + digit(i + 2));
      i += 2;
    }
    if (pointer.empty() || pointer[0] != '#' || (pointer.size() > 1 && pointer[1] != '/'))
      return At(node, "$ref",
                fmt::format("{} is not a JSON pointer into this schema ('#' or '#/...'); other "
                            "references are not followed",
                            QuoteUntrusted(ref.text)));
    const JsonNode* target = Resolve(root_, std::string_view(pointer).substr(1));
    if (target == nullptr)
      return At(node, "$ref", fmt::format("nothing is at {}", QuoteUntrusted(ref.text)));
    return target;
  }

  static bool HasOnly(const JsonNode& node, std::string_view keyword) {
    bool has = false;
    for (const auto& [name, value] : node.members) {
      if (name == keyword) {
        has = true;
      } else if (Find(name).use != Use::kAnnotation && name != "$id") {
        return false;
      }
    }
    return has;
  }
  static bool SaysNothing(const JsonNode& node) {
    if (node.is(Kind::kTrue)) return true;
    return node.is(Kind::kObject) &&
           std::all_of(node.members.begin(), node.members.end(), [](const auto& member) {
             return Find(member.first).use == Use::kAnnotation || member.first == "$id";
           });
  }

  // A whole number that is not negative.
  static Result<std::optional<int64_t>> Count(const JsonNode& node, std::string_view keyword) {
    const JsonNode* value = node.Find(keyword);
    if (value == nullptr) return std::optional<int64_t>();
    const auto x = value->is(Kind::kNumber) ? ParseDecimal(value->text) : std::nullopt;
    if (!x || !x->is_integer() || x->negative)
      return At(node, keyword, "must be a whole number that is not negative");
    if (x->whole.size() > 15) return std::optional<int64_t>(int64_t{1} << 50);
    return std::optional<int64_t>(std::stoll(x->whole));
  }

  Result<Summary> Summarise(const Conjunction& plain) {
    Summary s;
    bool typed = false;
    unsigned spoken_of = 0;
    for (const JsonNode* node : plain) {
      if (const JsonNode* type = node->Find("type")) {
        typed = true;
        unsigned bits = 0;
        const auto add = [&](const JsonNode& name) {
          static const std::map<std::string_view, unsigned> kTypes = {
              {"null", kNullBit},      {"boolean", kBoolBit},  {"integer", kIntegerBit},
              {"number", kNumberBits}, {"string", kStringBit}, {"array", kArrayBit},
              {"object", kObjectBit}};
          const auto found = name.is(Kind::kString) ? kTypes.find(name.text) : kTypes.end();
          if (found != kTypes.end()) bits |= found->second;
          return found != kTypes.end();
        };
        bool good = type->is(Kind::kArray) ? !type->items.empty() : add(*type);
        for (const JsonNode& name : type->items) good = good && add(name);
        if (!good) return At(*node, "type", "must be a JSON type, or a list of them");
        s.typed &= bits;
      }
      for (const char* keyword : {"enum", "const"}) {
        const JsonNode* value = node->Find(keyword);
        if (value == nullptr) continue;
        std::vector<const JsonNode*> values;
        if (std::string_view(keyword) == "const") {
          values.push_back(value);
        } else {
          if (!value->is(Kind::kArray) || value->items.empty())
            return At(*node, keyword, "must be a list of values that is not empty");
          for (const JsonNode& v : value->items) values.push_back(&v);
        }
        if (s.values) {
          n_work_ += values.size() * s.values->size() / 16;
          if (n_work_ > kMaxWork)
            return At(*node, keyword, "two lists of values are too long to be compared");
          std::erase_if(*s.values, [&](const JsonNode* a) {
            return std::none_of(values.begin(), values.end(),
                                [&](const JsonNode* b) { return Equal(*a, *b); });
          });
        } else {
          s.values = std::move(values);
        }
      }
      for (const auto& member : node->members) {
        const Keyword k = Find(member.first);
        if ((k.use == Use::kPlain || k.use == Use::kRefused) && k.bits != kAllBits)
          spoken_of |= k.bits;
      }
    }
    s.written = typed || s.values || spoken_of == 0 ? s.typed : spoken_of & s.typed;
    if (s.values) {
      std::erase_if(*s.values, [&](const JsonNode* v) { return (BitsOf(*v) & s.typed) == 0; });
      unsigned bits = 0;
      for (const JsonNode* v : *s.values) bits |= BitsOf(*v);
      s.typed = s.written = bits;
    }
    return s;
  }

  // ---- Combining schemas

  // A schema still to be looked at, with the way that led there.
  struct Pending {
    const JsonNode* node;
    int way;                          // index into ways_, -1: none
    bool null_is_dealt_with = false;  // with its `nullable`
  };
  struct Way {
    const JsonNode* node;
    int before;
    int length;
  };
  struct Union {
    std::vector<Conjunction> branches;
    int way;
    const JsonNode* nullable = nullptr;  // the schema whose null is one of the branches
  };
  struct Work {
    std::vector<Pending> pending;
    Conjunction plain;
    std::vector<Union> unions;
  };

  // The alternatives, each a conjunction of schemas without $ref, allOf, anyOf, oneOf and nullable,
  // that together mean `in`.
  Result<std::vector<Conjunction>> Expand(const Conjunction& in) {
    std::vector<Conjunction> out;
    Work first;
    for (const JsonNode* node : in) first.pending.push_back({node, -1});
    std::vector<Work> todo;
    todo.push_back(std::move(first));
    while (!todo.empty()) {
      Work work = std::move(todo.back());
      todo.pop_back();
      bool possible = true;
      while (possible && !work.pending.empty()) {
        GLM_ASSIGN(possible, Look(work));
      }
      if (!possible) continue;
      if (work.unions.empty()) {
        if (out.size() >= kMaxAlternatives)
          return At(*in.front(), "", "anyOf, oneOf and allOf make too many alternatives together");
        out.push_back(std::move(work.plain));
        continue;
      }
      const Union split = std::move(work.unions.back());
      work.unions.pop_back();
      // Last first, so that the alternatives keep their order.
      for (size_t i = split.branches.size(); i-- > 0;) {
        Work branch = work;
        for (const JsonNode* node : split.branches[i])
          branch.pending.push_back({node, split.way, node == split.nullable});
        todo.push_back(std::move(branch));
        if (todo.size() > kMaxAlternatives * 4)
          return At(*in.front(), "", "anyOf, oneOf and allOf make too many alternatives together");
      }
    }
    return out;
  }

  // Deals with one pending schema; false when no value can satisfy it.
  Result<bool> Look(Work& work) {
    const Pending p = work.pending.back();
    work.pending.pop_back();
    const JsonNode& node = *p.node;
    if (++n_work_ > kMaxWork)
      return At(node, "", "$ref, anyOf, oneOf and allOf make too many combinations");
    if (node.is(Kind::kFalse)) return false;
    if (always_.contains(&node)) {
      work.plain.push_back(&node);
      return true;
    }
    if (SaysNothing(node)) return true;
    GLM_RETURN_IF_ERROR(CheckKeywords(node));
    const JsonNode* nullable = node.Find("nullable");
    if (nullable != nullptr && nullable->is(Kind::kTrue) && !p.null_is_dealt_with) {
      work.unions.push_back({{{&node}, {null_}}, p.way, &node});
      return true;
    }
    for (int w = p.way; w >= 0; w = ways_[static_cast<size_t>(w)].before)
      if (ways_[static_cast<size_t>(w)].node == &node)
        return At(node, "", "a $ref leads back to itself without an object or array in between");
    const int length = p.way < 0 ? 1 : ways_[static_cast<size_t>(p.way)].length + 1;
    if (length > kMaxChain) return At(node, "", "too long a chain of $ref, allOf and anyOf");
    const int way = static_cast<int>(ways_.size());
    ways_.push_back({&node, p.way, length});

    if (node.Find("$ref") != nullptr) {
      GLM_ASSIGN(const JsonNode* target, Target(node));
      work.pending.push_back({target, way});
    }
    if (const JsonNode* all = node.Find("allOf"))
      for (const JsonNode& item : all->items) work.pending.push_back({&item, way});
    if (const JsonNode* any = node.Find("anyOf")) {
      Union u{{}, way};
      for (const JsonNode& item : any->items) u.branches.push_back({&item});
      work.unions.push_back(std::move(u));
    }
    if (node.Find("oneOf") != nullptr) {
      GLM_ASSIGN(std::vector<Conjunction> branches, OneOf(node));
      work.unions.push_back({std::move(branches), way});
    }
    const bool plain = std::any_of(node.members.begin(), node.members.end(), [](const auto& m) {
      const Use use = Find(m.first).use;
      return use == Use::kPlain || use == Use::kRefused;
    });
    if (plain && std::find(work.plain.begin(), work.plain.end(), &node) == work.plain.end())
      work.plain.push_back(&node);
    return true;
  }

  // The branches of a oneOf, narrowed until no text of one can satisfy another.
  Result<std::vector<Conjunction>> OneOf(const JsonNode& node) {
    const auto known = one_of_.find(&node);
    if (known != one_of_.end()) return known->second;
    const std::vector<JsonNode>& items = node.Find("oneOf")->items;
    if (items.size() > 128) return At(node, "oneOf", "has more than 128 branches");
    // While the branches are looked at, one that leads back here would never end.
    if (!one_of_open_.insert(&node).second)
      return At(node, "oneOf",
                "a branch leads back to itself without an object or array in between");
    std::vector<std::vector<Conjunction>> alternatives;
    for (const JsonNode& item : items) {
      GLM_ASSIGN(alternatives.emplace_back(), Expand({&item}));
    }
    std::vector<std::set<std::string>> always(items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      for (size_t j = i + 1; j < items.size(); ++j) {
        for (const Conjunction& a : alternatives[i]) {
          for (const Conjunction& b : alternatives[j]) {
            if (++n_work_ > kMaxWork) return At(node, "oneOf", "has too many branches to compare");
            GLM_ASSIGN(const std::optional<std::string> apart, Apart(a, b));
            if (!apart)
              return At(
                  node, "oneOf",
                  fmt::format("one value might satisfy both branch {} and branch {}; give each "
                              "branch a property with a const of its own, or use anyOf",
                              i, j));
            if (apart->empty()) continue;
            always[i].insert(*apart);
            always[j].insert(*apart);
          }
        }
      }
    }
    std::vector<Conjunction> branches;
    for (size_t i = 0; i < items.size(); ++i) {
      Conjunction& branch = branches.emplace_back(Conjunction{&items[i]});
      if (always[i].empty()) continue;
      JsonNode* require = Synthetic();
      require->kind = Kind::kObject;
      always_.emplace(require, always[i]);
      branch.push_back(require);
    }
    one_of_open_.erase(&node);
    one_of_.emplace(&node, branches);
    return branches;
  }

  // Whether no text that is written for one of two alternatives satisfies the other; the name of
  // the property that both must have for it, or "".
  Result<std::optional<std::string>> Apart(const Conjunction& a, const Conjunction& b) {
    GLM_ASSIGN(const Summary sa, Summarise(a));
    GLM_ASSIGN(const Summary sb, Summarise(b));
    const unsigned common = (sa.written & sb.typed) | (sb.written & sa.typed);
    if (common == 0) return std::optional<std::string>("");
    if (sa.values && sb.values) {
      n_work_ += sa.values->size() * sb.values->size() / 16;
      for (const JsonNode* x : *sa.values)
        for (const JsonNode* y : *sb.values)
          if (Equal(*x, *y)) return std::optional<std::string>();
      return std::optional<std::string>("");
    }
    if (common != kObjectBit || sa.values || sb.values) return std::optional<std::string>();
    // A property of both whose values differ.
    for (const JsonNode* node : a) {
      const JsonNode* properties = node->Find("properties");
      if (properties == nullptr) continue;
      for (const auto& [name, schema] : properties->members) {
        ++n_work_;
        GLM_ASSIGN(const auto x, ValuesOf(a, name));
        if (!x) continue;
        GLM_ASSIGN(const auto y, ValuesOf(b, name));
        if (!y || x->size() * y->size() > 10'000) continue;
        const bool differ = std::none_of(x->begin(), x->end(), [&](const JsonNode* v) {
          return std::any_of(y->begin(), y->end(),
                             [&](const JsonNode* w) { return Equal(*v, *w); });
        });
        if (differ) return std::optional<std::string>(name);
      }
    }
    // Each needs a property that is never written for the other.
    const auto needs_more = [](const Conjunction& one, const Conjunction& other) {
      std::set<std::string_view> written;
      for (const JsonNode* node : other) {
        const JsonNode* rest = node->Find("additionalProperties");
        if (rest != nullptr && !rest->is(Kind::kFalse)) return false;
        if (const JsonNode* p = node->Find("properties"))
          for (const auto& member : p->members) written.insert(member.first);
        if (const JsonNode* r = node->Find("required"))
          for (const JsonNode& name : r->items) written.insert(name.text);
      }
      if (written.empty()) return false;
      for (const JsonNode* node : one)
        if (const JsonNode* r = node->Find("required"))
          for (const JsonNode& name : r->items)
            if (!written.contains(name.text)) return true;
      return false;
    };
    if (needs_more(a, b) && needs_more(b, a)) return std::optional<std::string>("");
    return std::optional<std::string>();
  }

  // The values that property `name` can have, when its schema lists them.
  Result<std::optional<std::vector<const JsonNode*>>> ValuesOf(const Conjunction& plain,
                                                               std::string_view name) {
    using Values = std::optional<std::vector<const JsonNode*>>;
    for (const JsonNode* node : plain) {
      const JsonNode* properties = node->Find("properties");
      const JsonNode* schema = properties != nullptr ? properties->Find(name) : nullptr;
      for (int n = 0; schema != nullptr && HasOnly(*schema, "$ref") && n < kMaxChain; ++n) {
        GLM_ASSIGN(schema, Target(*schema));
      }
      if (schema == nullptr) continue;
      if (const JsonNode* value = schema->Find("const")) return Values({value});
      const JsonNode* list = schema->Find("enum");
      if (list == nullptr) continue;
      std::vector<const JsonNode*> values;
      for (const JsonNode& value : list->items) values.push_back(&value);
      return Values(std::move(values));
    }
    return Values();
  }

  // ---- Making rules

  Result<RuleId> RuleFor(const Conjunction& conjunction) {
    Conjunction clean;
    for (const JsonNode* node : conjunction) {
      int n = 0;
      while (node->is(Kind::kObject) && HasOnly(*node, "$ref")) {
        if (++n > kMaxChain)
          return At(*node, "$ref", "leads back to itself, or through too long a chain");
        GLM_ASSIGN(node, Target(*node));
      }
      if (SaysNothing(*node) && !always_.contains(node)) continue;
      if (std::find(clean.begin(), clean.end(), node) == clean.end()) clean.push_back(node);
    }
    if (clean.empty()) return rules_.Get(Name::kAny);
    Conjunction key = clean;  // the order of properties does follow the order of the schemas
    std::sort(key.begin(), key.end(), std::less<>());
    const auto [found, inserted] = made_.emplace(std::move(key), 0);
    if (inserted) {
      found->second = b_.NewRule();
      ++n_rules_;
      todo_.emplace_back(std::move(clean), found->second);
    }
    return found->second;
  }

  Status Compile(const Conjunction& conjunction, RuleId rule) {
    const StateId start = b_.start(rule), end = b_.NewAccepting();
    // Branches that stand alone become rules of their own, which other schemas share.
    if (conjunction.size() == 1 && conjunction[0]->is(Kind::kObject)) {
      const JsonNode& node = *conjunction[0];
      GLM_RETURN_IF_ERROR(CheckKeywords(node));
      const bool any = HasOnly(node, "anyOf");
      if (any || HasOnly(node, "oneOf")) {
        std::vector<Conjunction> branches;
        if (any) {
          for (const JsonNode& item : node.Find("anyOf")->items) branches.push_back({&item});
        } else {
          GLM_ASSIGN(branches, OneOf(node));
        }
        std::set<RuleId> called;
        for (const Conjunction& branch : branches) {
          GLM_ASSIGN(const RuleId r, RuleFor(branch));
          if (called.insert(r).second) b_.Call(start, r, end);
        }
        return OkStatus();
      }
    }
    GLM_ASSIGN(const std::vector<Conjunction> alternatives, Expand(conjunction));
    for (const Conjunction& plain : alternatives)
      GLM_RETURN_IF_ERROR(Alternative(plain, start, end));
    return OkStatus();
  }

  Status Alternative(const Conjunction& plain, StateId start, StateId end) {
    if (plain.empty()) {
      b_.Call(start, rules_.Get(Name::kAny), end);
      return OkStatus();
    }
    GLM_ASSIGN(const Summary s, Summarise(plain));
    for (const JsonNode* node : plain) {
      for (const auto& [name, value] : node->members) {
        const Keyword k = Find(name);
        if (k.use == Use::kRefused && (k.bits & s.written) != 0)
          return At(*node, name, "is not supported");
      }
    }
    if (s.values) return Values(plain, *s.values, start);
    if ((s.written & kNullBit) != 0) b_.Literal(start, "null", end);
    if ((s.written & kBoolBit) != 0) {
      b_.Literal(start, "true", end);
      b_.Literal(start, "false", end);
    }
    if ((s.written & kNumberBits) != 0)
      GLM_RETURN_IF_ERROR(Number(plain, (s.written & kFractionBit) != 0, start, end));
    if ((s.written & kStringBit) != 0) GLM_RETURN_IF_ERROR(String(plain, start, end));
    if ((s.written & kArrayBit) != 0) GLM_RETURN_IF_ERROR(Array(plain, start, end));
    if ((s.written & kObjectBit) != 0) GLM_RETURN_IF_ERROR(Object(plain, start, end));
    return OkStatus();
  }

  // Listed values that the other keywords allow, as a trie of their spellings.
  Status Values(const Conjunction& plain, const std::vector<const JsonNode*>& values,
                StateId start) {
    std::optional<StringLimits> strings;
    std::optional<NumberRange> numbers;
    std::map<std::pair<StateId, uint8_t>, StateId> trie;
    for (const JsonNode* value : values) {
      if (value->is(Kind::kString)) {
        if (!strings) {
          GLM_ASSIGN(strings, StringLimitsOf(plain));
        }
        if (!strings->Allow(value->text)) continue;
      } else if (value->is(Kind::kNumber)) {
        if (!numbers) {
          GLM_ASSIGN(numbers, RangeOf(plain, true));
          if (!numbers->stepped) numbers->max_fraction_digits = INT32_MAX;
        }
        const auto x = ParseDecimal(value->text);
        if (!x) return At(*value, "", "has too many digits");
        if (!numbers->has(*x)) continue;
      } else if (value->is(Kind::kArray) || value->is(Kind::kObject)) {
        const unsigned bit = BitsOf(*value);
        for (const JsonNode* node : plain)
          for (const auto& [name, unused] : node->members)
            if (Find(name).bits == bit)
              return At(*node, name,
                        "is not supported beside enum and const with lists or objects");
      }
      StateId at = start;
      for (const char c : Canonical(*value)) {
        const auto byte = static_cast<uint8_t>(c);
        const auto [found, inserted] = trie.emplace(std::pair(at, byte), 0);
        if (inserted) {
          found->second = b_.NewState();
          b_.Byte(at, byte, byte, found->second);
        }
        at = found->second;
      }
      b_.SetAccepting(at);
    }
    return OkStatus();
  }

  // ---- Numbers

  // All bounds together. `fractions`: numbers with a fraction are allowed too.
  Result<NumberRange> RangeOf(const Conjunction& plain, bool fractions) {
    NumberRange range;
    range.max_fraction_digits = fractions ? kMaxFractionDigits : 0;
    const auto narrow = [](std::optional<Bound>& bound, Bound other, int sign) {
      if (!bound) {
        bound = std::move(other);
        return;
      }
      const int c = Compare(other.value, bound->value) * sign;
      if (c > 0 || (c == 0 && other.exclusive)) bound = std::move(other);
    };
    for (const JsonNode* node : plain) {
      for (const char* keyword : {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
        const JsonNode* value = node->Find(keyword);
        if (value == nullptr) continue;
        if (!value->is(Kind::kNumber)) return At(*node, keyword, "must be a number");
        const auto x = ParseDecimal(value->text);
        if (!x) return At(*node, keyword, "has too many digits");
        const std::string_view name = keyword;
        const Bound bound{*x, name.starts_with("exclusive")};
        const bool low = name.ends_with("inimum");
        narrow(low ? range.low : range.high, bound, low ? 1 : -1);
      }
      if (const JsonNode* step = node->Find("multipleOf")) {
        // 1, 0.1, 0.01, ...: a number of digits behind the point.
        const auto x = step->is(Kind::kNumber) ? ParseDecimal(step->text) : std::nullopt;
        const bool one = x && !x->negative && x->whole == "1" && x->fraction.empty();
        const bool power = x && !x->negative && x->whole == "0" && !x->fraction.empty() &&
                           x->fraction.find_first_not_of('0') == x->fraction.size() - 1 &&
                           x->fraction.back() == '1';
        if (!one && !power)
          return At(*node, "multipleOf", "is supported for 1, 0.1, 0.01 and so on only");
        range.max_fraction_digits =
            std::min(range.max_fraction_digits, static_cast<int>(x->fraction.size()));
        range.stepped = true;
      }
      if (const JsonNode* format = node->Find("format")) {
        if (format->text == "int32") {
          narrow(range.low, {*ParseDecimal("-2147483648"), false}, 1);
          narrow(range.high, {*ParseDecimal("2147483647"), false}, -1);
        } else if (format->text != "int64" && format->text != "float" && format->text != "double" &&
                   FormatPattern(format->text).empty()) {
          return At(*node, "format", fmt::format("{} is not known", QuoteUntrusted(format->text)));
        }
      }
    }
    return range;
  }

  Status Number(const Conjunction& plain, bool fractions, StateId start, StateId end) {
    GLM_ASSIGN(const NumberRange range, RangeOf(plain, fractions));
    if (!range.low && !range.high && !range.stepped) {
      b_.Call(start, rules_.Get(fractions ? Name::kNumber : Name::kInteger), end);
      return OkStatus();
    }
    std::string key = fmt::format("{} {}", range.max_fraction_digits, range.stepped);
    for (const std::optional<Bound>& bound : {range.low, range.high})
      key += bound ? fmt::format(" {}{}{}.{}", bound->exclusive ? '!' : '=',
                                 bound->value.negative ? "-" : "", bound->value.whole,
                                 bound->value.fraction)
                   : " none";
    const auto [found, inserted] = ranges_.emplace(std::move(key), 0);
    if (!inserted) {
      b_.Call(start, found->second, end);
      return OkStatus();
    }
    Result<CharDfa> dfa = RangeDfa(range, budget_);
    if (!dfa.ok()) return At(*plain.front(), "minimum", dfa.error().message);
    const RuleId rule = b_.NewRule();
    rules_.PlainText(*dfa, b_.start(rule));
    found->second = rule;
    b_.Call(start, rule, end);
    return OkStatus();
  }

  // ---- Strings

  struct StringLimits {
    int64_t min = 0, max = -1;
    std::vector<const CharDfa*> patterns;
    bool Allow(std::string_view utf8) const {
      int64_t n = 0;
      for (size_t at = 0; at < utf8.size(); ++n) NextChar(utf8, at);
      return n >= min && (max < 0 || n <= max) &&
             std::all_of(patterns.begin(), patterns.end(),
                         [&](const CharDfa* dfa) { return dfa->Matches(utf8); });
    }
  };

  Result<StringLimits> StringLimitsOf(const Conjunction& plain) {
    StringLimits limits;
    for (const JsonNode* node : plain) {
      GLM_ASSIGN(const auto min, Count(*node, "minLength"));
      GLM_ASSIGN(const auto max, Count(*node, "maxLength"));
      if (min && *min > kMaxLength) return At(*node, "minLength", "is too large");
      if (min) limits.min = std::max(limits.min, *min);
      if (max) {
        const int64_t n = std::min(*max, kMaxLength);
        limits.max = limits.max < 0 ? n : std::min(limits.max, n);
      }
      for (const char* keyword : {"pattern", "format"}) {
        const JsonNode* value = node->Find(keyword);
        if (value == nullptr) continue;
        if (!value->is(Kind::kString)) return At(*node, keyword, "must be a string");
        std::string_view pattern = value->text;
        if (std::string_view(keyword) == "format") {
          pattern = FormatPattern(value->text);
          if (pattern.empty())
            return At(*node, keyword,
                      fmt::format("{} is not a format that this program can promise; remove it or "
                                  "write a pattern",
                                  QuoteUntrusted(value->text)));
        }
        const auto [found, inserted] = patterns_.emplace(pattern, CharDfa());
        if (inserted) {
          Result<CharDfa> dfa = CompileRegex(pattern, budget_);
          if (!dfa.ok()) return At(*node, keyword, dfa.error().message);
          found->second = *std::move(dfa);
        }
        limits.patterns.push_back(&found->second);
      }
    }
    return limits;
  }

  Status String(const Conjunction& plain, StateId start, StateId end) {
    GLM_ASSIGN(const StringLimits limits, StringLimitsOf(plain));
    if (limits.max >= 0 && limits.min > limits.max) return OkStatus();  // none
    const StateId body = b_.NewState();
    if (!limits.patterns.empty()) {
      CharDfa all = *limits.patterns.front();
      const auto narrow = [&](const CharDfa& other) -> Status {
        Result<CharDfa> both = Intersection(all, other, budget_);
        if (!both.ok()) return At(*plain.front(), "pattern", both.error().message);
        all = *std::move(both);
        return OkStatus();
      };
      for (size_t i = 1; i < limits.patterns.size(); ++i)
        GLM_RETURN_IF_ERROR(narrow(*limits.patterns[i]));
      if (std::max(limits.min, limits.max) > static_cast<int64_t>(kMaxDfaStates))
        return At(*plain.front(), limits.max >= 0 ? "maxLength" : "minLength",
                  fmt::format("is supported up to {} beside a pattern or format", kMaxDfaStates));
      if (limits.min > 0 || limits.max >= 0)
        GLM_RETURN_IF_ERROR(narrow(LengthDfa(limits.min, limits.max)));
      b_.Byte(start, '"', '"', body);
      rules_.StringBody(all, body, end);
      return OkStatus();
    }
    if (limits.min == 0 && limits.max < 0) {
      b_.Call(start, rules_.Get(Name::kString), end);
      return OkStatus();
    }
    b_.Byte(start, '"', '"', body);
    StateId at = body;
    const RuleId one = rules_.Get(Name::kChar);
    for (int64_t n = 0;; ++n) {
      b_.SetCounted(at, static_cast<int32_t>(std::max<int64_t>(limits.min - n, 0)),
                    limits.max < 0 ? kUnlimitedRun : static_cast<int32_t>(limits.max - n));
      if (n >= limits.min) b_.Byte(at, '"', '"', end);
      if (n == limits.max) break;
      if (limits.max < 0 && n == limits.min) {
        b_.Call(at, one, at);
        break;
      }
      const StateId next = b_.NewState();
      b_.Call(at, one, next);
      at = next;
    }
    return OkStatus();
  }

  // ---- Lists

  Status Array(const Conjunction& plain, StateId start, StateId end) {
    int64_t min = 0, max = -1;
    size_t n_prefix = 0;
    bool open = true, unique = false;
    struct Shape {
      const JsonNode* prefix = nullptr;  // a list of schemas
      const JsonNode* rest = nullptr;
    };
    std::vector<Shape> shapes;
    for (const JsonNode* node : plain) {
      GLM_ASSIGN(const auto least, Count(*node, "minItems"));
      GLM_ASSIGN(const auto most, Count(*node, "maxItems"));
      if (least && *least > kMaxItems) return At(*node, "minItems", "is too large");
      if (least) min = std::max(min, *least);
      if (most) max = max < 0 ? *most : std::min(max, *most);
      const JsonNode* items = node->Find("items");
      Shape shape{node->Find("prefixItems"), items};
      if (items != nullptr && items->is(Kind::kArray)) {  // as before draft 2020-12
        if (shape.prefix != nullptr) return At(*node, "items", "is a list beside prefixItems");
        shape = {items, node->Find("additionalItems")};
      }
      if (shape.prefix != nullptr) {
        if (!shape.prefix->is(Kind::kArray)) return At(*node, "prefixItems", "must be a list");
        n_prefix = std::max(n_prefix, shape.prefix->items.size());
        open = open && shape.rest != nullptr;
      }
      if (const JsonNode* u = node->Find("uniqueItems")) {
        if (!u->is_bool()) return At(*node, "uniqueItems", "must be true or false");
        unique = unique || u->is(Kind::kTrue);
      }
      shapes.push_back(shape);
    }
    // Nothing is written behind a prefix that says nothing about what follows, unless it must be.
    if (!open) {
      const int64_t n = std::max(static_cast<int64_t>(n_prefix), min);
      max = max < 0 ? n : std::min(max, n);
    }
    if (max > kMaxItems) max = kMaxItems;
    if (max >= 0 && min > max) return OkStatus();
    if (unique && (max < 0 || max > 1))
      return At(*plain.front(), "uniqueItems", "is supported for lists of at most one item only");

    const auto item = [&](size_t i) {
      Conjunction schemas;
      for (const Shape& shape : shapes) {
        const bool in_prefix = shape.prefix != nullptr && i < shape.prefix->items.size();
        const JsonNode* schema = in_prefix ? &shape.prefix->items[i] : shape.rest;
        if (schema != nullptr) schemas.push_back(schema);
      }
      return RuleFor(schemas);
    };
    const RuleId comma = rules_.Get(Name::kComma), close = rules_.Get(Name::kCloseArray);
    StateId next = b_.NewState();  // where item i begins
    b_.Call(start, rules_.Get(Name::kOpenArray), next);
    if (min == 0) b_.Byte(next, ']', ']', end);
    for (int64_t i = 0; max < 0 || i < max; ++i) {
      GLM_ASSIGN(const RuleId rule, item(static_cast<size_t>(i)));
      const StateId behind = b_.NewState();
      b_.Call(next, rule, behind);
      if (i + 1 >= min) b_.Call(behind, close, end);
      if (i + 1 == max) break;
      // From here on all items are alike: one loop.
      const bool loop = max < 0 && i + 1 >= min && i >= static_cast<int64_t>(n_prefix);
      if (loop) {
        const StateId again = b_.NewState();
        b_.Call(behind, comma, again);
        b_.Call(again, rule, behind);
        break;
      }
      next = b_.NewState();
      b_.Call(behind, comma, next);
    }
    return OkStatus();
  }

  // ---- Objects

  struct Member {
    std::string name;
    Conjunction schemas;
    bool required = false;
  };

  Result<RuleId> MemberRule(const std::string& name, const Conjunction& schemas) {
    GLM_ASSIGN(const RuleId value, RuleFor(schemas));
    const auto [found, inserted] = members_.emplace(std::pair(name, value), 0);
    if (!inserted) return found->second;
    const RuleId rule = found->second = b_.NewRule();
    const StateId key = b_.NewState(), end = b_.NewAccepting();
    b_.Literal(b_.start(rule), CanonicalString(name), key);
    for (const StateId s : rules_.Colon(key)) b_.Call(s, value, end);
    return rule;
  }

  Status Object(const Conjunction& plain, StateId start, StateId end) {
    std::vector<Member> members;
    std::unordered_map<std::string_view, size_t> index;
    const auto member = [&](const std::string& name) {
      const auto [found, inserted] = index.emplace(name, members.size());
      if (inserted) members.push_back({name});
      return found->second;
    };
    bool lists_properties = false, says_more = false;
    Conjunction more;  // what additional properties must satisfy
    int64_t min = 0, max = -1;
    for (const JsonNode* node : plain) {
      if (const JsonNode* p = node->Find("properties")) {
        if (!p->is(Kind::kObject)) return At(*node, "properties", "must be an object");
        lists_properties = true;
        for (const auto& property : p->members) member(property.first);
      }
      if (const JsonNode* p = node->Find("additionalProperties")) {
        says_more = true;
        more.push_back(p);
      }
      GLM_ASSIGN(const auto least, Count(*node, "minProperties"));
      GLM_ASSIGN(const auto most, Count(*node, "maxProperties"));
      if (least) min = std::max(min, *least);
      if (most) max = max < 0 ? *most : std::min(max, *most);
    }
    int64_t n_required = 0;
    for (const JsonNode* node : plain) {
      const JsonNode* r = node->Find("required");
      if (r == nullptr) continue;
      if (!r->is(Kind::kArray)) return At(*node, "required", "must be a list of names");
      for (const JsonNode& name : r->items) {
        if (!name.is(Kind::kString)) return At(*node, "required", "must be a list of names");
        Member& m = members[member(name.text)];
        n_required += m.required ? 0 : 1;
        m.required = true;
      }
    }
    for (const JsonNode* node : plain) {
      const auto always = always_.find(node);
      if (always == always_.end()) continue;
      for (Member& m : members) {
        if (m.required || !always->second.contains(m.name)) continue;
        m.required = true;
        ++n_required;
      }
    }
    if (members.size() > kMaxProperties)
      return At(*plain.front(), "properties",
                fmt::format("has more than {} properties", kMaxProperties));
    for (const JsonNode* node : plain) {
      const JsonNode* p = node->Find("properties");
      const JsonNode* rest = node->Find("additionalProperties");
      std::unordered_set<std::string_view> own;
      if (p != nullptr) {
        for (const auto& [name, schema] : p->members) {
          own.insert(name);
          members[index.at(name)].schemas.push_back(&schema);
        }
      }
      if (rest == nullptr) continue;
      for (Member& m : members)
        if (!own.contains(m.name)) m.schemas.push_back(rest);
    }
    // Without a word about them, additional properties are written only where nothing is listed.
    const bool closed = says_more ? std::any_of(more.begin(), more.end(),
                                                [](const auto* n) { return n->is(Kind::kFalse); })
                                  : lists_properties;
    if (max >= 0 && (!closed || max < static_cast<int64_t>(members.size()))) {
      if (max == 0 && n_required == 0) {
        members.clear();
      } else {
        return At(*plain.front(), "maxProperties",
                  "is supported where additionalProperties is false and no fewer are allowed than "
                  "are listed");
      }
    }
    if (min > std::max<int64_t>(n_required, 1))
      return At(*plain.front(), "minProperties",
                "is supported up to the number of required properties, or 1");
    const bool extra = !closed && max != 0;

    RuleId extra_rule = 0;
    if (extra) {
      GLM_ASSIGN(extra_rule, ExtraMember(members, more));
    }
    // a: nothing has been written yet; c: behind a comma; behind[i]: something has, i is next.
    const size_t n = members.size();
    std::vector<StateId> a(n + 1), c(n + 1), behind(n + 1);
    for (std::vector<StateId>* states : {&a, &c, &behind})
      for (StateId& s : *states) s = b_.NewState();
    const RuleId comma = rules_.Get(Name::kComma), close = rules_.Get(Name::kCloseObject);
    b_.Call(start, rules_.Get(Name::kOpenObject), a[0]);
    if (n_required == 0 && min == 0) b_.Byte(a[0], '}', '}', end);
    bool may_end = true;  // nothing behind is required
    for (size_t i = n + 1; i-- > 0;) {
      if (i < n && members[i].required) may_end = false;
      if (may_end) b_.Call(behind[i], close, end);
      if (i < n || extra) b_.Call(behind[i], comma, c[i]);
      if (i == n) {
        if (!extra) continue;
        b_.Call(a[n], extra_rule, behind[n]);
        b_.Call(c[n], extra_rule, behind[n]);
        continue;
      }
      GLM_ASSIGN(const RuleId rule, MemberRule(members[i].name, members[i].schemas));
      b_.Call(a[i], rule, behind[i + 1]);
      b_.Call(c[i], rule, behind[i + 1]);
      if (members[i].required) continue;
      b_.Skip(a[i], a[i + 1]);
      b_.Skip(c[i], c[i + 1]);
    }
    return OkStatus();
  }

  // A member under any name that is not listed.
  Result<RuleId> ExtraMember(const std::vector<Member>& members, const Conjunction& schemas) {
    GLM_ASSIGN(const RuleId value, RuleFor(schemas));
    const RuleId rule = b_.NewRule();
    const StateId key = b_.NewState(), end = b_.NewAccepting();
    if (members.empty()) {
      b_.Call(b_.start(rule), rules_.Get(Name::kString), key);
    } else {
      std::vector<std::string_view> names;
      names.reserve(members.size());
      for (const Member& m : members) names.push_back(m.name);
      Result<CharDfa> others = AllBut(names);
      if (!others.ok()) return At(*schemas.front(), "", others.error().message);
      const StateId body = b_.NewState();
      b_.Byte(b_.start(rule), '"', '"', body);
      rules_.StringBody(*others, body, key);
    }
    for (const StateId s : rules_.Colon(key)) b_.Call(s, value, end);
    return rule;
  }

  const JsonNode& root_;
  AutomatonBuilder b_;
  JsonRules rules_;
  std::deque<JsonNode> synthetic_;
  JsonNode* null_;
  std::map<Conjunction, RuleId> made_;
  std::map<std::pair<std::string, RuleId>, RuleId> members_;
  std::deque<std::pair<Conjunction, RuleId>> todo_;
  std::unordered_map<const JsonNode*, std::vector<Conjunction>> one_of_;
  std::unordered_set<const JsonNode*> one_of_open_, checked_;
  // Schemas of this compiler that say: of these properties, those that are listed are required.
  std::unordered_map<const JsonNode*, std::set<std::string>> always_;
  std::map<std::string, RuleId> ranges_;  // rules of bounded numbers
  std::map<std::string, CharDfa, std::less<>> patterns_;
  DfaBudget budget_;
  std::vector<Way> ways_;
  size_t n_work_ = 0;
  int n_rules_ = 0;
};

}  // namespace

Result<Automaton> CompileSchema(const JsonNode& schema, JsonLayout layout) {
  return Compiler(schema, layout).Run();
}

}  // namespace glmocr
