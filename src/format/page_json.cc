#include "format/page_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "format/sdk_pages.h"
#include "format/warning_json.h"

namespace glmocr {
namespace {

using Json = nlohmann::ordered_json;

// Probabilities carry no more than four digits of meaning, and shorter files.
double Rounded(double x) { return std::round(x * 1e4) / 1e4; }

}  // namespace

std::string PageToJson(const ReadPage& page) {
  Json out;
  out["schema"] = "glm-ocr.page/1";
  out["source"] = page.source;
  out["page"] = page.page;
  out["pages"] = page.n_pages;
  out["width"] = page.width_px;
  out["height"] = page.height_px;
  if (page.skew_degrees != 0) out["skew_degrees"] = Rounded(page.skew_degrees);
  if (!page.warnings.empty())
    out["warnings"] = WarningsJson(page.warnings, WarningPages::kLeaveOut);
  out["seconds"] = Rounded(page.seconds);
  out["text"] = PlainText(page, {.page_furniture = true});
  Json regions = Json::array();
  for (const ReadRegion& r : page.regions) {
    Json region;
    region["index"] = regions.size();
    region["label"] = RegionLabelName(r.label);
    region["box"] = {r.box_px.x, r.box_px.y, r.box_px.right(), r.box_px.bottom()};
    region["column"] = r.column;
    region["text"] = r.text;
    if (TaskOf(r.label) != RegionTask::kSkip) region["source"] = RegionSource(r);
    region["confidence"] = Rounded(r.confidence);
    region["finish_reason"] = FinishReasonName(r.finish);
    if (r.error) region["error"] = r.error->message;
    Json tokens = Json::array();
    for (const ReadToken& t : r.tokens)
      tokens.push_back({{"text", t.text}, {"p", Rounded(t.probability)}});
    region["tokens"] = std::move(tokens);
    regions.push_back(std::move(region));
  }
  out["regions"] = std::move(regions);
  // A token may end inside a character; such bytes become U+FFFD here and are whole again in
  // "text".
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace glmocr
