#include "engine/stop_checker.h"

#include <algorithm>
#include <utility>

namespace glmocr {

StopChecker::StopChecker(std::vector<std::string> stop_strings)
    : stop_strings_(std::move(stop_strings)) {
  for (const std::string& s : stop_strings_) longest_ = std::max(longest_, s.size());
}

// Releases the oldest tokens that end at or before `text_offset` of the tail.
int64_t StopChecker::ReleaseBefore(size_t text_offset) {
  int64_t n = 0;
  size_t end = 0;
  while (!held_.empty() && end + held_.front() <= text_offset) {
    end += held_.front();
    held_.pop_front();
    ++n;
  }
  tail_.erase(0, end);
  return n;
}

StopChecker::Release StopChecker::Add(std::string_view bytes) {
  if (stop_strings_.empty()) return {.n_tokens = 1};
  tail_.append(bytes);
  held_.push_back(bytes.size());

  size_t match = std::string::npos;
  Release release;
  for (const std::string& s : stop_strings_) {
    const size_t at = tail_.find(s);
    if (at < match ||
        (at == match && at != std::string::npos && s.size() > release.matched->size())) {
      match = at;
      release.matched = &s;
    }
  }
  if (release.matched != nullptr) {
    const size_t before = tail_.size();
    release.n_tokens = ReleaseBefore(match);
    release.cut_bytes = match - (before - tail_.size());
    held_.clear();
    tail_.clear();
    return release;
  }
  // The earliest suffix of the text that begins a stop string stays; tokens before it go.
  size_t keep_from = tail_.size();
  const size_t first = tail_.size() > longest_ ? tail_.size() - longest_ : 0;
  for (size_t at = first; at < tail_.size() && keep_from == tail_.size(); ++at) {
    const std::string_view suffix = std::string_view(tail_).substr(at);
    for (const std::string& s : stop_strings_) {
      if (s.starts_with(suffix)) keep_from = at;
    }
  }
  release.n_tokens = ReleaseBefore(keep_from);
  return release;
}

int64_t StopChecker::Flush() {
  const auto n = static_cast<int64_t>(held_.size());
  held_.clear();
  tail_.clear();
  return n;
}

}  // namespace glmocr
