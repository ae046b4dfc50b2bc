#include "tokenizer/tokenizer.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <deque>
#include <unordered_map>

#include "base/check.h"
#include "base/file.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/stream_decoder.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

constexpr size_t kMaxFileBytes = size_t{256} << 20;

// The words already encoded in this call: where each one's ids stand in the output, so that a
// repeated word is a copy. Direct-mapped and local to the call: no locks, no allocation per word,
// no state to share between threads.
class WordCache {
 public:
  explicit WordCache(size_t text_bytes)
      : entries_(std::clamp(std::bit_ceil(text_bytes / 16 + 1), size_t{16}, size_t{16384})) {}

  struct Entry {
    std::string_view word;  // of the text being encoded, which outlives the cache
    size_t ids_begin = 0, ids_size = 0;
  };
  // The entry where `word` belongs; it holds another word, or none, when the word is not known.
  Entry& At(std::string_view word) {
    return entries_[XXH3_64bits(word.data(), word.size()) & (entries_.size() - 1)];
  }

 private:
  std::vector<Entry> entries_;
};

constexpr size_t kMaxCachedBytes = 64;

size_t SpacesBefore(std::string_view text, size_t begin, size_t end) {
  while (end > begin) {
    size_t start = end - 1;
    while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!IsSpace(ClassifyUtf8(text.data() + start).char_class)) break;
    end = start;
  }
  return end;
}

size_t SpacesBehind(std::string_view text, size_t begin, size_t end) {
  while (begin < end) {
    const ClassifiedChar c = ClassifyUtf8(text.data() + begin);
    if (!IsSpace(c.char_class)) break;
    begin += c.size_bytes;
  }
  return begin;
}

}  // namespace

struct Tokenizer::Impl {
  struct Token {
    uint32_t begin = 0, size = 0;  // of `bytes`
    bool exists = false, special = false;
  };

  explicit Impl(PreTokenizer p) : pre(std::move(p)) {}

  // One call of Encode.
  struct Job {
    std::string_view text;
    std::span<const TextRange> trusted;
    WordCache cache;
    std::deque<std::string> normalized;  // keeps what the cache points at
    std::vector<int32_t> ids;
  };

  void SetToken(int32_t id, std::string_view token_bytes) {
    if (tokens.size() <= static_cast<size_t>(id)) tokens.resize(static_cast<size_t>(id) + 1);
    tokens[id] = {static_cast<uint32_t>(bytes.size()), static_cast<uint32_t>(token_bytes.size()),
                  true, false};
    bytes.append(token_bytes);
  }
  std::string_view BytesOf(const Token& t) const {
    return std::string_view(bytes).substr(t.begin, t.size);
  }

  Status EncodeAll(Job* job) const;
  Status EncodeWords(Job* job, TextRange piece) const;
  template <typename OnGap>
  Status CutOutTokens(const AddedTokenMatcher& matcher, Job* job, TextRange piece,
                      OnGap&& on_gap) const;

  PreTokenizer pre;
  Bpe bpe;
  AddedTokenMatcher raw_tokens, normalized_tokens;
  bool normalize_nfc = false;
  bool ignore_merges = false;
  std::string bytes;          // of all tokens
  std::vector<Token> tokens;  // by id
  std::unordered_map<std::string_view, int32_t>
      id_of_word;  // into `bytes`; what encoding can produce
  std::unordered_map<std::string, int32_t> id_of_added;
  std::vector<int32_t> template_prefix, template_suffix;
};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::FromFile(const std::filesystem::path& path) {
  GLM_ASSIGN(const std::string json, ReadFile(path, kMaxFileBytes));
  return FromJson(json, path.string());
}

Result<Tokenizer> Tokenizer::FromJson(std::string_view json, std::string_view name) {
  GLM_ASSIGN(TokenizerSpec spec, ParseTokenizerJson(json, name));
  Result<PreTokenizer> pre = PreTokenizer::Create(spec.split_pattern);
  if (!pre.ok()) return pre.error().With(fmt::format("tokenizer '{}': pre_tokenizer", name));
  auto impl = std::make_unique<Impl>(std::move(*pre));
  impl->normalize_nfc = spec.normalize_nfc;
  impl->ignore_merges = spec.ignore_merges;
  impl->bpe = Bpe(spec.byte_ids, spec.merges);
  for (const VocabularyEntry& entry : spec.vocabulary) impl->SetToken(entry.id, entry.bytes);
  std::vector<AddedToken> raw, normalized;
  for (const AddedToken& token : spec.added_tokens) {
    impl->SetToken(token.id, SpellingToBytes(token.content).bytes);
    impl->tokens[token.id].special = token.special;
    impl->id_of_added.emplace(token.content, token.id);
    (token.normalized ? normalized : raw).push_back(token);
  }
  impl->id_of_word.reserve(spec.vocabulary.size());
  for (const VocabularyEntry& entry : spec.vocabulary) {  // now that `bytes` no longer moves
    const Impl::Token& token = impl->tokens[entry.id];
    if (entry.is_word && !token.special) impl->id_of_word.emplace(impl->BytesOf(token), entry.id);
  }
  impl->raw_tokens = AddedTokenMatcher(std::move(raw));
  impl->normalized_tokens = AddedTokenMatcher(std::move(normalized));
  impl->template_prefix = std::move(spec.template_prefix);
  impl->template_suffix = std::move(spec.template_suffix);
  return Tokenizer(std::unique_ptr<const Impl>(std::move(impl)));
}

// Emits the tokens of `matcher` within `piece` and hands what lies between them to
// `on_gap(TextRange)`.
template <typename OnGap>
Status Tokenizer::Impl::CutOutTokens(const AddedTokenMatcher& matcher, Job* job, TextRange piece,
                                     OnGap&& on_gap) const {
  size_t gap_begin = piece.begin;
  size_t from = piece.begin;
  while (const auto match = matcher.Find(job->text, piece, from, job->trusted)) {
    from = match->range.end;
    size_t begin = match->range.begin, end = match->range.end;
    if (match->token->lstrip)
      begin = std::max(gap_begin, SpacesBefore(job->text, piece.begin, begin));
    if (match->token->rstrip) end = SpacesBehind(job->text, end, piece.end);
    if (gap_begin < begin) GLM_RETURN_IF_ERROR(on_gap(TextRange{gap_begin, begin}));
    job->ids.push_back(match->token->id);
    gap_begin = end;
  }
  if (gap_begin < piece.end) GLM_RETURN_IF_ERROR(on_gap(TextRange{gap_begin, piece.end}));
  return OkStatus();
}

Status Tokenizer::Impl::EncodeAll(Job* job) const {
  // The reference looks for tokens of the raw text first, then normalizes, then looks for the
  // others.
  return CutOutTokens(raw_tokens, job, TextRange{0, job->text.size()}, [&](TextRange outer) {
    return CutOutTokens(normalized_tokens, job, outer,
                        [&](TextRange inner) { return EncodeWords(job, inner); });
  });
}

Status Tokenizer::Impl::EncodeWords(Job* job, TextRange piece) const {
  std::string_view text = job->text.substr(piece.begin, piece.end - piece.begin);
  if (normalize_nfc) {
    GLM_ASSIGN(std::string nfc, NormalizeNfc(text));
    text = job->normalized.emplace_back(std::move(nfc));
  }
  return pre.ForEachWord(text, [&](std::string_view word) {
    std::vector<int32_t>& ids = job->ids;
    if (word.size() == 1) return bpe.Encode(word, &ids);
    const bool cacheable = word.size() <= kMaxCachedBytes;
    WordCache::Entry* entry = cacheable ? &job->cache.At(word) : nullptr;
    if (cacheable && entry->word == word) {
      const size_t begin = ids.size();
      ids.resize(begin + entry->ids_size);
      std::copy_n(ids.begin() + static_cast<ptrdiff_t>(entry->ids_begin), entry->ids_size,
                  ids.begin() + static_cast<ptrdiff_t>(begin));
      return;
    }
    const size_t begin = ids.size();
    const auto whole = ignore_merges ? id_of_word.find(word) : id_of_word.end();
    if (whole != id_of_word.end()) {
      ids.push_back(whole->second);
    } else {
      bpe.Encode(word, &ids);
    }
    if (cacheable) *entry = {word, begin, ids.size() - begin};
  });
}

Result<std::vector<int32_t>> Tokenizer::Encode(std::string_view utf8, EncodeMode mode) const {
  const TextRange all{0, utf8.size()};
  if (mode == EncodeMode::kPlainText) return Encode(utf8, std::span<const TextRange>());
  return Encode(utf8, std::span(&all, 1));
}

Result<std::vector<int32_t>> Tokenizer::Encode(std::string_view utf8,
                                               std::span<const TextRange> trusted) const {
  if (const auto offset = FindInvalidUtf8(utf8)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the text is not UTF-8: byte {} (0x{:02X}) starts no character; "
                             "convert it to UTF-8 first",
                             *offset, static_cast<unsigned char>(utf8[*offset]))};
  }
  for (size_t i = 0; i < trusted.size(); ++i) {
    GLM_CHECK(trusted[i].begin <= trusted[i].end && trusted[i].end <= utf8.size());
    GLM_CHECK(i == 0 || trusted[i - 1].end < trusted[i].begin);
  }
  Impl::Job job{utf8, trusted, WordCache(utf8.size()), {}, {}};
  job.ids.reserve(utf8.size() / 4 + 8);
  GLM_RETURN_IF_ERROR(impl_->EncodeAll(&job));
  return std::move(job.ids);
}

std::string Tokenizer::Decode(std::span<const int32_t> ids, SpecialTokens special) const {
  std::string out;
  Utf8Repairer repairer;
  for (const int32_t id : ids) {
    if (special == SpecialTokens::kSkip && IsSpecial(id)) continue;
    repairer.Push(TokenBytes(id), &out);
  }
  repairer.Flush(&out);
  return out;
}

std::optional<int32_t> Tokenizer::TokenId(std::string_view content) const {
  if (const auto added = AddedTokenId(content)) return added;
  const auto it = impl_->id_of_word.find(content);
  if (it == impl_->id_of_word.end()) return std::nullopt;
  return it->second;
}

std::optional<int32_t> Tokenizer::AddedTokenId(std::string_view content) const {
  const auto it = impl_->id_of_added.find(std::string(content));
  if (it == impl_->id_of_added.end()) return std::nullopt;
  return it->second;
}

bool Tokenizer::HasToken(int32_t id) const {
  return id >= 0 && id < vocab_size() && impl_->tokens[id].exists;
}

std::string_view Tokenizer::TokenBytes(int32_t id) const {
  return HasToken(id) ? impl_->BytesOf(impl_->tokens[id]) : std::string_view();
}

bool Tokenizer::IsSpecial(int32_t id) const { return HasToken(id) && impl_->tokens[id].special; }

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(impl_->tokens.size()); }

std::span<const int32_t> Tokenizer::template_prefix() const { return impl_->template_prefix; }
std::span<const int32_t> Tokenizer::template_suffix() const { return impl_->template_suffix; }

}  // namespace glmocr
