#include "pipeline/page_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/ascii.h"
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

}  // namespace

Result<PageRanges> PageRanges::Parse(std::string_view text) {
  PageRanges ranges;
  if (TrimAscii(text).empty()) return ranges;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const std::string_view whole = TrimAscii(rest.substr(0, comma));
    std::string_view part = whole;
    const auto bad = [&](std::string_view why) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} {} (pages look like 1-3,8,12- ; -1 is the last page)",
                               QuoteUntrusted(whole), why)};
    };
    const std::optional<int> first = TakeNumber(&part);
    if (!first) return bad("is not a page number or range");
    Part out{.first = *first, .last = *first, .text = std::string(whole)};
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

Result<PageSelection> PageRanges::Select(int n_pages) const {
  PageSelection selection;
  if (parts_.empty()) {
    for (int page = 1; page <= n_pages; ++page) selection.pages.push_back(page);
    return selection;
  }
  std::vector<bool> taken(static_cast<size_t>(n_pages) + 1);
  const auto from_start = [n_pages](int number) {
    return number > 0 ? number : n_pages + 1 + number;
  };
  for (const Part& part : parts_) {
    int first = from_start(part.first), last = from_start(part.last);
    // "-5-" of three pages are these three; "5-" and "-3--5" of them are none.
    if (part.range && part.first < 0 && last >= 1) first = std::max(first, 1);
    const bool missing = first < 1 || first > n_pages || last < 1 || last > n_pages;
    if (missing) {
      std::string what = part.text;
      if (part.range && part.first > 0 && first <= n_pages && part.last > n_pages)
        what = n_pages + 1 == part.last ? fmt::format("{}", part.last)
                                        : fmt::format("{}-{}", n_pages + 1, part.last);
      selection.missing += (selection.missing.empty() ? "" : ", ") + what;
    }
    for (int page = std::max(first, 1); page <= std::min(last, n_pages); ++page) {
      if (taken[static_cast<size_t>(page)]) continue;
      taken[static_cast<size_t>(page)] = true;
      selection.pages.push_back(page);
    }
  }
  if (selection.pages.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 selection.missing.empty()  // such as 3--3 of four pages
                     ? fmt::format("--pages names no page of this document, which has {}", n_pages)
                     : fmt::format("there is no page {}; the document has {} (see --pages)",
                                   selection.missing, n_pages)};
  }
  return selection;
}

}  // namespace glmocr
