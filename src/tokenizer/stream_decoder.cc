#include "tokenizer/stream_decoder.h"

#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Appends the decided part of `bytes`; returns the size of the undecided tail.
size_t AppendRepaired(std::string_view bytes, std::string* out) {
  size_t i = 0;
  size_t clean = 0;  // [clean, i) is well-formed and not yet appended
  while (i < bytes.size()) {
    const Utf8Step step = StepUtf8(bytes.substr(i));
    if (step.state == Utf8State::kIncomplete) break;
    if (step.state == Utf8State::kInvalid) {
      out->append(bytes, clean, i - clean).append(kReplacement);
      clean = i + step.size_bytes;
    }
    i += step.size_bytes;
  }
  out->append(bytes, clean, i - clean);
  return bytes.size() - i;
}

}  // namespace

void Utf8Repairer::Push(std::string_view bytes, std::string* out) {
  if (pending_.empty()) {
    const size_t tail = AppendRepaired(bytes, out);
    pending_.assign(bytes.substr(bytes.size() - tail));
    return;
  }
  pending_.append(bytes);
  const size_t tail = AppendRepaired(pending_, out);
  pending_.erase(0, pending_.size() - tail);
}

void Utf8Repairer::Flush(std::string* out) {
  if (!pending_.empty()) out->append(kReplacement);
  pending_.clear();
}

std::string RepairUtf8(std::string_view bytes) {
  Utf8Repairer repairer;
  std::string text;
  repairer.Push(bytes, &text);
  repairer.Flush(&text);
  return text;
}

std::string StreamDecoder::Push(int32_t id) {
  std::string out;
  if (special_ == SpecialTokens::kSkip && tokenizer_->IsSpecial(id)) return out;
  repairer_.Push(tokenizer_->TokenBytes(id), &out);
  return out;
}

std::string StreamDecoder::Flush() {
  std::string out;
  repairer_.Flush(&out);
  return out;
}

}  // namespace glmocr
