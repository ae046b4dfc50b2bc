#include "format/document_json.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "format/sdk_formatter.h"
#include "format/sdk_pages.h"
#include "format/warning_json.h"

namespace glmocr {
namespace {

using Json = nlohmann::ordered_json;

double Rounded(double x) { return std::round(x * 1e4) / 1e4; }
// Coordinates: finer than lines are found.
double Tenths(double x) { return std::round(x * 10) / 10; }

Json BoxJson(const Box& box) { return {box.x, box.y, box.right(), box.bottom()}; }

Json PolygonJson(const std::vector<Point>& points) {
  Json out = Json::array();
  for (const Point& p : points) out.push_back({p.x, p.y});
  return out;
}

std::string_view TaskName(RegionTask task) {
  switch (task) {
    case RegionTask::kText:
      return "text";
    case RegionTask::kTable:
      return "table";
    case RegionTask::kFormula:
      return "formula";
    case RegionTask::kSkip:
      return "picture";
    case RegionTask::kAbandon:
      return "furniture";
  }
  return {};
}

Json LinesJson(const std::vector<ReadLine>& lines) {
  Json out = Json::array();
  for (const ReadLine& line : lines) {
    const LinePlace& place = line.place;
    out.push_back(
        {{"box", BoxJson(line.box_px)},
         {"baseline_y", Tenths((place.start.y + place.end.y) / 2)},
         {"baseline",
          {Tenths(place.start.x), Tenths(place.start.y), Tenths(place.end.x), Tenths(place.end.y)}},
         {"text", line.text},
         {"confidence", Rounded(line.confidence)}});
    if (line.words.empty()) continue;
    Json& words = out.back()["words"] = Json::array();
    for (const ReadWord& word : line.words) {
      words.push_back({{"text", word.text},
                       {"box", BoxJson(word.box_px)},
                       {"confidence", Rounded(word.confidence)}});
    }
  }
  return out;
}

Json CellsJson(const std::vector<ReadCell>& cells) {
  Json out = Json::array();
  for (const ReadCell& cell : cells) {
    out.push_back({{"row", cell.row},
                   {"column", cell.column},
                   {"row_span", cell.row_span},
                   {"column_span", cell.column_span},
                   {"header", cell.header},
                   {"box", BoxJson(cell.box_px)},
                   {"text", cell.text}});
    if (!cell.polygon_px.empty()) out.back()["polygon"] = PolygonJson(cell.polygon_px);
  }
  return out;
}

Json RegionJson(const ReadPage& page, const ReadRegion& region, size_t index) {
  Json out;
  out["index"] = index;
  out["label"] = RegionLabelName(region.label);
  out["kind"] = TaskName(TaskOf(region.label));
  out["box"] = BoxJson(region.box_px);
  out["bbox_2d"] = BoxIn1000(region.box_px, page.width_px, page.height_px);
  out["polygon"] = PolygonJson(region.polygon_px);
  out["layout_score"] = Rounded(region.layout_score);
  if (region.heading_level > 0) out["heading_level"] = region.heading_level;
  out["column"] = region.column;
  out["text"] = region.text;
  if (TaskOf(region.label) != RegionTask::kSkip) out["source"] = RegionSource(region);
  return out;
}

}  // namespace

double PageConfidence(const ReadPage& page) {
  double log_probability = 0, tokens = 0;
  for (const ReadRegion& region : page.regions) {
    if (region.confidence <= 0) continue;
    const auto n = static_cast<double>(region.usage.completion_tokens);
    log_probability += n * std::log(region.confidence);
    tokens += n;
  }
  return tokens == 0 ? 0 : std::exp(log_probability / tokens);
}

std::string DocumentPageJson(const ReadPage& page, std::span<const std::string> image_paths) {
  // One region at a time, so that what is written is the region's own text before blocks are
  // merged.
  Json out;
  out["page"] = page.page;
  out["width"] = page.width_px;
  out["height"] = page.height_px;
  out["skew_degrees"] = Rounded(page.skew_degrees);
  if (page.error) out["error"] = page.error->message;
  if (!page.warnings.empty())
    out["warnings"] = WarningsJson(page.warnings, WarningPages::kLeaveOut);
  out["layout"] = page.layout;
  out["seconds"] = Rounded(page.seconds);
  out["prepare_seconds"] = Rounded(page.prepare_s);
  out["first_token_seconds"] = Rounded(page.first_token_s);
  out["confidence"] = Rounded(PageConfidence(page));
  Json regions = Json::array();
  for (size_t i = 0; i < page.regions.size(); ++i) {
    const ReadRegion& r = page.regions[i];
    Json region = RegionJson(page, r, i);
    ReadPage alone;
    alone.layout = page.layout;
    alone.width_px = page.width_px;
    alone.height_px = page.height_px;
    alone.regions.push_back(r);
    alone.regions[0].new_paragraph = true;
    const ConvertedPage converted = ConvertPage(alone, {.page_furniture = true});
    const auto markdown = converted.regions.empty() ? std::optional<std::string>()
                                                    : FormatSdkRegion(converted.regions[0]);
    region["markdown"] = markdown.value_or("");
    region["confidence"] = Rounded(r.confidence);
    region["finish_reason"] = FinishReasonName(r.finish);
    if (r.error) region["error"] = r.error->message;
    region["tokens"] = r.usage.completion_tokens;
    if (!r.lines.empty()) region["lines"] = LinesJson(r.lines);
    if (!r.cells.empty()) region["cells"] = CellsJson(r.cells);
    if (i < image_paths.size() && !image_paths[i].empty()) region["image_path"] = image_paths[i];
    regions.push_back(std::move(region));
  }
  out["regions"] = std::move(regions);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string DocumentJson(const std::string& source, std::span<const Warning> warnings,
                         std::span<const std::string> pages) {
  const auto dump = [](const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  std::string out = R"({"schema":"glm-ocr.document/1","source":)" + dump(Json(source));
  if (!warnings.empty())
    out += ",\"warnings\":" + dump(WarningsJson(warnings, WarningPages::kTell));
  out += ",\"pages\":[";
  for (size_t i = 0; i < pages.size(); ++i) {
    out += i == 0 ? "\n" : ",\n";
    out += pages[i];
  }
  return out + (pages.empty() ? "]}\n" : "\n]}\n");
}

}  // namespace glmocr
