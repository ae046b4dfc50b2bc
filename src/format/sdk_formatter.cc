#include "format/sdk_formatter.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "document/region_label.h"
#include "format/py_text.h"
#include "format/sdk_rules.h"

namespace glmocr {
namespace {

using py::Text;
using py::View;
using Json = nlohmann::ordered_json;

constexpr int kIndent = 2;
constexpr int kBulletAlignment = 10;  // 1/1000 of the page's width

enum class Kind { kText, kTable, kFormula, kImage, kOther };

// label_visualization_mapping of config.yaml: the tasks, pictures being what is skipped. Labels
// that the SDK drops before formatting, and unknown ones, keep their name.
Kind KindOf(std::string_view label) {
  if (label == "formula") return Kind::kOther;  // RegionLabelFromName knows it as an alias
  const auto known = RegionLabelFromName(label);
  if (!known) return Kind::kOther;
  switch (TaskOf(*known)) {
    case RegionTask::kText:
      return Kind::kText;
    case RegionTask::kTable:
      return Kind::kTable;
    case RegionTask::kFormula:
      return Kind::kFormula;
    case RegionTask::kSkip:
      return Kind::kImage;
    case RegionTask::kAbandon:
      return Kind::kOther;
  }
  return Kind::kOther;
}

struct Block {
  const SdkRegion* region = nullptr;
  size_t region_index = 0;
  Kind kind = Kind::kText;
  std::string label;  // the SDK's: "text", "table", "formula", "image", or the native one
  std::optional<Text> content;
  std::string image_path;

  View text() const { return content ? View(*content) : View(); }
};

std::string LabelOf(Kind kind, const std::string& native) {
  switch (kind) {
    case Kind::kText:
      return "text";
    case Kind::kTable:
      return "table";
    case Kind::kFormula:
      return "formula";
    case Kind::kImage:
      return "image";
    case Kind::kOther:
      break;
  }
  // The mapping has no entry named like the mapped kinds, so "formula" and "image" stay themselves.
  return native;
}

View WithoutHeadingMarks(View s) {
  size_t i = 0;
  while (i < s.size() && s[i] == U'#') ++i;
  return i == 0 ? s : py::LStrip(s.substr(i));
}

bool StartsWithAny(View s, std::initializer_list<View> with) {
  return std::any_of(with.begin(), with.end(), [&](View w) { return s.starts_with(w); });
}

bool EndsWithAny(View s, std::initializer_list<View> with) {
  return std::any_of(with.begin(), with.end(), [&](View w) { return s.ends_with(w); });
}

// A block of code, as it is.
Text Fenced(View code) {
  if (py::Strip(code).empty() || py::LStrip(code).starts_with(U"```")) return Text(py::Strip(code));
  Text fence = U"```";
  while (code.find(fence) != View::npos) fence += U'`';
  return py::Concat({fence, U"\n", py::RStrip(code), U"\n", fence});
}

// ResultFormatter._format_content.
Text FormatContent(const SdkRegion& region, std::string_view label, bool strict) {
  const Text content = py::Decode(*region.content);
  const std::string& native = region.label;
  if (!strict && native == "algorithm") return Fenced(content);
  const bool ready =
      (label == "table" && content.starts_with(U"<table") && content.ends_with(U"</table>")) ||
      (label == "formula" && content.starts_with(U"$$") && content.ends_with(U"$$"));
  Text text = ready ? content : sdk::CleanContent(content);
  if (native == "doc_title") {
    text = py::Concat({U"# ", WithoutHeadingMarks(text)});
  } else if (native == "paragraph_title") {
    View s = text;
    if (StartsWithAny(s, {U"- ", U"* "})) s = py::LStrip(s.substr(2));
    const int level = strict ? 2 : std::clamp(region.heading_level, 2, 6);
    text = py::Concat(
        {Text(static_cast<size_t>(level), U'#'), U" ", py::LStrip(WithoutHeadingMarks(s))});
  }
  if (label == "formula") {
    View s = text;
    if (StartsWithAny(s, {U"$$", U"\\[", U"\\("})) s = py::Strip(s.substr(2));
    if (EndsWithAny(s, {U"$$", U"\\]", U"\\)"})) s = py::Strip(s.substr(0, s.size() - 2));
    text = py::Concat({U"$$\n", s, U"\n$$"});
  }
  if (label == "text") text = sdk::FormatText(std::move(text), strict);
  return text;
}

std::optional<Text> FormatRegion(const SdkRegion& region, Kind kind, bool strict) {
  if (!region.content) return std::nullopt;
  return FormatContent(region, LabelOf(kind, region.label), strict);
}

// ResultFormatter._merge_formula_numbers.
std::vector<Block> MergeFormulaNumbers(std::vector<Block> blocks) {
  const auto is_number = [](const Block& b) { return b.region->label == "formula_number"; };
  const auto is_formula = [](const Block& b) { return b.label == "formula"; };
  const auto tagged = [](Block formula, const Block& number) {
    constexpr View kEnd = U"\n$$";
    if (formula.text().ends_with(kEnd)) {
      Text& content = *formula.content;
      content.resize(content.size() - kEnd.size());
      content += py::Concat({U" \\tag{", sdk::CleanFormulaNumber(number.text()), U"}", kEnd});
    }
    return formula;
  };
  std::vector<Block> merged;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const bool has_next = i + 1 < blocks.size();
    if (is_number(blocks[i])) {
      if (has_next && is_formula(blocks[i + 1])) {
        merged.push_back(tagged(std::move(blocks[i + 1]), blocks[i]));
        ++i;
      }
    } else if (is_formula(blocks[i]) && has_next && is_number(blocks[i + 1])) {
      merged.push_back(tagged(std::move(blocks[i]), blocks[i + 1]));
      ++i;
    } else {
      merged.push_back(std::move(blocks[i]));
    }
  }
  return merged;
}

View LastWord(View s) {
  s = py::RStrip(s);
  size_t begin = s.size();
  while (begin > 0 && !py::IsSpace(s[begin - 1])) --begin;
  return s.substr(begin);
}

View FirstWord(View s) {
  s = py::LStrip(s);
  size_t end = 0;
  while (end < s.size() && !py::IsSpace(s[end])) ++end;
  return s.substr(0, end);
}

// ResultFormatter._merge_text_blocks. A block that ends in a hyphen goes with the first text block
// behind it that starts with a small letter, whatever stands between, and also when another block
// has taken that one already.
std::vector<Block> MergeTextBlocks(std::vector<Block> blocks) {
  std::vector<bool> taken(blocks.size());
  // The next text block from i on that starts with a small letter.
  std::vector<size_t> continuation(blocks.size() + 1, blocks.size());
  for (size_t i = blocks.size(); i-- > 0;) {
    const View start = py::LStrip(blocks[i].text());
    const bool continues = blocks[i].label == "text" && !start.empty() && py::IsLower(start[0]);
    continuation[i] = continues ? i : continuation[i + 1];
  }
  std::vector<Block> merged;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (taken[i]) continue;
    merged.push_back(blocks[i]);
    const View before = py::RStrip(blocks[i].text());
    const size_t next = continuation[i + 1];
    if (blocks[i].label != "text" || !before.ends_with(U'-') || next == blocks.size()) continue;
    const View stem = before.substr(0, before.size() - 1);
    const View rest = py::LStrip(blocks[next].text());
    const View last = LastWord(stem);
    if (last.empty() || !sdk::IsLikelyWord(py::Concat({last, FirstWord(rest)}))) continue;
    merged.back().content = py::Concat({stem, rest});
    taken[next] = true;
  }
  return merged;
}

// ResultFormatter._format_bullet_points.
void AddBullets(std::vector<Block>& blocks) {
  const auto is_text = [](const Block& b) { return b.region->label == "text"; };
  const auto is_item = [](const Block& b) { return b.text().starts_with(U"- "); };
  for (size_t i = 1; i + 1 < blocks.size(); ++i) {
    Block& block = blocks[i];
    const Block &previous = blocks[i - 1], &next = blocks[i + 1];
    if (!is_text(block) || !is_text(previous) || !is_text(next)) continue;
    if (is_item(block) || !is_item(previous) || !is_item(next)) continue;
    const auto &box = block.region->bbox, &above = previous.region->bbox,
               &below = next.region->bbox;
    if (!box || !above || !below) continue;
    const auto aligned = [&](int left) {
      return std::abs(static_cast<long long>((*box)[0]) - left) <= kBulletAlignment;
    };
    if (aligned((*above)[0]) && aligned((*below)[0]))
      block.content = py::Concat({U"- ", block.text()});
  }
}

std::vector<Block> FormatPageBlocks(const SdkPage& page, const SdkOptions& options) {
  std::vector<Block> blocks;
  for (size_t i = 0; i < page.size(); ++i) {
    const Kind kind = KindOf(page[i].label);
    Block block{&page[i], i, kind, LabelOf(kind, page[i].label),
                FormatRegion(page[i], kind, options.strict)};
    if (block.label != "image" && py::Strip(block.text()).empty()) continue;
    blocks.push_back(std::move(block));
  }
  if (options.merge_formula_numbers) blocks = MergeFormulaNumbers(std::move(blocks));
  if (options.merge_text_blocks) blocks = MergeTextBlocks(std::move(blocks));
  if (options.format_bullet_points) AddBullets(blocks);
  return blocks;
}

// How many of the first blocks stay as they are, whatever regions follow: of a block the bullets
// need the next one; a text that ends in a hyphen may go on in any text behind it.
size_t CountSettled(const std::vector<Block>& blocks) {
  const auto is_text = [](const Block& b) { return b.label == "text"; };
  size_t last_start = 0;  // behind the last text that may continue another one
  for (size_t i = blocks.size(); i-- > 0 && last_start == 0;) {
    const View start = py::LStrip(blocks[i].text());
    if (is_text(blocks[i]) && !start.empty() && py::IsLower(start[0])) last_start = i;
  }
  size_t n = 0;
  while (n + 1 < blocks.size()) {
    const bool broken = is_text(blocks[n]) && py::RStrip(blocks[n].text()).ends_with(U'-');
    if (broken && n >= last_start) break;
    ++n;
  }
  return n;
}

// The SDK keeps crops by page and box, so regions with one box share theirs.
bool HasCrop(const SdkPage& page, const SdkRegion& region) {
  return region.bbox && std::any_of(page.begin(), page.end(), [&](const SdkRegion& other) {
           return other.has_crop && other.bbox == region.bbox;
         });
}

Json ContentJson(const std::optional<Text>& content) {
  return content ? Json(py::Encode(*content)) : Json();
}
Json BoxJson(const SdkRegion& region) { return region.bbox ? Json(*region.bbox) : Json(); }
Json PolygonJson(const SdkRegion& region) {
  return region.polygon ? Json(*region.polygon) : Json();
}

// json.dump(..., ensure_ascii=False, indent=2).
std::string Dump(const Json& json) {
  return json.dump(kIndent, ' ', false, Json::error_handler_t::replace);
}

Json ModelJson(const SdkPage& page) {
  Json regions = Json::array();
  for (const SdkRegion& region : page) {
    regions.push_back(
        {{"index", regions.size()},
         {"label", region.label},
         {"content", region.content ? ContentJson(py::Decode(*region.content)) : Json()},
         {"bbox_2d", BoxJson(region)},
         {"polygon", PolygonJson(region)}});
  }
  return regions;
}

}  // namespace

struct SdkDocumentBuilder::State {
  SdkOptions options;
  SdkDocument document;
  Json json = Json::array();
  Json model_json = Json::array();
  bool plain = false;
};

SdkDocumentBuilder::SdkDocumentBuilder(const SdkOptions& options)
    : state_(std::make_unique<State>(State{options})) {}
SdkDocumentBuilder::~SdkDocumentBuilder() = default;
SdkDocumentBuilder::SdkDocumentBuilder(SdkDocumentBuilder&&) noexcept = default;
SdkDocumentBuilder& SdkDocumentBuilder::operator=(SdkDocumentBuilder&&) noexcept = default;

std::vector<SdkImage> SdkDocumentBuilder::AddPage(const SdkPage& page) {
  State& s = *state_;
  const size_t page_index = s.options.first_page + s.json.size();
  const size_t images_before = s.document.images.size();
  std::vector<Block> blocks = FormatPageBlocks(page, s.options);
  Json page_json = Json::array();
  std::string markdown;
  std::vector<size_t>& block_regions = s.document.block_regions.emplace_back();
  const auto append = [&](const std::string& part) {
    if (!markdown.empty()) markdown += "\n\n";
    markdown += part;
  };
  for (Block& block : blocks) {
    if (block.label != "image") {
      if (!block.text().empty()) append(py::Encode(block.text()));
    } else if (HasCrop(page, *block.region)) {
      const size_t number = s.options.first_image + s.document.images.size();
      block.image_path = fmt::format("imgs/cropped_page{}_idx{}.jpg", page_index, number);
      append(s.options.picture
                 ? s.options.picture(page_index, number, *block.region)
                 : fmt::format("![Image {}-{}]({})", page_index, number, block.image_path));
      s.document.images.push_back({page_index, block.region_index, block.image_path});
    }
    Json entry = {{"index", page_json.size()},
                  {"label", block.label},
                  {"bbox_2d", BoxJson(*block.region)},
                  {"polygon", PolygonJson(*block.region)},
                  {"content", ContentJson(block.content)},
                  {"native_label", block.region->label}};
    if (!block.image_path.empty()) entry["image_path"] = block.image_path;
    page_json.push_back(std::move(entry));
    block_regions.push_back(block.region_index);
  }
  if (!s.json.empty()) s.document.markdown += s.options.page_separator;
  s.document.markdown += markdown;
  s.json.push_back(std::move(page_json));
  s.model_json.push_back(ModelJson(page));
  return {s.document.images.begin() + static_cast<ptrdiff_t>(images_before),
          s.document.images.end()};
}

void SdkDocumentBuilder::AddPlainPage(const std::string& text) {
  State& s = *state_;
  s.plain = true;
  const std::string content = py::Encode(sdk::CleanContent(py::Decode(text)));
  if (!s.json.empty()) s.document.markdown += "\n\n---\n\n";
  s.document.markdown += content;
  const Json block = {{"index", 0}, {"label", "text"}, {"content", content}, {"bbox_2d", nullptr}};
  s.json.push_back(Json::array({block}));
}

SdkDocument SdkDocumentBuilder::Finish() {
  State& s = *state_;
  SdkDocument out = std::move(s.document);
  out.json = Dump(s.json);
  if (!s.plain) out.model_json = Dump(s.model_json);
  s = State{s.options};
  return out;
}

std::vector<std::string> SdkMarkdownParts(const SdkPage& page, bool more_comes,
                                          const SdkOptions& options) {
  std::vector<Block> blocks = FormatPageBlocks(page, options);
  if (more_comes) blocks.resize(CountSettled(blocks));
  std::vector<std::string> parts;
  for (const Block& block : blocks) {
    if (block.label != "image" && !block.text().empty()) parts.push_back(py::Encode(block.text()));
  }
  return parts;
}

std::optional<std::string> FormatSdkRegion(const SdkRegion& region, const SdkOptions& options) {
  const auto content = FormatRegion(region, KindOf(region.label), options.strict);
  if (!content) return std::nullopt;
  return py::Encode(*content);
}

std::string SdkFileStem(const std::string& path) {
  std::string stem = std::filesystem::path(path).stem().string();
  for (char& c : stem) {
    if (static_cast<unsigned char>(c) < 0x20 ||
        std::string_view("<>:\"/\\|?*").find(c) != std::string_view::npos)
      c = '_';
  }
  while (!stem.empty() && (stem.back() == ' ' || stem.back() == '.')) stem.pop_back();
  return stem.empty() ? "result" : stem;
}

}  // namespace glmocr
