#include "tokenizer/pretokenizer.h"

#include <oniguruma.h>

#include <string>

#include "tokenizer/unicode.h"

namespace glmocr {

const std::string_view kGlm4Pattern =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
const std::string_view kGpt2Pattern =
    R"re('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)re";

namespace {

// The end of the run of `wanted` that starts at p.
const char* SkipClass(const char* p, const char* end, CharClass wanted) {
  while (p != end) {
    const ClassifiedChar c = ClassifyUtf8(p);
    if (c.char_class != wanted) break;
    p += c.size_bytes;
  }
  return p;
}

// Bytes of (?i:'s|'t|'re|'ve|'m|'ll|'d) at `p`, which points at an apostrophe; 0 when there is
// none. U+017F LONG S folds to s.
size_t ContractionSize(const char* p, const char* end) {
  const auto lower = [&](int i) { return end - p > i ? p[i] | 0x20 : 0; };
  switch (lower(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return lower(2) == 'e' ? 3 : 0;
    case 'l':
      return lower(2) == 'l' ? 3 : 0;
    default:
      return end - p >= 3 && p[1] == '\xC5' && p[2] == '\xBF' ? 3 : 0;
  }
}

// The last three branches, \s*[\r\n]+ | \s+(?!\S) | \s+ : through the run's last line break; else
// all of the run at the end of the text; else all but the run's last character, which then leads
// the next word or stands alone.
size_t SpaceWordSize(const char* begin, const char* end) {
  const char* after_break = nullptr;
  const char* last = begin;  // the start of the run's last character
  const char* p = begin;
  while (p != end) {
    const ClassifiedChar c = ClassifyUtf8(p);
    if (!IsSpace(c.char_class)) break;
    last = p;
    p += c.size_bytes;
    if (c.char_class == CharClass::kNewline) after_break = p;
  }
  if (after_break != nullptr) return after_break - begin;
  if (p == end || last == begin) return p - begin;
  return last - begin;
}

//  ?[^\s\p{L}\p{N}]+[\r\n]* with the optional space already consumed.
const char* SkipPunctuation(const char* p, const char* end) {
  p = SkipClass(p, end, CharClass::kOther);
  return SkipClass(p, end, CharClass::kNewline);
}

size_t DigitsSize(const char* begin, const char* end) {
  const char* p = begin;
  for (int n = 0; n < 3 && p != end; ++n) {
    const ClassifiedChar c = ClassifyUtf8(p);
    if (c.char_class != CharClass::kNumber) break;
    p += c.size_bytes;
  }
  return p - begin;
}

}  // namespace

size_t Glm4WordSize(const char* begin, const char* end) {
  const ClassifiedChar first = ClassifyUtf8(begin);
  const char* const second = begin + first.size_bytes;
  switch (first.char_class) {
    case CharClass::kLetter:
      return SkipClass(second, end, CharClass::kLetter) - begin;
    case CharClass::kNumber:
      return DigitsSize(begin, end);
    case CharClass::kNewline:
      return SpaceWordSize(begin, end);
    case CharClass::kOther:
    case CharClass::kSpace:
      break;
  }
  // One character that is no letter, number or line break may lead a run of letters, but a
  // contraction goes first.
  if (*begin == '\'') {
    if (const size_t size = ContractionSize(begin, end); size != 0) return size;
  }
  const CharClass next = second != end ? ClassifyUtf8(second).char_class : CharClass::kSpace;
  if (next == CharClass::kLetter) return SkipClass(second, end, CharClass::kLetter) - begin;
  if (first.char_class == CharClass::kOther) return SkipPunctuation(second, end) - begin;
  if (*begin == ' ' && next == CharClass::kOther) return SkipPunctuation(second, end) - begin;
  return SpaceWordSize(begin, end);
}

struct PreTokenizer::Regex {
  regex_t* handle = nullptr;
  ~Regex() {
    if (handle != nullptr) onig_free(handle);
  }
};

PreTokenizer::PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;
PreTokenizer& PreTokenizer::operator=(PreTokenizer&&) noexcept = default;
PreTokenizer::~PreTokenizer() = default;

namespace {

// The same steps as the reference's engine would need for any sane pattern on a page of text; a
// pattern beyond it is hostile.
constexpr unsigned long kMaxRetriesPerSearch = 50'000'000;
constexpr size_t kMaxPatternBytes = 16 * 1024;

const UChar* Bytes(const char* p) { return reinterpret_cast<const UChar*>(p); }

std::string OnigMessage(int code, OnigErrorInfo* info) {
  UChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  const int size = info != nullptr ? onig_error_code_to_str(text, code, info)
                                   : onig_error_code_to_str(text, code);
  return std::string(reinterpret_cast<const char*>(text), static_cast<size_t>(size));
}

struct OnigRegionOwner {
  OnigRegion* region = onig_region_new();
  ~OnigRegionOwner() { onig_region_free(region, 1); }
};
struct OnigMatchParamOwner {
  OnigMatchParam* param = onig_new_match_param();
  ~OnigMatchParamOwner() { onig_free_match_param(param); }
};

}  // namespace

Result<PreTokenizer> PreTokenizer::Create(std::string_view pattern) {
  PreTokenizer pre;
  if (pattern == kGlm4Pattern) return pre;
  if (pattern.size() > kMaxPatternBytes) {
    return Error{ErrorCode::kUnsupported, "the split pattern is longer than 16 KiB"};
  }
  OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
  if (onig_initialize(encodings, 1) != ONIG_NORMAL) {
    return Error{ErrorCode::kInternal, "the regular-expression library does not start"};
  }
  pre.regex_ = std::make_unique<Regex>();
  OnigErrorInfo info;
  const int code =
      onig_new(&pre.regex_->handle, Bytes(pattern.data()), Bytes(pattern.data() + pattern.size()),
               ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_DEFAULT, &info);
  if (code != ONIG_NORMAL) {
    pre.regex_->handle = nullptr;
    return Error{ErrorCode::kUnsupported, "the split pattern is not a usable regular expression: " +
                                              OnigMessage(code, &info)};
  }
  return pre;
}

Status PreTokenizer::SplitByRegex(std::string_view text,
                                  std::vector<std::string_view>* words) const {
  OnigRegionOwner owner;
  OnigMatchParamOwner match;
  onig_set_retry_limit_in_search_of_match_param(match.param, kMaxRetriesPerSearch);
  const UChar* const base = Bytes(text.data());
  const UChar* const end = base + text.size();
  size_t from = 0;        // where to search
  size_t word_begin = 0;  // where the text not yet handed out begins
  size_t last_end = std::string_view::npos;
  while (from <= text.size()) {
    const int found = onig_search_with_param(regex_->handle, base, end, base + from, end,
                                             owner.region, ONIG_OPTION_NONE, match.param);
    if (found == ONIG_MISMATCH) break;
    if (found < 0) {
      return Error{
          ErrorCode::kResourceExhausted,
          "the model's split pattern gives up on this text: " + OnigMessage(found, nullptr)};
    }
    const auto begin = static_cast<size_t>(owner.region->beg[0]);
    const auto stop = static_cast<size_t>(owner.region->end[0]);
    const bool empty = begin == stop;
    if (!(empty && stop == last_end)) {  // an empty match right behind a match is none
      if (word_begin < begin) words->push_back(text.substr(word_begin, begin - word_begin));
      if (!empty) words->push_back(text.substr(begin, stop - begin));
      word_begin = stop;
      last_end = stop;
    }
    from = stop;
    if (empty) from += stop < text.size() ? DecodeUtf8(text.data() + stop).size_bytes : 1;
  }
  if (word_begin < text.size()) words->push_back(text.substr(word_begin));
  return OkStatus();
}

}  // namespace glmocr
