// Answers that are JSON of a given schema: a schema becomes a grammar, a grammar with a model's
// vocabulary becomes token masks for the engine (engine/token_mask.h).
//
//   GLM_ASSIGN(std::shared_ptr<const JsonGrammar> grammar, CompileJsonSchema(schema_text));
//   GLM_ASSIGN(std::shared_ptr<const TokenTrie> trie, TokenTrie::Build(tokenizer));   // once a
//   model GLM_ASSIGN(std::shared_ptr<const BoundGrammar> bound, Bind(grammar, trie, eos_ids));
//   request.token_mask = MakeTokenMask(bound);                              // one for each request
// Grammars, tries and bound grammars are immutable to their users and may be shared between
// threads; a bound grammar keeps the masks that it has computed, so requests with the same schema
// should share it. A token mask belongs to one request.
//
// What a mask promises: the tokens before the end-of-sequence token spell exactly one JSON value
// that validates against the schema; the end is allowed only when the value is complete, and
// nothing else is allowed once nothing can follow. Special and added tokens are never allowed
// inside. A token may end within a character. docs/json_schema.md says which schemas are
// understood, in which order properties come and where white space may stand.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/token_mask.h"

namespace glmocr {

class Tokenizer;
class JsonGrammar;
class TokenTrie;
class BoundGrammar;

enum class JsonLayout {
  kFree,     // one space, or a line break and at most 16 spaces, behind { [ , and before ] }; a
             // space behind a colon
  kCompact,  // no white space
};

// `schema_json` comes from a client. kInvalidArgument: not a schema, beyond a limit, or something
// in it that this program cannot promise (the message names the JSON pointer and the keyword);
// kOutOfMemory.
Result<std::shared_ptr<const JsonGrammar>> CompileJsonSchema(std::string_view schema_json,
                                                             JsonLayout layout = JsonLayout::kFree);
// Any JSON object.
std::shared_ptr<const JsonGrammar> AnyJsonObject(JsonLayout layout = JsonLayout::kFree);

// Every token of a vocabulary that text may be made of, by its bytes.
Result<std::shared_ptr<const TokenTrie>> BuildTokenTrie(const Tokenizer& tokenizer);
// The same from the bytes of each id; an empty one is never allowed.
Result<std::shared_ptr<const TokenTrie>> BuildTokenTrie(std::span<const std::string_view> tokens);

// kInvalidArgument: no end-of-sequence id, or the vocabulary lacks single-byte tokens without which
// an answer could get stuck (the message names them).
Result<std::shared_ptr<const BoundGrammar>> Bind(std::shared_ptr<const JsonGrammar> grammar,
                                                 std::shared_ptr<const TokenTrie> trie,
                                                 std::vector<int32_t> eos_ids);
std::unique_ptr<TokenMask> MakeTokenMask(std::shared_ptr<const BoundGrammar> bound);

// Whether `text` is a value of the grammar; for tests and tools.
bool Matches(const JsonGrammar& grammar, std::string_view text);

}  // namespace glmocr
