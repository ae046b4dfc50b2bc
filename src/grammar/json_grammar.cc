#include "grammar/json_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "grammar/automaton.h"
#include "grammar/mask_cache.h"
#include "grammar/schema_compiler.h"
#include "grammar/schema_json.h"
#include "grammar/stacks.h"
#include "grammar/token_trie.h"

namespace glmocr {

class JsonGrammar {
 public:
  explicit JsonGrammar(Automaton a) : automaton(std::move(a)) {}
  const Automaton automaton;
};

class BoundGrammar {
 public:
  BoundGrammar(std::shared_ptr<const JsonGrammar> grammar_in,
               std::shared_ptr<const TokenTrie> trie_in, std::vector<int32_t> eos)
      : grammar(std::move(grammar_in)),
        trie(std::move(trie_in)),
        eos_ids(std::move(eos)),
        cache_(&grammar->automaton, trie.get()) {}

  const std::shared_ptr<const JsonGrammar> grammar;
  const std::shared_ptr<const TokenTrie> trie;
  const std::vector<int32_t> eos_ids;

  // Sets the bits of the tokens that may follow the items.
  Status Fill(const Stacks& stacks, const Items& items, std::span<uint64_t> allowed) const {
    const std::lock_guard lock(mutex_);
    struct Step {
      std::shared_ptr<MaskEntry> entry;
      FrameId frame;
    };
    std::vector<Step> steps;
    std::set<std::pair<const MaskEntry*, FrameId>> seen;
    for (size_t i = 0; i < items.n_kernel; ++i) {
      GLM_ASSIGN(auto entry, cache_.Behind(items.items[i].state));
      steps.push_back({std::move(entry), items.items[i].frame});
    }
    while (!steps.empty()) {
      const Step step = std::move(steps.back());
      steps.pop_back();
      Add(*step.entry, allowed);
      if (step.entry->exits.empty() || step.frame == kOutside) continue;
      if (!seen.emplace(step.entry.get(), step.frame).second) continue;
      for (int32_t l = stacks.first_link(step.frame); l >= 0; l = stacks.link(l).next) {
        GLM_ASSIGN(auto entry, cache_.BehindCaller(step.entry, stacks.link(l).state));
        steps.push_back({std::move(entry), stacks.link(l).frame});
      }
    }
    return OkStatus();
  }

 private:
  void Add(const MaskEntry& entry, std::span<uint64_t> allowed) const {
    const auto add_words = [&](std::span<const uint64_t> words) {
      const size_t n = std::min(words.size(), allowed.size());
      for (size_t i = 0; i < n; ++i) allowed[i] |= words[i];
    };
    if (entry.n_plain >= 0) add_words(trie->PlainUpTo(entry.n_plain));
    add_words(entry.words);
    for (const int32_t id : entry.ids) {
      const auto word = static_cast<size_t>(id) / 64;
      if (word < allowed.size()) allowed[word] |= uint64_t{1} << (id % 64);
    }
  }

  mutable std::mutex mutex_;
  mutable MaskCache cache_;
};

namespace {

class JsonMask : public TokenMask {
 public:
  explicit JsonMask(std::shared_ptr<const BoundGrammar> bound)
      : bound_(std::move(bound)), stacks_(&bound_->grammar->automaton) {
    const Automaton& a = bound_->grammar->automaton;
    stacks_.Start(a.start(a.root()), Stacks::AtOnce::kMayNotLeave, items_);
  }

  Status Fill(std::span<uint64_t> allowed) override {
    if (failed_)
      return Error{ErrorCode::kInternal,
                   "a token was taken that the JSON schema of this request does not allow"};
    if (!ended_) GLM_RETURN_IF_ERROR(bound_->Fill(stacks_, items_, allowed));
    if (ended_ || items_.outside) {
      for (const int32_t id : bound_->eos_ids) {
        const auto word = static_cast<size_t>(id) / 64;
        if (word < allowed.size()) allowed[word] |= uint64_t{1} << (id % 64);
      }
    }
    if (std::all_of(allowed.begin(), allowed.end(), [](uint64_t w) { return w == 0; }))
      return Error{ErrorCode::kInternal,
                   "no token of the model's vocabulary continues the JSON answer"};
    return OkStatus();
  }

  void Accept(int32_t id) override {
    const std::vector<int32_t>& eos = bound_->eos_ids;
    if (std::find(eos.begin(), eos.end(), id) != eos.end()) {
      failed_ = failed_ || (!ended_ && !items_.outside);
      ended_ = true;
      return;
    }
    const std::string_view bytes = bound_->trie->Bytes(id);
    if (ended_ || bytes.empty()) {
      failed_ = true;
      return;
    }
    for (const char c : bytes) {
      stacks_.Step(items_, static_cast<uint8_t>(c), next_);
      std::swap(items_, next_);
    }
    failed_ = failed_ || items_.empty() || items_.too_many;
    // Frames of values that are behind us go, now and then.
    if (stacks_.Mark().n_frames > 2 * kept_ + 1024) {
      stacks_.Compact(items_);
      kept_ = stacks_.Mark().n_frames;
    }
  }

 private:
  std::shared_ptr<const BoundGrammar> bound_;
  Stacks stacks_;
  Items items_, next_;
  size_t kept_ = 0;  // frames after the last compaction
  bool ended_ = false, failed_ = false;
};

std::string NameOf(uint8_t byte) {
  return byte > 0x20 && byte < 0x7F ? fmt::format("'{}'", static_cast<char>(byte))
                                    : fmt::format("0x{:02X}", byte);
}

}  // namespace

Result<std::shared_ptr<const JsonGrammar>> CompileJsonSchema(std::string_view schema_json,
                                                             JsonLayout layout) {
  GLM_ASSIGN(const std::unique_ptr<const JsonNode> schema, ParseSchemaJson(schema_json));
  GLM_ASSIGN(Automaton automaton, CompileSchema(*schema, layout));
  return std::shared_ptr<const JsonGrammar>(std::make_shared<JsonGrammar>(std::move(automaton)));
}

std::shared_ptr<const JsonGrammar> AnyJsonObject(JsonLayout layout) {
  auto grammar = CompileJsonSchema(R"({"type": "object"})", layout);
  GLM_CHECK(grammar.ok());
  return *std::move(grammar);
}

Result<std::shared_ptr<const BoundGrammar>> Bind(std::shared_ptr<const JsonGrammar> grammar,
                                                 std::shared_ptr<const TokenTrie> trie,
                                                 std::vector<int32_t> eos_ids) {
  if (eos_ids.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "the model has no end-of-sequence token, so an answer after a JSON schema could "
                 "not end; name one in its generation_config.json"};
  for (const int32_t id : eos_ids)
    if (id < 0)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("end-of-sequence id {} is negative", id)};
  // Every state must have a way to its end in single bytes. (Longer tokens might make up for a
  // missing byte; a byte-level vocabulary has all 256, so this asks for no more than is usual.)
  const Automaton& a = grammar->automaton;
  const std::vector<bool> productive = a.Productive(trie->single_bytes());
  std::set<uint8_t> missing;
  for (StateId s = 0; s < a.n_states(); ++s) {
    if (productive[static_cast<size_t>(s)]) continue;
    for (const ByteEdge& e : a.bytes(a.state(s)))
      for (int b = e.first; b <= e.last; ++b)
        if (!trie->single_bytes()[static_cast<size_t>(b)]) missing.insert(static_cast<uint8_t>(b));
  }
  if (!missing.empty()) {
    std::string names;
    for (const uint8_t byte : missing) {
      if (names.size() > 100) {
        names += ", ...";
        break;
      }
      names += (names.empty() ? "" : ", ") + NameOf(byte);
    }
    return Error{ErrorCode::kInvalidArgument,
                 "the model's vocabulary has no token for " + names +
                     " alone, which answers after this JSON schema need"};
  }
  return std::shared_ptr<const BoundGrammar>(
      std::make_shared<BoundGrammar>(std::move(grammar), std::move(trie), std::move(eos_ids)));
}

std::unique_ptr<TokenMask> MakeTokenMask(std::shared_ptr<const BoundGrammar> bound) {
  return std::make_unique<JsonMask>(std::move(bound));
}

bool Matches(const JsonGrammar& grammar, std::string_view text) {
  Stacks stacks(&grammar.automaton);
  Items items, next;
  stacks.Start(grammar.automaton.start(grammar.automaton.root()), Stacks::AtOnce::kMayNotLeave,
               items);
  for (const char c : text) {
    stacks.Step(items, static_cast<uint8_t>(c), next);
    std::swap(items, next);
    if (items.empty()) return false;
  }
  return items.outside && !items.too_many;
}

}  // namespace glmocr
