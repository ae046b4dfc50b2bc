#include "pipeline/page_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/untrusted_text.h"

namespace glmocr {
namespace {

constexpr size_t kMaxParts = 10'000;

// A number other than 0 with an optional minus, off the front of `text`.
std::optional<int> TakeNumber(std::string_view* text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || value == 0) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return value;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

Result<PageRanges> PageRanges::Parse(std::string_view text) {
  PageRanges ranges;
  if (Trim(text).empty()) return ranges;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const std::string_view whole = Trim(rest.substr(0, comma));
    std::string_view part = whole;
    const auto bad = [&](std::string_view why) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} {} (pages look like 1-3,8,12- ; -1 is the last page)",
                               QuoteUntrusted(whole), why)};
    };
    const std::optional<int> first = TakeNumber(&part);
    if (!first) return bad("is not a page number or range");
    Part out{*first, *first};
    if (!part.empty()) {
      out.range = true;
      if (part.front() != '-') return bad("is not a page number or range");
      part.remove_prefix(1);
      out.last = -1;
      if (!part.empty()) {
        const std::optional<int> last = TakeNumber(&part);
        if (!last || !part.empty()) return bad("is not a page number or range");
        out.last = *last;
      }
      if ((out.first > 0) == (out.last > 0) && out.first > out.last)
        return bad("ends before it begins");
    }
    if (ranges.parts_.size() == kMaxParts) return bad("is one part too many");
    ranges.parts_.push_back(out);
    if (comma == std::string_view::npos) return ranges;
    rest.remove_prefix(comma + 1);
  }
}

Result<std::vector<int>> PageRanges::Select(int n_pages) const {
  std::vector<int> pages;
  if (parts_.empty()) {
    for (int page = 1; page <= n_pages; ++page) pages.push_back(page);
    return pages;
  }
  std::vector<bool> taken(static_cast<size_t>(n_pages) + 1);
  const auto from_start = [n_pages](int number) {
    return number > 0 ? number : n_pages + 1 + number;
  };
  for (const Part& part : parts_) {
    int first = from_start(part.first), last = from_start(part.last);
    if (part.range) {
      if (part.first < 0) first = std::max(first, 1);
      last = std::min(last, n_pages);
    }
    if (first < 1 || first > n_pages) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("there is no page {}; the document has {} (see --pages)", part.first,
                               n_pages)};
    }
    for (int page = first; page <= last; ++page) {
      if (taken[static_cast<size_t>(page)]) continue;
      taken[static_cast<size_t>(page)] = true;
      pages.push_back(page);
    }
  }
  if (pages.empty()) {  // such as 3--3 of four pages
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("--pages names no page of this document, which has {}", n_pages)};
  }
  return pages;
}

}  // namespace glmocr
