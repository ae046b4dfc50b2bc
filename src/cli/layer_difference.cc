#include "cli/layer_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "eval/edit_distance.h"
#include "eval/text.h"
#include "pipeline/layer_check.h"

namespace glmocr::cli {
namespace {

constexpr size_t kMaxTable = size_t{4} << 20;  // cells; larger regions are one difference
constexpr size_t kMaxShown = 10;               // differences of a page
constexpr size_t kMaxCharacters = 60;          // of either side

using Words = std::vector<std::string_view>;

std::string Joined(const Words& words, size_t begin, size_t end) {
  std::string out;
  for (size_t i = begin; i < end; ++i) {
    if (i > begin) out += ' ';
    out += words[i];
  }
  return out;
}

}  // namespace

std::vector<TextDifference> WordDifferences(std::string_view read, std::string_view layer) {
  const Words a = glmocr::Words(read), b = glmocr::Words(layer);
  size_t begin = 0, end = 0;
  while (begin < std::min(a.size(), b.size()) && a[begin] == b[begin]) ++begin;
  while (end < std::min(a.size(), b.size()) - begin &&
         a[a.size() - 1 - end] == b[b.size() - 1 - end])
    ++end;
  const size_t n = a.size() - end - begin, m = b.size() - end - begin;
  std::vector<TextDifference> out;
  const auto add = [&](size_t i, size_t i_end, size_t j, size_t j_end) {
    const size_t before = std::min({i, j, size_t{1}});
    const size_t behind = std::min({a.size() - i_end, b.size() - j_end, size_t{1}});
    out.push_back({Joined(a, i - before, i_end + behind), Joined(b, j - before, j_end + behind)});
  };
  if (n == 0 && m == 0) return out;
  if (n == 0 || m == 0 || n > kMaxTable / m) {
    add(begin, begin + n, begin, begin + m);
    return out;
  }
  // Lengths of the longest common subsequences of what is left from [i, j] on.
  std::vector<uint32_t> common((n + 1) * (m + 1));
  const auto at = [&](size_t i, size_t j) -> uint32_t& { return common[i * (m + 1) + j]; };
  for (size_t i = n; i-- > 0;) {
    for (size_t j = m; j-- > 0;) {
      at(i, j) = a[begin + i] == b[begin + j] ? at(i + 1, j + 1) + 1
                                              : std::max(at(i + 1, j), at(i, j + 1));
    }
  }
  size_t i = 0, j = 0;
  while (i < n || j < m) {
    if (i < n && j < m && a[begin + i] == b[begin + j]) {
      ++i, ++j;
      continue;
    }
    const size_t i0 = i, j0 = j;
    while ((i < n || j < m) && !(i < n && j < m && a[begin + i] == b[begin + j])) {
      if (j == m || (i < n && at(i + 1, j) >= at(i, j + 1))) {
        ++i;
      } else {
        ++j;
      }
    }
    add(begin + i0, begin + i, begin + j0, begin + j);
  }
  return out;
}

std::vector<std::string> DescribeDifferences(const ReadPage& page, const std::string& place) {
  std::string read, layer;
  size_t n_differ = 0, n_compared = 0, n_differences = 0;
  std::vector<std::string> lines(1);
  for (size_t r = 0; r < page.regions.size(); ++r) {
    const ReadRegion& region = page.regions[r];
    if (!region.layer_text) continue;
    ++n_compared;
    read += region.text + '\n';
    layer += *region.layer_text + '\n';
    if (region.text == *region.layer_text) continue;
    ++n_differ;
    for (const TextDifference& d : WordDifferences(region.text, *region.layer_text)) {
      if (++n_differences > kMaxShown) continue;
      lines.push_back(fmt::format("  region {}: read {}, the text layer has {}", r,
                                  QuotedText(d.read, kMaxCharacters),
                                  QuotedText(d.layer, kMaxCharacters)));
    }
  }
  if (n_differences > kMaxShown)
    lines.push_back(fmt::format("  and {} more differences", n_differences - kMaxShown));
  lines[0] = n_compared == 0
                 ? place + ": no text layer to compare with"
                 : fmt::format(
                       "{}: text layer and reading differ in {:.2f} % of the characters, "
                       "{} of {} regions",
                       place, 100 * NormalizedEditDistance(CodePoints(read), CodePoints(layer)),
                       n_differ, n_compared);
  return lines;
}

}  // namespace glmocr::cli
