#include "tokenizer/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "tokenizer/pretokenizer.h"
#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;              // of nested arrays and objects; real files need 6
constexpr int64_t kMaxId = (1 << 20) - 1;  // four times the largest vocabulary in use
constexpr size_t kMaxAddedTokenBytes = 1024;

Error Corrupt(std::string what) { return {ErrorCode::kCorrupt, std::move(what)}; }
Error Unsupported(std::string what) { return {ErrorCode::kUnsupported, std::move(what)}; }

// ---- the byte alphabet of byte-level BPE ----

// GPT-2's bijection from bytes to printable characters: printable Latin-1 stands for itself, the
// rest for U+0100 and up.
struct ByteAlphabet {
  std::array<char32_t, 256> char_of_byte{};
  std::array<int, 512> byte_of_char{};

  constexpr ByteAlphabet() {
    byte_of_char.fill(-1);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool itself = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      char_of_byte[b] = itself ? static_cast<char32_t>(b) : next++;
      byte_of_char[char_of_byte[b]] = b;
    }
  }
};
constexpr ByteAlphabet kAlphabet;

// ---- JSON to a tree, with the vocabulary on the side ----

struct ParseStop {
  Error error;
};

// nlohmann keeps the last of equal keys; two values under one key are two readings of the file, so
// they are refused. The vocabulary's 150,000 entries go straight to a list.
class TreeBuilder {
 public:
  std::vector<std::pair<std::string, int64_t>> vocabulary;

  bool operator()(int depth, json::parse_event_t event, json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (depth >= kMaxDepth) throw ParseStop{Corrupt("nested more than 32 levels deep")};
        if (event == json::parse_event_t::object_start) keys_.emplace_back();
        return true;
      case json::parse_event_t::key:
        return OnKey(parsed.get_ref<const std::string&>());
      case json::parse_event_t::value:
        return OnValue(depth, parsed);
      case json::parse_event_t::object_end:
        keys_.pop_back();
        return true;
      default:
        return true;
    }
  }

 private:
  struct Keys {
    std::unordered_set<std::string> seen;
    std::string last;
  };

  bool OnKey(const std::string& key) {
    Keys& keys = keys_.back();
    if (!keys.seen.insert(key).second) {
      throw ParseStop{Corrupt(fmt::format("the key '{}' occurs twice in one object", key))};
    }
    keys.last = key;
    if (keys_.size() == 2) in_vocabulary_ = keys_[0].last == "model" && key == "vocab";
    return !(in_vocabulary_ && keys_.size() == 3);
  }

  bool OnValue(int depth, const json& value) {
    if (!in_vocabulary_ || keys_.size() != 3 || depth != 3) return true;
    if (!value.is_number_unsigned() || value.get<uint64_t>() > kMaxId) {
      throw ParseStop{
          Corrupt(fmt::format("model.vocab: the id of '{}' is {}, not an integer from 0 to {}",
                              keys_.back().last, value.dump(-1, ' ', true), kMaxId))};
    }
    vocabulary.emplace_back(keys_.back().last, value.get<int64_t>());
    return true;  // OnKey has already kept it out of the tree
  }

  std::vector<Keys> keys_;  // of the open objects
  bool in_vocabulary_ = false;
};

// ---- typed access ----

Status OnlyKeys(const json& object, std::string_view where,
                std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return Corrupt(fmt::format("{} is not an object", where));
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Unsupported(fmt::format("{}.{} is not a field that this program knows", where, key));
    }
  }
  return OkStatus();
}

Result<bool> GetBool(const json& object, std::string_view where, const char* key, bool otherwise) {
  const auto it = object.find(key);
  if (it == object.end()) return otherwise;
  if (!it->is_boolean()) return Corrupt(fmt::format("{}.{} is not true or false", where, key));
  return it->get<bool>();
}

Result<std::string> GetString(const json& object, std::string_view where, const char* key) {
  const auto it = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || it == object.end() || !it->is_string()) {
    return Corrupt(fmt::format("{}.{} is missing or not a string", where, key));
  }
  return it->get<std::string>();
}

bool IsNullOrAbsent(const json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null();
}

// ---- the sections ----

using IdOfSpelling = std::unordered_map<std::string_view, int32_t>;

Status ReadVocabulary(const std::vector<std::pair<std::string, int64_t>>& vocabulary,
                      TokenizerSpec* spec, IdOfSpelling* ids) {
  std::vector<bool> taken(kMaxId + 1);
  spec->byte_ids.fill(-1);
  ids->reserve(vocabulary.size());
  spec->vocabulary.reserve(vocabulary.size());
  for (const auto& [spelling, id64] : vocabulary) {
    const auto id = static_cast<int32_t>(id64);
    if (taken[id])
      return Corrupt(
          fmt::format("model.vocab: id {} is given to two tokens, one is '{}'", id, spelling));
    taken[id] = true;
    ids->emplace(spelling, id);
    TokenBytesResult token = SpellingToBytes(spelling);
    if (token.in_alphabet && token.bytes.size() == 1)
      spec->byte_ids[static_cast<unsigned char>(token.bytes[0])] = id;
    spec->vocabulary.push_back({std::move(token.bytes), id, token.in_alphabet});
  }
  for (int b = 0; b < 256; ++b) {
    if (spec->byte_ids[b] < 0) {
      return Unsupported(fmt::format(
          "model.vocab has no token for the byte 0x{:02X}; only byte-level BPE with all 256 bytes "
          "is supported",
          b));
    }
  }
  return OkStatus();
}

Status ReadMerges(const json& merges, const IdOfSpelling& ids, TokenizerSpec* spec) {
  if (!merges.is_array()) return Corrupt("model.merges is not a list");
  spec->merges.reserve(merges.size());
  std::string joined;
  for (size_t i = 0; i < merges.size(); ++i) {
    std::string_view left, right;
    if (merges[i].is_string()) {
      const std::string_view both = merges[i].get_ref<const std::string&>();
      const size_t space = both.find(' ');
      if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos) {
        return Corrupt(fmt::format("model.merges[{}] is not two tokens with one space between", i));
      }
      left = both.substr(0, space);
      right = both.substr(space + 1);
    } else if (merges[i].is_array() && merges[i].size() == 2 && merges[i][0].is_string() &&
               merges[i][1].is_string()) {
      left = merges[i][0].get_ref<const std::string&>();
      right = merges[i][1].get_ref<const std::string&>();
    } else {
      return Corrupt(fmt::format("model.merges[{}] is neither \"a b\" nor [\"a\", \"b\"]", i));
    }
    joined.assign(left).append(right);
    const auto l = ids.find(left), r = ids.find(right), m = ids.find(joined);
    if (left.empty() || right.empty() || l == ids.end() || r == ids.end() || m == ids.end()) {
      return Corrupt(fmt::format(
          "model.merges[{}] names '{}' + '{}', and these or their union are not in model.vocab", i,
          left, right));
    }
    spec->merges.push_back({l->second, r->second, m->second});
  }
  return OkStatus();
}

Status ReadModel(const json& model, const std::vector<std::pair<std::string, int64_t>>& vocabulary,
                 TokenizerSpec* spec, IdOfSpelling* ids) {
  GLM_RETURN_IF_ERROR(
      OnlyKeys(model, "model",
               {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
                "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges"}));
  if (!model.contains("vocab") || !model["vocab"].is_object())
    return Corrupt("model.vocab is missing or not an object");
  // Files older than the field's invention leave the type out.
  if (!IsNullOrAbsent(model, "type") && model["type"] != "BPE") {
    return Unsupported(fmt::format("model.type is {}; only \"BPE\" is supported",
                                   model["type"].dump(-1, ' ', true)));
  }
  if (!IsNullOrAbsent(model, "dropout") && model["dropout"] != 0) {
    return Unsupported("model.dropout is set; encoding must be deterministic, set it to null");
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!IsNullOrAbsent(model, key) && model[key] != "")
      return Unsupported(fmt::format("model.{} is set", key));
  }
  // unk_token, fuse_unk and byte_fallback speak of characters without a token; ReadVocabulary found
  // one for every byte.
  GLM_ASSIGN(spec->ignore_merges, GetBool(model, "model", "ignore_merges", false));
  if (!model.contains("merges")) return Corrupt("model.merges is missing");
  GLM_RETURN_IF_ERROR(ReadVocabulary(vocabulary, spec, ids));
  return ReadMerges(model["merges"], *ids, spec);
}

Result<AddedToken> ReadAddedToken(const json& item, const std::string& where) {
  GLM_RETURN_IF_ERROR(OnlyKeys(
      item, where, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}));
  AddedToken token;
  GLM_ASSIGN(token.content, GetString(item, where, "content"));
  if (token.content.empty() || token.content.size() > kMaxAddedTokenBytes) {
    return Corrupt(
        fmt::format("{}.content is empty or longer than {} bytes", where, kMaxAddedTokenBytes));
  }
  const auto id = item.find("id");
  if (id == item.end() || !id->is_number_unsigned() || id->get<uint64_t>() > kMaxId) {
    return Corrupt(fmt::format("{}.id is not an integer from 0 to {}", where, kMaxId));
  }
  token.id = id->get<int32_t>();
  GLM_ASSIGN(const bool single_word, GetBool(item, where, "single_word", false));
  if (single_word) return Unsupported(where + ".single_word is true");
  GLM_ASSIGN(token.special, GetBool(item, where, "special", false));
  GLM_ASSIGN(token.normalized, GetBool(item, where, "normalized", !token.special));
  GLM_ASSIGN(token.lstrip, GetBool(item, where, "lstrip", false));
  GLM_ASSIGN(token.rstrip, GetBool(item, where, "rstrip", false));
  return token;
}

Status ReadAddedTokens(const json& list, const IdOfSpelling& ids, TokenizerSpec* spec) {
  if (!list.is_array()) return Corrupt("added_tokens is not a list");
  std::unordered_map<int32_t, std::string> spelling_of_id;
  for (const auto& [spelling, id] : ids) spelling_of_id.emplace(id, spelling);
  std::unordered_set<std::string> contents;
  const auto vocabulary_size = static_cast<int32_t>(ids.size());
  int32_t largest = -1;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("added_tokens[{}]", i);
    GLM_ASSIGN(AddedToken token, ReadAddedToken(list[i], where));
    if (!contents.insert(token.content).second) {
      return Corrupt(fmt::format("{}: '{}' is added twice", where, token.content));
    }
    if (token.normalized && spec->normalize_nfc) {
      return Unsupported(fmt::format("{}.normalized is true and there is a normalizer", where));
    }
    const auto in_vocabulary = ids.find(token.content);
    if (in_vocabulary != ids.end() && in_vocabulary->second != token.id) {
      return Corrupt(fmt::format("{}: '{}' has id {} here and id {} in model.vocab", where,
                                 token.content, token.id, in_vocabulary->second));
    }
    // The reference does not take the file's id for a token that is new: it counts on. A file that
    // counts differently has two meanings.
    const int32_t next = std::max(largest + 1, vocabulary_size);
    if (in_vocabulary == ids.end() && token.id != next) {
      return Unsupported(
          fmt::format("{}: '{}' has id {}, and the reference tokenizer would number it {}", where,
                      token.content, token.id, next));
    }
    largest = std::max(largest, token.id);
    const auto [owner, is_new] = spelling_of_id.emplace(token.id, token.content);
    if (!is_new && owner->second != token.content) {
      return Corrupt(
          fmt::format("{}: id {} belongs to '{}' already", where, token.id, owner->second));
    }
    spec->added_tokens.push_back(std::move(token));
  }
  return OkStatus();
}

Status ReadNormalizer(const json& root, TokenizerSpec* spec) {
  if (IsNullOrAbsent(root, "normalizer")) return OkStatus();
  GLM_ASSIGN(const std::string type, GetString(root["normalizer"], "normalizer", "type"));
  if (type != "NFC")
    return Unsupported(
        fmt::format("normalizer.type is \"{}\"; only null and \"NFC\" are supported", type));
  spec->normalize_nfc = true;
  return OkStatus();
}

// A ByteLevel pre-tokenizer; tells whether it also splits by GPT-2's pattern.
Result<bool> ReadByteLevel(const json& item, const std::string& where) {
  GLM_RETURN_IF_ERROR(
      OnlyKeys(item, where, {"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  GLM_ASSIGN(const bool prefix, GetBool(item, where, "add_prefix_space", true));
  if (prefix) return Unsupported(where + ".add_prefix_space is not false");
  return GetBool(item, where, "use_regex",
                 true);  // trim_offsets concerns offsets, which are not computed here
}

Result<std::string> ReadSplit(const json& item, const std::string& where) {
  GLM_RETURN_IF_ERROR(OnlyKeys(item, where, {"type", "pattern", "behavior", "invert"}));
  GLM_ASSIGN(const std::string behavior, GetString(item, where, "behavior"));
  if (behavior != "Isolated")
    return Unsupported(fmt::format("{}.behavior is \"{}\"; only \"Isolated\" is", where, behavior));
  GLM_ASSIGN(const bool invert, GetBool(item, where, "invert", false));
  if (invert) return Unsupported(where + ".invert is true");
  const auto pattern = item.find("pattern");
  if (pattern == item.end() || !pattern->is_object())
    return Corrupt(where + ".pattern is missing or not an object");
  GLM_RETURN_IF_ERROR(OnlyKeys(*pattern, where + ".pattern", {"Regex"}));
  return GetString(*pattern, where + ".pattern", "Regex");
}

Status ReadPreTokenizer(const json& root, TokenizerSpec* spec) {
  if (IsNullOrAbsent(root, "pre_tokenizer"))
    return Unsupported("pre_tokenizer is null; byte-level BPE needs one");
  const json& pre = root["pre_tokenizer"];
  GLM_ASSIGN(const std::string type, GetString(pre, "pre_tokenizer", "type"));
  if (type == "ByteLevel") {
    GLM_ASSIGN(const bool regex, ReadByteLevel(pre, "pre_tokenizer"));
    if (!regex) return Unsupported("pre_tokenizer.use_regex is false without a Split before it");
    spec->split_pattern = kGpt2Pattern;
    return OkStatus();
  }
  if (type != "Sequence") return Unsupported(fmt::format("pre_tokenizer.type is \"{}\"", type));
  GLM_RETURN_IF_ERROR(OnlyKeys(pre, "pre_tokenizer", {"type", "pretokenizers"}));
  const auto list = pre.find("pretokenizers");
  if (list == pre.end() || !list->is_array())
    return Corrupt("pre_tokenizer.pretokenizers is missing or not a list");
  const std::string where = "pre_tokenizer.pretokenizers";
  if (list->size() != 2) return Unsupported(where + " is not [Split, ByteLevel]");
  GLM_ASSIGN(const std::string first, GetString((*list)[0], where + "[0]", "type"));
  GLM_ASSIGN(const std::string second, GetString((*list)[1], where + "[1]", "type"));
  if (first != "Split" || second != "ByteLevel")
    return Unsupported(where + " is not [Split, ByteLevel]");
  GLM_ASSIGN(spec->split_pattern, ReadSplit((*list)[0], where + "[0]"));
  GLM_ASSIGN(const bool regex, ReadByteLevel((*list)[1], where + "[1]"));
  if (regex) return Unsupported(where + "[1].use_regex is not false");
  return OkStatus();
}

Status ReadDecoder(const json& root) {
  if (IsNullOrAbsent(root, "decoder"))
    return Unsupported("decoder is null; only \"ByteLevel\" is supported");
  GLM_ASSIGN(const std::string type, GetString(root["decoder"], "decoder", "type"));
  if (type != "ByteLevel")
    return Unsupported(
        fmt::format("decoder.type is \"{}\"; only \"ByteLevel\" is supported", type));
  return OnlyKeys(root["decoder"], "decoder",
                  {"type", "add_prefix_space", "trim_offsets", "use_regex"});
}

// The "single" template: special tokens around one "Sequence".
Status ReadTemplate(const json& item, const std::string& where, TokenizerSpec* spec) {
  GLM_RETURN_IF_ERROR(OnlyKeys(item, where, {"type", "single", "pair", "special_tokens"}));
  const auto single = item.find("single");
  if (single == item.end() || !single->is_array())
    return Corrupt(where + ".single is missing or not a list");
  bool seen_text = false;
  for (const json& part : *single) {
    if (!part.is_object()) return Corrupt(where + ".single holds something that is not an object");
    if (part.contains("Sequence") && !seen_text) {
      seen_text = true;
      continue;
    }
    const auto special = part.find("SpecialToken");
    if (special == part.end())
      return Unsupported(where + ".single is not special tokens around one Sequence");
    GLM_ASSIGN(const std::string content,
               GetString(*special, where + ".single.SpecialToken", "id"));
    const auto token = std::find_if(spec->added_tokens.begin(), spec->added_tokens.end(),
                                    [&](const AddedToken& t) { return t.content == content; });
    if (token == spec->added_tokens.end()) {
      return Corrupt(
          fmt::format("{}.single names '{}', which is not an added token", where, content));
    }
    (seen_text ? spec->template_suffix : spec->template_prefix).push_back(token->id);
  }
  return seen_text ? OkStatus() : Status(Corrupt(where + ".single has no Sequence"));
}

Status ReadPostProcessor(const json& item, const std::string& where, TokenizerSpec* spec) {
  GLM_ASSIGN(const std::string type, GetString(item, where, "type"));
  if (type == "ByteLevel") return OkStatus();  // trims offsets only
  if (type == "TemplateProcessing") {
    if (!spec->template_prefix.empty() || !spec->template_suffix.empty())
      return Unsupported(where + " is a second template");
    return ReadTemplate(item, where, spec);
  }
  if (type != "Sequence" || where != "post_processor") {
    return Unsupported(fmt::format("{}.type is \"{}\"", where, type));
  }
  GLM_RETURN_IF_ERROR(OnlyKeys(item, where, {"type", "processors"}));
  const auto list = item.find("processors");
  if (list == item.end() || !list->is_array())
    return Corrupt(where + ".processors is missing or not a list");
  for (size_t i = 0; i < list->size(); ++i) {
    GLM_RETURN_IF_ERROR(
        ReadPostProcessor((*list)[i], fmt::format("{}.processors[{}]", where, i), spec));
  }
  return OkStatus();
}

Result<TokenizerSpec> ReadRoot(const json& root,
                               const std::vector<std::pair<std::string, int64_t>>& vocabulary) {
  GLM_RETURN_IF_ERROR(OnlyKeys(root, "the file",
                               {"version", "truncation", "padding", "added_tokens", "normalizer",
                                "pre_tokenizer", "post_processor", "decoder", "model"}));
  if (!IsNullOrAbsent(root, "version") && root["version"] != "1.0") {
    return Unsupported("version is not \"1.0\"");
  }
  for (const char* key : {"truncation", "padding"}) {
    if (!IsNullOrAbsent(root, key))
      return Unsupported(fmt::format("{} is set; set it to null", key));
  }
  if (!root.contains("model")) return Corrupt("model is missing");
  TokenizerSpec spec;
  IdOfSpelling ids;
  GLM_RETURN_IF_ERROR(ReadNormalizer(root, &spec));
  GLM_RETURN_IF_ERROR(ReadPreTokenizer(root, &spec));
  GLM_RETURN_IF_ERROR(ReadDecoder(root));
  GLM_RETURN_IF_ERROR(ReadModel(root["model"], vocabulary, &spec, &ids));
  if (!IsNullOrAbsent(root, "added_tokens"))
    GLM_RETURN_IF_ERROR(ReadAddedTokens(root["added_tokens"], ids, &spec));
  if (!IsNullOrAbsent(root, "post_processor")) {
    GLM_RETURN_IF_ERROR(ReadPostProcessor(root["post_processor"], "post_processor", &spec));
  }
  // Merges must not be able to spell a control token: text from outside is encoded by merges alone.
  std::unordered_set<int32_t> specials;
  for (const AddedToken& token : spec.added_tokens) {
    if (token.special) specials.insert(token.id);
  }
  for (const Merge& merge : spec.merges) {
    if (specials.contains(merge.merged)) {
      return Unsupported(
          fmt::format("model.merges can produce the special token {}; plain text could forge it",
                      merge.merged));
    }
  }
  return spec;
}

}  // namespace

TokenBytesResult SpellingToBytes(std::string_view spelling) {
  TokenBytesResult result{"", true};
  result.bytes.reserve(spelling.size());
  for (size_t i = 0; i < spelling.size();) {
    const Utf8Char c = DecodeUtf8(spelling.data() + i);
    const int byte =
        c.code_point < kAlphabet.byte_of_char.size() ? kAlphabet.byte_of_char[c.code_point] : -1;
    if (byte < 0) return {std::string(spelling), false};
    result.bytes.push_back(static_cast<char>(byte));
    i += c.size_bytes;
  }
  return result;
}

Result<TokenizerSpec> ParseTokenizerJson(std::string_view bytes, std::string_view name) {
  const std::string context = fmt::format("tokenizer '{}'", name);
  try {
    TreeBuilder builder;
    // By reference: nlohmann copies its callback.
    const json root =
        json::parse(bytes, [&builder](int depth, json::parse_event_t event, json& parsed) {
          return builder(depth, event, parsed);
        });
    Result<TokenizerSpec> spec = ReadRoot(root, builder.vocabulary);
    if (!spec.ok()) return spec.error().With(context);
    return spec;
  } catch (const ParseStop& stop) {
    return stop.error.With(context);
  } catch (const json::exception& e) {
    return Corrupt(fmt::format("not a valid JSON file: {}", e.what())).With(context);
  }
}

}  // namespace glmocr
