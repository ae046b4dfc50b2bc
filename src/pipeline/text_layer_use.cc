#include "pipeline/text_layer_use.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
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

// Within the outline, where there is one, or else the box.
bool HoldsMiddle(const Box& box, const std::vector<Point>& outline, const Box& word) {
  if (!HoldsMiddle(box, word)) return false;
  if (outline.size() < 3) return true;
  const int x = word.x + word.width / 2, y = word.y + word.height / 2;
  bool inside = false;  // the number of edges to one side is odd
  for (size_t i = 0, j = outline.size() - 1; i < outline.size(); j = i++) {
    const Point &a = outline[i], &b = outline[j];
    if ((a.y > y) == (b.y > y)) continue;
    if (x < a.x + static_cast<double>(b.x - a.x) * (y - a.y) / (b.y - a.y)) inside = !inside;
  }
  return inside;
}

int OverlapY(const Box& a, const Box& b) {
  return std::min(a.bottom(), b.bottom()) - std::max(a.y, b.y);
}
int OverlapX(const Box& a, const Box& b) {
  return std::min(a.right(), b.right()) - std::max(a.x, b.x);
}

int Rounded(double x) { return static_cast<int>(std::lround(x)); }

// Whether an initial cannot be a word of its own, as A, I, O, Y, E and U are in some languages.
bool IsPartWord(std::string_view initial) {
  return initial.size() == 1 && initial[0] >= 'A' && initial[0] <= 'Z' &&
         std::string_view("AIOYEU").find(initial[0]) == std::string_view::npos;
}

bool IsRightToLeft(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text.data() + i);
    i += c.size_bytes;
    if (c.code_point >= 0x590 && c.code_point < 0x900) return true;
  }
  return false;
}

// A soft hyphen shows at a line's end alone.
std::string WithoutSoftHyphens(std::string text, bool ends_line) {
  for (size_t at = text.find(kSoftHyphen); at != std::string::npos;
       at = text.find(kSoftHyphen, at)) {
    if (ends_line && at + kSoftHyphen.size() == text.size()) break;
    text.erase(at, kSoftHyphen.size());
  }
  return text;
}

// The baseline of a line, by those of its words that stand on it.
double BaselineOf(const std::vector<ReadWord>& words, const std::vector<Box>& boxes,
                  const Box& line) {
  constexpr double kDescent = 0.2;
  std::vector<int> bottoms;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i].text.find_first_of("gjpqy,;()[]{}|/_Q@$\"'*^-~`.:") == std::string::npos)
      bottoms.push_back(boxes[i].bottom());
  }
  if (bottoms.empty()) return line.bottom() - kDescent * line.height;
  const auto middle = bottoms.begin() + static_cast<std::ptrdiff_t>(bottoms.size() / 2);
  std::nth_element(bottoms.begin(), middle, bottoms.end());
  return std::clamp(*middle, line.y + 1, line.bottom());
}

}  // namespace

TextLayerMode TextLayerModeFromName(std::string_view name) {
  if (name == "auto") return TextLayerMode::kAuto;
  if (name == "prefer") return TextLayerMode::kPrefer;
  if (name == "compare") return TextLayerMode::kCompare;
  GLM_CHECK(name == "off" || ReplacesHiddenText(name));
  return TextLayerMode::kOff;
}

// Around a box of the input that may have an outline.
Box TextLayerUse::Upright(const Box& box, const std::vector<Point>& outline) const {
  if (transform_.IsIdentity()) return box;
  std::vector<Point> corners = outline;
  if (corners.empty()) {
    corners = {
        {box.x, box.y}, {box.right(), box.y}, {box.right(), box.bottom()}, {box.x, box.bottom()}};
  }
  double left = 1e9, top = 1e9, right = -1e9, bottom = -1e9;
  for (const Point& corner : corners) {
    const PointF p = transform_.FromInput(PointF{1.0 * corner.x, 1.0 * corner.y});
    left = std::min(left, p.x);
    right = std::max(right, p.x);
    top = std::min(top, p.y);
    bottom = std::max(bottom, p.y);
  }
  return {Rounded(left), Rounded(top), Rounded(right - left), Rounded(bottom - top)};
}

// The box around a turned word is larger than the word: cos * width + |sin| * height wide.
Box TextLayerUse::UprightWord(const Box& box) const {
  if (transform_.IsIdentity()) return box;
  const PointF at = {box.x + box.width / 2.0, box.y + box.height / 2.0};
  const PointF middle = transform_.FromInput(at);
  const PointF beside = transform_.FromInput(PointF{at.x + 1, at.y});
  double along = std::abs(beside.x - middle.x), across = std::abs(beside.y - middle.y);
  double width = box.width, height = box.height;
  if (along < across) {  // a quarter turn
    std::swap(along, across);
    std::swap(width, height);
  }
  const double scale = along * along - across * across;
  if (scale > 0.5) {
    const double inner = (width * along - height * across) / scale;
    height = std::max(std::min(height, 4.0), (height * along - width * across) / scale);
    width = inner;
  }
  const int w = std::max(1, Rounded(width)), h = std::max(1, Rounded(height));
  return {Rounded(middle.x - w / 2.0), Rounded(middle.y - h / 2.0), w, h};
}

Box TextLayerUse::UprightLine(const ReadLine& line) const {
  if (transform_.IsIdentity()) return line.box_px;
  const PointF start = transform_.FromInput(line.place.start);
  const PointF end = transform_.FromInput(line.place.end);
  const double baseline = (start.y + end.y) / 2;
  const double left = std::min(start.x, end.x), right = std::max(start.x, end.x);
  return {Rounded(left), Rounded(baseline - line.place.ascent_px), Rounded(right - left),
          Rounded(line.place.ascent_px + line.place.descent_px)};
}

TextLayerUse::TextLayerUse(const PdfTextLayer& layer, const ReadPage& page, LayerWords which,
                           const PageTransform& transform)
    : layer_(layer),
      page_(page),
      transform_(transform),
      regions_(page.regions.size()),
      words_(page.regions.size()),
      line_words_(page.regions.size()),
      loose_(page.regions.size()),
      initials_(page.regions.size()) {
  for (size_t r = 0; r < page.regions.size(); ++r) {
    const ReadRegion& region = page.regions[r];
    regions_[r].box = Upright(region.box_px, region.polygon_px);
    for (const ReadLine& line : region.lines) regions_[r].lines.push_back(UprightLine(line));
    for (const ReadCell& cell : region.cells)
      regions_[r].cells.push_back(Upright(cell.box_px, cell.polygon_px));
    line_words_[r].resize(region.lines.size());
  }
  boxes_.reserve(layer.words.size());
  for (const PdfWord& word : layer.words) boxes_.push_back(UprightWord(word.box_px));
  for (size_t w = 0; w < layer.words.size(); ++w) {
    const int index = static_cast<int>(w);
    if (which == LayerWords::kDrawn && !layer.words[w].drawn) continue;
    Place place = PlaceOf(index);
    if (place.region != SIZE_MAX && TaskOf(page.regions[place.region].label) == RegionTask::kSkip &&
        2 * Area(boxes_[w]) > Area(regions_[place.region].box)) {
      const Place goes_on = LineOfInitial(boxes_[w]);
      if (goes_on.region != SIZE_MAX) {
        initials_[place.region] = true;
        place = goes_on;
      }
    }
    if (place.region == SIZE_MAX) {
      uncovered_.push_back(index);
      continue;
    }
    words_[place.region].push_back(index);
    (place.line == SIZE_MAX ? loose_[place.region] : line_words_[place.region][place.line])
        .push_back(index);
  }
  for (auto& lines : line_words_) {
    for (std::vector<int>& words : lines) {
      if (std::none_of(words.begin(), words.end(),
                       [&](int w) { return IsRightToLeft(Word(w).text); })) {
        std::stable_sort(words.begin(), words.end(),
                         [&](int a, int b) { return At(a).x < At(b).x; });
      }
      DropDoubled(&words);
    }
  }
}

// The rows of words in what layout took for one line, from top to bottom: an initial that reaches
// over two lines makes one of them. Marks above or below the line are in it.
std::vector<std::vector<int>> TextLayerUse::Rows(const std::vector<int>& words) const {
  std::vector<int> heights;
  for (const int w : words) heights.push_back(At(w).height);
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
    return std::abs(At(words[a]).height - usual) < std::abs(At(words[b]).height - usual);
  });
  std::vector<Row> rows;
  for (const size_t i : order) {
    const Box& box = At(words[i]);
    auto best = rows.end();
    for (auto row = rows.begin(); row != rows.end(); ++row) {
      const int shared = OverlapY(row->core, box);
      if (10 * shared >= 3 * std::min(row->core.height, box.height)) {
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
    InitialFirst(&to);
  }
  return out;
}

// Letters that begin a row above, over or a little behind its other words, and are much higher, are
// its initial.
void TextLayerUse::InitialFirst(std::vector<int>* row) const {
  if (row->size() < 2) return;
  std::vector<int> heights;
  for (const int w : *row) heights.push_back(At(w).height);
  const auto middle = heights.begin() + static_cast<std::ptrdiff_t>((heights.size() - 1) / 2);
  std::nth_element(heights.begin(), middle, heights.end());
  const int usual = *middle;
  int left = INT32_MAX;
  for (const int w : *row) left = std::min(left, At(w).x);
  const auto initial = std::find_if(row->begin(), row->end(), [&](int w) {
    return 2 * At(w).height >= 3 * usual && 2 * (At(w).x - left) <= At(w).width;
  });
  if (initial != row->end()) std::rotate(row->begin(), initial, initial + 1);
}

bool TextLayerUse::IsPartOfAWord(size_t region) const {
  const Box& box = regions_[region].box;
  if (!words_[region].empty()) return false;
  for (size_t r = 0; r < words_.size(); ++r) {
    if (TaskOf(page_.regions[r].label) == RegionTask::kSkip) continue;
    for (const int w : words_[r]) {
      if (10 * OverlapArea(At(w), box) >= 7 * Area(box)) return true;
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
      const Box &a = At(kept[i - 1]), &b = At(w);
      if (5 * OverlapArea(a, b) < 2 * std::max(Area(a), Area(b))) continue;
      again = Word(kept[i - 1]).text == Word(w).text;
      n_on_top_ += again ? 0 : 1;
    }
    if (!again) kept.push_back(w);
  }
  *words = std::move(kept);
}

TextLayerUse::Place TextLayerUse::PlaceOf(int index) const {
  const Box& word = At(index);
  // The smallest region counts: one may lie in another.
  Place place;
  int64_t smallest = INT64_MAX;
  for (size_t r = 0; r < regions_.size(); ++r) {
    const ReadRegion& region = page_.regions[r];
    const int64_t area = Area(regions_[r].box);
    if (area >= smallest || !HoldsMiddle(region.box_px, region.polygon_px, Word(index).box_px))
      continue;
    smallest = area;
    place.region = r;
  }
  if (place.region != SIZE_MAX) {
    place.line = LineOf(place.region, word);
    return place;
  }
  // Beside a region's line, no further than a word is from the next.
  int nearest = INT32_MAX;
  for (size_t r = 0; r < regions_.size(); ++r) {
    if (TaskOf(page_.regions[r].label) == RegionTask::kSkip) continue;
    for (size_t l = 0; l < regions_[r].lines.size(); ++l) {
      const Box& line = regions_[r].lines[l];
      const int gap = -OverlapX(line, word);
      if (gap > line.height / 2 || gap >= nearest) continue;
      if (3 * OverlapY(line, word) < std::min(line.height, word.height)) continue;
      nearest = gap;
      place = {r, l};
    }
  }
  return place;
}

// The topmost of the lower lines that stand beside a large letter and begin right of it.
TextLayerUse::Place TextLayerUse::LineOfInitial(const Box& word) const {
  Place place;
  int top = INT32_MAX;
  for (size_t r = 0; r < regions_.size(); ++r) {
    if (TaskOf(page_.regions[r].label) == RegionTask::kSkip) continue;
    for (size_t l = 0; l < regions_[r].lines.size(); ++l) {
      const Box& line = regions_[r].lines[l];
      const bool beside = line.x > word.x + word.width / 2 && line.x - word.right() < line.height &&
                          3 * line.height < 2 * word.height &&
                          2 * OverlapY(line, word) > line.height;
      if (!beside || line.y >= top) continue;
      top = line.y;
      place = {r, l};
    }
  }
  return place;
}

// The line that the word shares most of its height with, of those that it lies in or touches.
size_t TextLayerUse::LineOf(size_t region, const Box& word) const {
  size_t best = SIZE_MAX;
  double most = 0.3;
  const std::vector<Box>& lines = regions_[region].lines;
  for (size_t l = 0; l < lines.size(); ++l) {
    if (-OverlapX(lines[l], word) > lines[l].height) continue;
    const double share = static_cast<double>(OverlapY(lines[l], word)) /
                         std::max(1, std::min(lines[l].height, word.height));
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
  const std::vector<Box>& cells = regions_[region].cells;
  const bool outside =
      !cells.empty() && std::any_of(words_[region].begin(), words_[region].end(), [&](int w) {
        return std::none_of(cells.begin(), cells.end(),
                            [&](const Box& cell) { return HoldsMiddle(cell, At(w)); });
      });
  if (outside) return false;
  for (const Box& line : regions_[region].lines) {
    Box box = line;
    box.x = std::clamp(box.x, 0, picture.width_px);
    box.y = std::clamp(box.y, 0, picture.height_px);
    box.width = std::clamp(line.right(), box.x, picture.width_px) - box.x;
    box.height = std::clamp(line.bottom(), box.y, picture.height_px) - box.y;
    const int widest = std::max(1, static_cast<int>(kMarkWidth * line.height));
    std::vector<bool> known(static_cast<size_t>(box.width));
    for (const int w : words_[region]) {
      const Box& word = At(w);
      if (OverlapY(word, box) <= 0) continue;
      const int slack = box.height / 6;
      const int from = std::max(word.x - slack, box.x);
      const int to = std::min(word.right() + slack, box.right());
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

// `found`: the line that layout found there, whose place it keeps.
TextLayerUse::Found TextLayerUse::LineOfWords(const std::vector<int>& words,
                                              const ReadLine* found) const {
  Found out{.line = {.box_px = Word(words.front()).box_px, .confidence = 1},
            .box = At(words.front())};
  ReadLine& line = out.line;
  if (found != nullptr) {
    line.n_spaces = found->n_spaces;
    line.after_blank = found->after_blank;
  }
  std::vector<Box> at;  // of line.words
  for (size_t i = 0; i < words.size(); ++i) {
    const PdfWord& word = Word(words[i]);
    const Box& box = At(words[i]);
    const std::string text = WithoutSoftHyphens(word.text, i + 1 == words.size());
    if (text.empty()) continue;
    line.box_px = Union(line.box_px, word.box_px);
    out.box = Union(out.box, box);
    bool joined = false;  // a mark behind its word: the layer has them apart
    const bool apart =
        i > 0 && (word.line != Word(words[i - 1]).line ||
                  (i == 1 && 2 * At(words[0]).height >= 3 * box.height && IsPartWord(line.text)));
    if (apart && !at.empty()) {
      const Box& before = At(words[i - 1]);
      const int gap = box.x - before.right(), height = std::max(box.height, before.height);
      joined = gap <= kNoSpace * height && gap >= -height;
    }
    if (joined) {
      line.text += text;
      ReadWord& whole = line.words.back();
      whole.text += text;
      whole.box_px = Union(whole.box_px, word.box_px);
      at.back() = Union(at.back(), box);
      continue;
    }
    if (!line.text.empty()) line.text += ' ';
    line.text += text;
    line.words.push_back({.text = text, .confidence = 1, .place = {}, .box_px = word.box_px});
    at.push_back(box);
  }
  double baseline = BaselineOf(line.words, at, out.box);
  double ascent = baseline - out.box.y, descent = out.box.bottom() - baseline;
  if (found != nullptr) {
    baseline = transform_.FromInput(found->place.start).y;
    ascent = found->place.ascent_px;
    descent = found->place.descent_px;
  }
  const auto place = [&](const Box& box) {
    return LinePlace{.start = transform_.ToInput(PointF{1.0 * box.x, baseline}),
                     .end = transform_.ToInput(PointF{1.0 * box.right(), baseline}),
                     .ascent_px = ascent,
                     .descent_px = descent};
  };
  line.place = found != nullptr ? found->place : place(out.box);
  if (found != nullptr) line.box_px = found->box_px;
  for (size_t i = 0; i < at.size(); ++i) line.words[i].place = place(at[i]);
  return out;
}

// Words that share a line of the layer, lines from top to bottom.
std::vector<TextLayerUse::Found> TextLayerUse::OwnLines(const std::vector<int>& words) const {
  std::vector<std::vector<int>> groups;
  for (const int w : words) {
    if (groups.empty() || Word(w).line != Word(groups.back().back()).line) groups.emplace_back();
    groups.back().push_back(w);
  }
  std::vector<Found> lines;
  lines.reserve(groups.size());
  for (const std::vector<int>& group : groups) lines.push_back(LineOfWords(group));
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Found& a, const Found& b) { return a.box.y < b.box.y; });
  // Lines that overlap by half in height are pieces of one row.
  for (size_t begin = 0; begin < lines.size();) {
    size_t end = begin + 1;
    while (end < lines.size() && 2 * OverlapY(lines[begin].box, lines[end].box) >
                                     std::min(lines[begin].box.height, lines[end].box.height))
      ++end;
    std::stable_sort(lines.begin() + static_cast<std::ptrdiff_t>(begin),
                     lines.begin() + static_cast<std::ptrdiff_t>(end),
                     [](const Found& a, const Found& b) { return a.box.x < b.box.x; });
    begin = end;
  }
  return lines;
}

// The region's lines that lie in a part of it: those that layout found, with the layer's words, and
// between them words that lie in none.
std::vector<ReadLine> TextLayerUse::Lines(size_t region, const Box& within) const {
  std::vector<Found> lines;
  const std::vector<Box>& boxes = regions_[region].lines;
  for (size_t l = 0; l < boxes.size(); ++l) {
    std::vector<int> words;
    for (const int w : line_words_[region][l]) {
      if (HoldsMiddle(within, At(w))) words.push_back(w);
    }
    const std::vector<std::vector<int>> rows = Rows(words);
    const bool whole = rows.size() == 1 && HoldsMiddle(within, boxes[l]) &&
                       std::all_of(words.begin(), words.end(),
                                   [&](int w) { return OverlapX(boxes[l], At(w)) > 0; });
    for (const std::vector<int>& row : rows)
      lines.push_back(LineOfWords(row, whole ? &page_.regions[region].lines[l] : nullptr));
  }
  std::vector<int> loose;
  for (const int w : loose_[region]) {
    if (HoldsMiddle(within, At(w))) loose.push_back(w);
  }
  for (Found& line : OwnLines(loose)) {
    const auto behind = std::find_if(lines.begin(), lines.end(), [&](const Found& other) {
      return line.box.y + line.box.bottom() < other.box.y + other.box.bottom();
    });
    lines.insert(behind, std::move(line));
  }
  std::vector<ReadLine> out;
  out.reserve(lines.size());
  for (Found& line : lines) {
    if (!line.line.text.empty()) out.push_back(std::move(line.line));
  }
  return out;
}

void TextLayerUse::Fill(size_t region, ReadRegion& read) const {
  read.confidence = 1;
  read.from_text_layer = true;
  std::vector<ReadLine> all_lines;  // `read` may be the page's own region: its lines are needed
  if (read.cells.empty()) {
    // Words that lie beside the box belong to it as well.
    Box all = regions_[region].box;
    for (const int w : words_[region]) all = Union(all, At(w));
    all_lines = Lines(region, all);
  } else {
    for (size_t c = 0; c < read.cells.size(); ++c) {
      std::vector<ReadLine> lines = Lines(region, regions_[region].cells[c]);
      std::vector<std::string_view> texts;
      texts.reserve(lines.size());
      for (const ReadLine& line : lines) texts.push_back(line.text);
      read.cells[c].text = JoinParagraph(texts);
      std::move(lines.begin(), lines.end(), std::back_inserter(all_lines));
    }
  }
  read.lines = std::move(all_lines);
  AssembleText(read);
}

std::vector<ReadRegion> TextLayerUse::Uncovered() const {
  std::vector<ReadRegion> regions;
  for (Found& found : OwnLines(uncovered_)) {
    ReadLine& line = found.line;
    if (line.text.empty()) continue;
    ReadRegion region = {.box_px = line.box_px, .new_paragraph = true};
    region.confidence = 1;
    region.from_text_layer = true;
    region.lines.push_back(std::move(line));
    AssembleText(region);
    regions.push_back(std::move(region));
  }
  return regions;
}

std::vector<const PdfWord*> TextLayerUse::WordsBetween(size_t region, size_t line, double from_px,
                                                       double to_px) const {
  std::vector<const PdfWord*> words;
  if (Rows(line_words_[region][line]).size() > 1) return words;
  for (const int w : line_words_[region][line]) {
    const double middle = At(w).x + At(w).width / 2.0 - regions_[region].lines[line].x;
    if (middle >= from_px && middle < to_px) words.push_back(&Word(w));
  }
  return words;
}

}  // namespace glmocr
