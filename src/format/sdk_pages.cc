#include "format/sdk_pages.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "format/tables.h"

namespace glmocr {
namespace {

std::string EscapePrintedText(std::string_view text) {
  constexpr std::string_view kAnywhere = "\\*_`<[$", kAtStart = "#>+=~";
  std::string out;
  bool line_start = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool bullet = line_start && c == '*' && i + 1 < text.size() && text[i + 1] == ' ';
    const bool special = (kAnywhere.find(c) != std::string_view::npos && !bullet) ||
                         (line_start && kAtStart.find(c) != std::string_view::npos) ||
                         (c == '&' && StartsHtmlEntity(text, i));
    if (special) out += '\\';
    out += c;
    line_start = c == '\n';
  }
  return out;
}

bool IsBlank(std::string_view s) {
  return s.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool IsTitle(RegionLabel label) {
  return label == RegionLabel::kDocTitle || label == RegionLabel::kParagraphTitle;
}

// Null: nothing to write.
std::optional<std::string> ContentOf(const ReadPage& page, const ReadRegion& region,
                                     const PageTextOptions& options) {
  if (TaskOf(region.label) == RegionTask::kSkip) return std::nullopt;
  if (region.error && region.text.empty()) return std::nullopt;
  if (options.strict) return region.text;
  if (IsTitle(region.label) && IsBlank(region.text)) return std::nullopt;
  if (region.label == RegionLabel::kTable) {
    if (options.pipe_tables) {
      if (const auto table = TableOf(region)) return PipeTable(*table, region.cells.empty());
    }
    return region.text;
  }
  if (region.label == RegionLabel::kAlgorithm) return region.text;
  const bool printed = !region.lines.empty() || page.layout == "lines";
  return printed ? EscapePrintedText(region.text) : region.text;
}

// Makes the region's box and outline hold `box` as well.
void Stretch(SdkRegion& region, const std::array<int, 4>& box) {
  auto& [left, top, right, bottom] = *region.bbox;
  left = std::min(left, box[0]);
  top = std::min(top, box[1]);
  right = std::max(right, box[2]);
  bottom = std::max(bottom, box[3]);
  region.polygon = {{{left, top}, {right, top}, {right, bottom}, {left, bottom}}};
}

bool Written(const ReadRegion& region, const PageTextOptions& options) {
  return options.page_furniture || TaskOf(region.label) != RegionTask::kAbandon;
}

}  // namespace

std::vector<std::array<int, 2>> PolygonIn1000(const ReadRegion& region, int width_px,
                                              int height_px) {
  std::vector<std::array<int, 2>> out;
  for (const Point& p : region.polygon_px)
    out.push_back({In1000(p.x, width_px), In1000(p.y, height_px)});
  if (!out.empty()) return out;
  const auto [left, top, right, bottom] = BoxIn1000(region.box_px, width_px, height_px);
  return {{left, top}, {right, top}, {right, bottom}, {left, bottom}};
}

ConvertedPage ConvertPage(const ReadPage& page, const PageTextOptions& options) {
  ConvertedPage out;
  out.plain = page.layout == "none";
  const bool lines = page.layout == "lines" && !options.strict;
  for (size_t i = 0; i < page.regions.size(); ++i) {
    const ReadRegion& region = page.regions[i];
    if (!Written(region, options)) continue;
    std::optional<std::string> content = ContentOf(page, region, options);
    if (lines && content && !out.regions.empty() && !region.new_paragraph) {
      SdkRegion& paragraph = out.regions.back();
      if (!content->empty() && !paragraph.content->empty()) *paragraph.content += ' ';
      *paragraph.content += *content;
      Stretch(paragraph, BoxIn1000(region.box_px, page.width_px, page.height_px));
      continue;
    }
    if (lines && !content) continue;
    SdkRegion sdk;
    sdk.label = RegionLabelName(region.label);
    sdk.content = std::move(content);
    sdk.bbox = BoxIn1000(region.box_px, page.width_px, page.height_px);
    sdk.polygon = PolygonIn1000(region, page.width_px, page.height_px);
    sdk.heading_level = region.heading_level;
    const Box crop = SdkCropBox(*sdk.bbox, page.width_px, page.height_px);
    sdk.has_crop = options.pictures && TaskOf(region.label) == RegionTask::kSkip &&
                   page.image != nullptr && crop.width > 0 && crop.height > 0;
    out.regions.push_back(std::move(sdk));
    out.source.push_back(i);
  }
  return out;
}

std::string PlainText(const ReadPage& page, const PageTextOptions& options) {
  std::string out;
  for (const ReadRegion& region : page.regions) {
    if (!Written(region, options)) continue;
    const auto table = TableOf(region);
    const std::string text = table ? TabTable(*table) : region.text;
    if (IsBlank(text)) continue;
    const bool same_paragraph = page.layout == "lines" && !region.new_paragraph;
    if (!out.empty()) out += same_paragraph ? "\n" : "\n\n";
    out += text;
  }
  if (!out.empty()) out += '\n';
  return out;
}

}  // namespace glmocr
