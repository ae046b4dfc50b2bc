#include <cmath>
#include <nlohmann/json.hpp>

#include "pipeline/page.h"

namespace glmocr {
namespace {

using Json = nlohmann::ordered_json;

// Probabilities carry no more than four digits of meaning, and shorter files.
double Rounded(double x) { return std::round(x * 1e4) / 1e4; }

template <typename EscapeFn>
std::string JoinRegions(const ReadPage& page, EscapeFn escape) {
  std::string out;
  for (const ReadRegion& region : page.regions) {
    if (region.text.empty()) continue;
    if (!out.empty()) out += region.new_paragraph ? "\n\n" : "\n";
    out += escape(region.text);
  }
  if (!out.empty()) out += '\n';
  return out;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A line of plain text that must not become a heading, list, quote, rule or code block. Inside the
// line only characters that pair up into markup matter; ordered-list markers are escaped after
// their digits, as CommonMark says.
std::string EscapeMarkdownLine(const std::string& line) {
  std::string out;
  size_t i = 0;
  while (i < line.size() && IsDigit(line[i])) ++i;
  const bool ordered = i > 0 && i < 10 && i < line.size() && (line[i] == '.' || line[i] == ')') &&
                       (i + 1 == line.size() || line[i + 1] == ' ');
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    const bool first = at == 0;
    const bool starter =
        first && (c == '#' || c == '>' || c == '+' || c == '-' || c == '=' || c == '~');
    const bool anywhere =
        c == '*' || c == '_' || c == '`' || c == '\\' || c == '<' || c == '[' || c == '|';
    if (starter || anywhere || (ordered && at == i)) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string PageToText(const ReadPage& page) {
  return JoinRegions(page, [](const std::string& text) { return text; });
}

std::string PageToMarkdown(const ReadPage& page) {
  // A whole-page answer is Markdown already (the model writes it); a single printed line is plain
  // text.
  return JoinRegions(page, [](const std::string& text) {
    return text.find('\n') == std::string::npos ? EscapeMarkdownLine(text) : text;
  });
}

std::string PageToJson(const ReadPage& page) {
  Json out;
  out["schema"] = "glm-ocr.page/1";
  out["source"] = page.source;
  out["page"] = page.page;
  out["pages"] = page.n_pages;
  out["width"] = page.width_px;
  out["height"] = page.height_px;
  if (page.skew_degrees != 0) out["skew_degrees"] = Rounded(page.skew_degrees);
  out["seconds"] = Rounded(page.seconds);
  out["text"] = PageToText(page);
  Json regions = Json::array();
  for (const ReadRegion& r : page.regions) {
    Json region;
    region["index"] = regions.size();
    region["label"] = RegionLabelName(r.label);
    region["box"] = {r.box_px.x, r.box_px.y, r.box_px.right(), r.box_px.bottom()};
    region["column"] = r.column;
    region["text"] = r.text;
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

std::string FormatPage(const ReadPage& page, OutputFormat format) {
  switch (format) {
    case OutputFormat::kText:
      return PageToText(page);
    case OutputFormat::kMarkdown:
      return PageToMarkdown(page);
    case OutputFormat::kJson:
      return PageToJson(page);
  }
  return {};
}

}  // namespace glmocr
