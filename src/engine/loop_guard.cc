#include "engine/loop_guard.h"

#include <algorithm>
#include <functional>

#include "base/ascii.h"

namespace glmocr {
namespace {

constexpr size_t kLongestLine =
    4096;  // a longer "line" is a page without line breaks: the token detector's business

int32_t Letters(std::string_view line) {
  return static_cast<int32_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c & 0x80) != 0;
  }));
}

}  // namespace

size_t TokensToKeep(const Outcome& outcome, size_t n_tokens) {
  if (outcome.reason != FinishReason::kLoop || outcome.trailing_repeat_tokens <= 0) return n_tokens;
  const auto repeated = static_cast<size_t>(outcome.trailing_repeat_tokens);
  return repeated < n_tokens ? n_tokens - repeated : n_tokens;
}

LoopGuard::LoopGuard(const LoopGuardOptions& options)
    : options_(options), run_(static_cast<size_t>(std::max(options.max_period, 0)) + 1, 0) {}

bool LoopGuard::Add(int32_t id, std::string_view bytes) {
  if (options_.mode == LoopGuardOptions::Mode::kOff) return false;
  if (AddToken(id)) return true;
  for (const char c : bytes) {
    if (c == '\n') {
      const bool loops = EndLine();
      line_.clear();
      line_first_token_ = static_cast<int64_t>(tokens_.size());
      if (loops) return true;
    } else if (line_.size() < kLongestLine) {
      line_.push_back(c);
    }
  }
  return false;
}

bool LoopGuard::AddToken(int32_t id) {
  const size_t n = tokens_.size();
  tokens_.push_back(id);
  for (size_t p = 1; p < run_.size() && p <= n; ++p) {
    run_[p] = tokens_[n - p] == id ? run_[p] + 1 : 0;
    const auto period = static_cast<int32_t>(p);
    const int32_t covered = run_[p] + period;
    const bool loops =
        period <= options_.short_period
            ? covered >= options_.short_covered
            : covered >= options_.min_covered && covered >= options_.min_repeats * period;
    if (loops) {
      trailing_tokens_ = run_[p];
      return true;
    }
  }
  return false;
}

bool LoopGuard::EndLine() {
  const std::string_view line = TrimAscii(line_);
  if (Letters(line) < options_.min_line_letters) return false;
  const size_t hash = std::hash<std::string_view>{}(line);
  lines_.push_back({hash, line_first_token_});
  const int32_t count = ++count_[hash];
  if (static_cast<int32_t>(lines_.size()) > options_.line_window) {
    const auto oldest = count_.find(lines_.front().hash);
    if (--oldest->second == 0) count_.erase(oldest);
    lines_.pop_front();
  }
  if (count < options_.line_repeats) return false;
  // Walk back over lines that all stand somewhere before.
  std::unordered_map<size_t, int32_t> before = count_;
  trailing_tokens_ = 0;
  for (auto it = lines_.rbegin(); it != lines_.rend() && --before[it->hash] > 0; ++it) {
    trailing_tokens_ = static_cast<int64_t>(tokens_.size()) - it->first_token;
  }
  return true;
}

}  // namespace glmocr
