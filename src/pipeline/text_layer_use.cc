#include "pipeline/text_layer_use.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "media/box_math.h"
#include "pipeline/assemble.h"
#include "tokenizer/unicode.h"

namespace glmocr {
namespace {

constexpr std::string_view kUnknownCharacter = "\xef\xbf\xbd";  // U+FFFD
constexpr std::string_view kSoftHyphen = "\xc2\xad";
// Of a line's height: the widest ink beside all words that may stay unread (a bullet, a tick).
constexpr double kMarkWidth = 0.7;
// Of a line's height: narrower gaps between pieces of the layer are no spaces.
constexpr double kNoSpace = 0.12;
constexpr int kInkLevel = 128;  // of green; darker is ink

bool HoldsMiddle(const Box& box, const Box& word) {
  const int x = word.x + word.width / 2, y = word.y + word.height / 2;
  return x >= box.x && x < box.right() && y >= box.y && y < box.bottom();
}

int OverlapY(const Box& a, const Box& b) {
  return std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
}
int OverlapX(const Box& a, const Box& b) {
  return std::min(a.right(), b.right()) - std::max(a.x, b.x);
}

bool IsRightToLeft(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text.data() + i);
    i += c.size_bytes;
    if (c.code_point >= 0x590 && c.code_point < 0x900) return true;
  }
  return false;
}

}  // namespace

TextLayerMode TextLayerModeFromName(std::string_view name) {
  if (name == "auto") return TextLayerMode::kAuto;
  if (name == "prefer") return TextLayerMode::kPrefer;
  if (name == "compare") return TextLayerMode::kCompare;
  GLM_CHECK(name == "off");
  return TextLayerMode::kOff;
}

PdfTextLayer StraightenedLayer(const PdfTextLayer& layer, const Image& original,
                               const Image& upright, double skew_degrees) {
  PdfTextLayer out = layer;
  const double angle = skew_degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle), sine = std::sin(angle);
  for (PdfWord& word : out.words) {
    Box& box = word.box_px;
    const double dx = box.x + box.width / 2.0 - original.width_px / 2.0;
    const double dy = box.y + box.height / 2.0 - original.height_px / 2.0;
    const double x = upright.width_px / 2.0 + dx * cosine + dy * sine;
    const double y = upright.height_px / 2.0 - dx * sine + dy * cosine;
    // The box around a turned word is larger than the word: width * cos + height * |sin| wide.
    const double spread = std::abs(sine), scale = cosine * cosine - sine * sine;
    const double width = std::max(1.0, (box.width * cosine - box.height * spread) / scale);
    const double height = std::max(std::min(1.0 * box.height, 4.0),
                                   (box.height * cosine - box.width * spread) / scale);
    const int left = std::clamp(static_cast<int>(std::lround(x - width / 2)), 0,
                                std::max(0, upright.width_px - 1));
    const int top = std::clamp(static_cast<int>(std::lround(y - height / 2)), 0,
                               std::max(0, upright.height_px - 1));
    box = {left, top, std::clamp(static_cast<int>(std::lround(width)), 1, upright.width_px - left),
           std::clamp(static_cast<int>(std::lround(height)), 1, upright.height_px - top)};
  }
  return out;
}

TextLayerUse::TextLayerUse(const PdfTextLayer& layer, const ReadPage& page, LayerWords which)
    : layer_(layer),
      page_(page),
      words_(page.regions.size()),
      line_words_(page.regions.size()),
      loose_(page.regions.size()) {
  for (size_t r = 0; r < page.regions.size(); ++r)
    line_words_[r].resize(page.regions[r].lines.size());
  for (size_t w = 0; w < layer.words.size(); ++w) {
    const PdfWord& word = layer.words[w];
    const int index = static_cast<int>(w);
    if (which == LayerWords::kDrawn && !word.drawn) continue;
    const Place place = PlaceOf(word);
    if (place.region == SIZE_MAX) {
      uncovered_.push_back(index);
      continue;
    }
    std::vector<int>& line =
        place.line == SIZE_MAX ? loose_[place.region] : line_words_[place.region][place.line];
    words_[place.region].push_back(index);
    line.push_back(index);
  }
  for (auto& lines : line_words_) {
    for (std::vector<int>& words : lines) {
      if (std::none_of(words.begin(), words.end(),
                       [&](int w) { return IsRightToLeft(Word(w).text); })) {
        std::stable_sort(words.begin(), words.end(),
                         [&](int a, int b) { return Word(a).box_px.x < Word(b).box_px.x; });
      }
      DropDoubled(&words);
    }
  }
}

// The rows of words in what layout took for one line, from top to bottom: an initial that reaches
// over two lines makes one of them. Marks above or below the line are in it.
std::vector<std::vector<int>> TextLayerUse::Rows(const std::vector<int>& words) const {
  std::vector<int> heights;
  for (const int w : words) heights.push_back(Word(w).box_px.height);
  if (heights.empty()) return {};
  const auto middle = heights.begin() + static_cast<std::ptrdiff_t>(heights.size() / 2);
  std::nth_element(heights.begin(), middle, heights.end());
  const int usual = *middle;
  struct Row {
    Box core;
    std::vector<size_t> words;
  };
  std::vector<size_t> order(words.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::abs(Word(words[a]).box_px.height - usual) <
           std::abs(Word(words[b]).box_px.height - usual);
  });
  std::vector<Row> rows;
  for (const size_t i : order) {
    const Box& box = Word(words[i]).box_px;
    auto best = rows.end();
    for (auto row = rows.begin(); row != rows.end(); ++row) {
      const int shared = OverlapY(row->core, box);
      const bool in = 10 * shared >= 3 * std::min(row->core.height, box.height);
      if (in) {
        best = row;
        break;
      }
      const bool mark = 5 * box.height < 3 * usual;
      if (mark && (best == rows.end() || shared > OverlapY(best->core, box))) best = row;
    }
    if (best == rows.end()) {
      best = rows.insert(std::find_if(rows.begin(), rows.end(),
                                      [&](const Row& row) { return row.core.y > box.y; }),
                         Row{.core = box, .words = {}});
    }
    best->words.push_back(i);
  }
  std::vector<std::vector<int>> out;
  for (Row& row : rows) {
    std::sort(row.words.begin(), row.words.end());
    std::vector<int>& to = out.emplace_back();
    for (const size_t i : row.words) to.push_back(words[i]);
  }
  return out;
}

bool TextLayerUse::IsPartOfAWord(size_t region) const {
  const Box& box = page_.regions[region].box_px;
  if (!words_[region].empty()) return false;
  for (size_t r = 0; r < words_.size(); ++r) {
    if (TaskOf(page_.regions[r].label) == RegionTask::kSkip) continue;
    for (const int w : words_[r]) {
      if (10 * OverlapArea(Word(w).box_px, box) >= 7 * Area(box)) return true;
    }
  }
  return false;
}

// Leaves out words that are written twice in one place, as programs do for bold type, and counts
// those that lie on top of another one. Looks a few words back: what shares a place is near in
// order.
void TextLayerUse::DropDoubled(std::vector<int>* words) {
  constexpr size_t kBack = 8;
  std::vector<int> kept;
  for (const int w : *words) {
    bool again = false;
    for (size_t i = kept.size(); i > 0 && i + kBack > kept.size() && !again; --i) {
      const PdfWord& a = Word(kept[i - 1]);
      const PdfWord& b = Word(w);
      if (5 * OverlapArea(a.box_px, b.box_px) < 2 * std::max(Area(a.box_px), Area(b.box_px)))
        continue;
      again = a.text == b.text;
      n_on_top_ += again ? 0 : 1;
    }
    if (!again) kept.push_back(w);
  }
  *words = std::move(kept);
}

TextLayerUse::Place TextLayerUse::PlaceOf(const PdfWord& word) const {
  // The smallest region counts: one may lie in another.
  Place place;
  int64_t smallest = INT64_MAX;
  for (size_t r = 0; r < page_.regions.size(); ++r) {
    const Box& box = page_.regions[r].box_px;
    if (!HoldsMiddle(box, word.box_px) || Area(box) >= smallest) continue;
    smallest = Area(box);
    place.region = r;
  }
  if (place.region != SIZE_MAX) {
    place.line = LineOf(place.region, word);
    return place;
  }
  // Beside a region's line, no further than a word is from the next.
  int nearest = INT32_MAX;
  for (size_t r = 0; r < page_.regions.size(); ++r) {
    const ReadRegion& region = page_.regions[r];
    if (TaskOf(region.label) == RegionTask::kSkip) continue;
    for (size_t l = 0; l < region.lines.size(); ++l) {
      const Box& line = region.lines[l].box_px;
      const int gap = -OverlapX(line, word.box_px);
      if (gap > line.height / 2 || gap >= nearest) continue;
      if (3 * OverlapY(line, word.box_px) < std::min(line.height, word.box_px.height)) continue;
      nearest = gap;
      place = {r, l};
    }
  }
  return place;
}

// The line that the word shares most of its height with, of those that it lies in or touches.
size_t TextLayerUse::LineOf(size_t region, const PdfWord& word) const {
  size_t best = SIZE_MAX;
  double most = 0.3;
  const std::vector<ReadLine>& lines = page_.regions[region].lines;
  for (size_t l = 0; l < lines.size(); ++l) {
    const Box& line = lines[l].box_px;
    if (-OverlapX(line, word.box_px) > line.height) continue;
    const double share = static_cast<double>(OverlapY(line, word.box_px)) /
                         std::min(line.height, word.box_px.height);
    if (share <= most + 0.01) continue;  // a large initial belongs to the first of its lines
    most = share;
    best = l;
  }
  return best;
}

bool TextLayerUse::CoversAll(size_t region, const Image& picture) const {
  for (const int w : words_[region]) {
    if (Word(w).text.find(kUnknownCharacter) != std::string::npos) return false;
  }
  const std::vector<ReadCell>& cells = page_.regions[region].cells;
  const bool outside =
      !cells.empty() && std::any_of(words_[region].begin(), words_[region].end(), [&](int w) {
        return std::none_of(cells.begin(), cells.end(), [&](const ReadCell& cell) {
          return HoldsMiddle(cell.box_px, Word(w).box_px);
        });
      });
  if (outside) return false;
  const std::vector<ReadLine>& lines = page_.regions[region].lines;
  for (const ReadLine& line : lines) {
    Box box = line.box_px;
    box.x = std::clamp(box.x, 0, picture.width_px);
    box.y = std::clamp(box.y, 0, picture.height_px);
    box.width = std::clamp(line.box_px.right(), box.x, picture.width_px) - box.x;
    box.height = std::clamp(line.box_px.bottom(), box.y, picture.height_px) - box.y;
    const int widest = static_cast<int>(kMarkWidth * line.box_px.height);
    std::vector<bool> known(static_cast<size_t>(std::max(0, box.width)));
    for (const int w : words_[region]) {
      const Box& word = Word(w).box_px;
      if (OverlapY(word, box) <= 0) continue;
      const int slack = box.height / 6;
      const int from = std::max(word.x - slack, box.x),
                to = std::min(word.right() + slack, box.right());
      for (int x = from; x < to; ++x) known[static_cast<size_t>(x - box.x)] = true;
    }
    // Ink that begins within a mark's width of the last is the same word.
    int begin = -1, last = -1;
    for (int x = 0; x < box.width; ++x) {
      if (known[static_cast<size_t>(x)]) {
        begin = -1;
        continue;
      }
      bool ink = false;
      for (int y = box.y; y < box.bottom() && !ink; ++y)
        ink = picture.row(y)[3 * (box.x + x) + 1] < kInkLevel;
      if (!ink) continue;
      if (begin < 0 || x - last > widest) begin = x;
      last = x;
      if (last - begin >= widest) return false;
    }
  }
  return true;
}

ReadLine TextLayerUse::LineOfWords(std::vector<int> words) const {
  ReadLine line{.box_px = Word(words.front()).box_px, .confidence = 1};
  for (size_t i = 0; i < words.size(); ++i) {
    const PdfWord& word = Word(words[i]);
    if (i > 0) {
      const PdfWord& before = Word(words[i - 1]);
      const int gap = word.box_px.x - before.box_px.right();
      const int height = std::max(word.box_px.height, before.box_px.height);
      if (word.line == before.line || gap > kNoSpace * height || gap < -height) line.text += ' ';
    }
    line.text += word.text;
    line.box_px = Union(line.box_px, word.box_px);
  }
  // A soft hyphen shows at a line's end alone.
  for (size_t at = line.text.find(kSoftHyphen); at != std::string::npos;
       at = line.text.find(kSoftHyphen, at)) {
    if (at + kSoftHyphen.size() == line.text.size()) break;
    line.text.erase(at, kSoftHyphen.size());
  }
  line.baseline_y = line.box_px.bottom();
  return line;
}

// Words that share a line of the layer, lines from top to bottom.
std::vector<ReadLine> TextLayerUse::OwnLines(const std::vector<int>& words) const {
  std::vector<std::vector<int>> groups;
  for (const int w : words) {
    if (groups.empty() || Word(w).line != Word(groups.back().back()).line) groups.emplace_back();
    groups.back().push_back(w);
  }
  std::vector<ReadLine> lines;
  lines.reserve(groups.size());
  for (std::vector<int>& group : groups) lines.push_back(LineOfWords(std::move(group)));
  std::stable_sort(lines.begin(), lines.end(),
                   [](const ReadLine& a, const ReadLine& b) { return a.box_px.y < b.box_px.y; });
  // Lines that overlap by half in height are pieces of one row.
  for (size_t begin = 0; begin < lines.size();) {
    size_t end = begin + 1;
    while (end < lines.size() && 2 * OverlapY(lines[begin].box_px, lines[end].box_px) >
                                     std::min(lines[begin].box_px.height, lines[end].box_px.height))
      ++end;
    std::stable_sort(lines.begin() + static_cast<std::ptrdiff_t>(begin),
                     lines.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const ReadLine& a, const ReadLine& b) { return a.box_px.x < b.box_px.x; });
    begin = end;
  }
  return lines;
}

// The region's lines that lie in a part of it: those that layout found, with the layer's words, and
// between them words that lie in none.
std::vector<ReadLine> TextLayerUse::Lines(size_t region, const Box& within) const {
  std::vector<ReadLine> lines;
  const std::vector<ReadLine>& found = page_.regions[region].lines;
  for (size_t l = 0; l < found.size(); ++l) {
    std::vector<int> words;
    for (const int w : line_words_[region][l]) {
      if (HoldsMiddle(within, Word(w).box_px)) words.push_back(w);
    }
    std::vector<std::vector<int>> rows = Rows(words);
    for (std::vector<int>& row : rows) {
      ReadLine line = LineOfWords(std::move(row));
      if (rows.size() == 1 && HoldsMiddle(within, found[l].box_px)) {
        line.box_px = found[l].box_px;
        line.baseline_y = found[l].baseline_y;
      }
      lines.push_back(std::move(line));
    }
  }
  std::vector<int> loose;
  for (const int w : loose_[region]) {
    if (HoldsMiddle(within, Word(w).box_px)) loose.push_back(w);
  }
  for (ReadLine& line : OwnLines(loose)) {
    const auto behind = std::find_if(lines.begin(), lines.end(), [&](const ReadLine& other) {
      return line.box_px.y + line.box_px.bottom() < other.box_px.y + other.box_px.bottom();
    });
    lines.insert(behind, std::move(line));
  }
  return lines;
}

void TextLayerUse::Fill(size_t region, ReadRegion& read) const {
  read.confidence = 1;
  read.from_text_layer = true;
  std::vector<ReadLine> all_lines;  // `read` may be the page's own region: its lines are needed
  if (read.cells.empty()) {
    // Words that lie beside the box belong to it as well.
    Box all = read.box_px;
    for (const int w : words_[region]) all = Union(all, Word(w).box_px);
    all_lines = Lines(region, all);
  } else {
    for (ReadCell& cell : read.cells) {
      const std::vector<ReadLine> lines = Lines(region, cell.box_px);
      std::vector<std::string_view> texts;
      texts.reserve(lines.size());
      for (const ReadLine& line : lines) texts.push_back(line.text);
      cell.text = JoinParagraph(texts);
      all_lines.insert(all_lines.end(), lines.begin(), lines.end());
    }
  }
  read.lines = std::move(all_lines);
  AssembleText(read);
}

std::vector<ReadRegion> TextLayerUse::Uncovered() const {
  std::vector<ReadRegion> regions;
  for (ReadLine& line : OwnLines(uncovered_)) {
    ReadRegion region = {.box_px = line.box_px, .new_paragraph = true};
    region.confidence = 1;
    region.from_text_layer = true;
    region.lines.push_back(std::move(line));
    AssembleText(region);
    regions.push_back(std::move(region));
  }
  return regions;
}

std::vector<const PdfWord*> TextLayerUse::WordsBetween(size_t region, size_t line, int left,
                                                       int right) const {
  std::vector<const PdfWord*> words;
  if (Rows(line_words_[region][line]).size() > 1) return words;
  for (const int w : line_words_[region][line]) {
    const int middle = Word(w).box_px.x + Word(w).box_px.width / 2;
    if (middle >= left && middle < right) words.push_back(&Word(w));
  }
  return words;
}

}  // namespace glmocr
