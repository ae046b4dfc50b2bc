#include "format/xml_formats.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <pugixml.hpp>
#include <sstream>
#include <utility>

#include "document/line_place.h"
#include "format/text_geometry.h"

namespace glmocr {
namespace {

using pugi::xml_node;

// A line's slope that is none: a third of a pixel over a page's width.
constexpr double kLevel = 2e-4;

std::string Save(const pugi::xml_document& document, unsigned flags) {
  std::ostringstream out;
  document.save(out, " ", flags, pugi::encoding_utf8);
  return out.str();
}

void Set(xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(value.c_str());
}
void Set(xml_node node, const char* name, int value) {
  node.append_attribute(name).set_value(value);
}

void SetText(xml_node node, const std::string& text) {
  node.append_child(pugi::node_pcdata).set_value(text.c_str());
}

bool IsPicture(const ReadRegion& region) { return TaskOf(region.label) == RegionTask::kSkip; }

std::string BboxTitle(const Box& box) {
  return fmt::format("bbox {} {} {} {}", box.x, box.y, box.right(), box.bottom());
}

int Percent(float probability) { return static_cast<int>(std::lround(probability * 100)); }

// HTML knows no empty elements but its own: of `<div/>` its parsers see the start alone, and all
// that follows as the inside. Empty text makes pugixml write the end as well.
void KeepOpen(xml_node node) { node.append_child(pugi::node_pcdata); }

// By how many quarters, clockwise, the line is turned, up to half of one.
int QuartersOf(const PlacedLine& line) {
  return (static_cast<int>(std::lround(DegreesOf(line.place) / 90)) + 4) % 4;
}

// hOCR 1.2: `baseline` is the slope and the height over the box's lower left corner at its left
// side, both as seen after `textangle` (counter-clockwise) is undone.
std::string BaselineTitle(const PlacedLine& line) {
  const Box& box = line.box_px;
  const int quarters = QuartersOf(line);
  const auto from_corner = [&](const PointF& p) {  // x along, y down
    switch (quarters) {
      case 1:
        return PointF{p.y - box.y, box.x - p.x};
      case 2:
        return PointF{box.right() - p.x, box.y - p.y};
      case 3:
        return PointF{box.bottom() - p.y, p.x - box.right()};
      default:
        return PointF{p.x - box.x, p.y - box.bottom()};
    }
  };
  const PointF a = from_corner(line.place.start), b = from_corner(line.place.end);
  const double slope = b.x > a.x ? (b.y - a.y) / (b.x - a.x) : 0;
  const long offset = std::lround(a.y - slope * a.x);
  const std::string angle = quarters == 0 ? "" : fmt::format("; textangle {}", 360 - 90 * quarters);
  if (std::fabs(slope) < kLevel) return fmt::format("{}; baseline 0 {}", angle, offset);
  return fmt::format("{}; baseline {:.4f} {}", angle, slope, offset);
}

// A string of a hOCR title attribute: in double quotes, these and backslashes escaped.
std::string HocrString(const std::string& text) {
  std::string out = "\"";
  for (const char c : XmlText(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  }
  return out + '"';
}

}  // namespace

struct HocrWriter::State {
  pugi::xml_document document;
  xml_node title, body;
  int pages = 0;

  xml_node Element(xml_node parent, const char* tag, const char* css_class, const std::string& id,
                   const std::string& title) const {
    xml_node node = parent.append_child(tag);
    Set(node, "class", css_class);
    Set(node, "id", id);
    Set(node, "title", title);
    KeepOpen(node);
    return node;
  }
};

HocrWriter::HocrWriter() : state_(std::make_unique<State>()) {
  xml_node declaration = state_->document.append_child(pugi::node_declaration);
  Set(declaration, "version", "1.0");
  Set(declaration, "encoding", "UTF-8");
  state_->document.append_child(pugi::node_doctype)
      .set_value(
          "html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\" "
          "\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\"");
  xml_node html = state_->document.append_child("html");
  Set(html, "xmlns", "http://www.w3.org/1999/xhtml");
  xml_node head = html.append_child("head");
  state_->title = head.append_child("title");
  KeepOpen(state_->title);
  xml_node type = head.append_child("meta");
  Set(type, "http-equiv", "Content-Type");
  Set(type, "content", "text/html;charset=utf-8");
  const std::array<std::pair<const char*, const char*>, 2> kMeta = {{
      {"ocr-system", "glm-ocr"},
      {"ocr-capabilities", "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocr_photo"},
  }};
  for (const auto& [name, content] : kMeta) {
    xml_node meta = head.append_child("meta");
    Set(meta, "name", name);
    Set(meta, "content", content);
  }
  state_->body = html.append_child("body");
}
HocrWriter::~HocrWriter() = default;
HocrWriter::HocrWriter(HocrWriter&&) noexcept = default;
HocrWriter& HocrWriter::operator=(HocrWriter&&) noexcept = default;

void HocrWriter::AddPage(const ReadPage& page) {
  const State& s = *state_;
  const int p = ++state_->pages;
  if (p == 1) SetText(s.title, XmlText(page.source));
  xml_node page_node =
      s.Element(s.body, "div", "ocr_page", fmt::format("page_{}", p),
                fmt::format("image {}; {}; ppageno {}", HocrString(page.source),
                            BboxTitle({0, 0, page.width_px, page.height_px}), page.page - 1));
  int line_number = 0, word_number = 0;
  for (size_t i = 0; i < page.regions.size(); ++i) {
    const ReadRegion& region = page.regions[i];
    const std::string bbox = BboxTitle(region.box_px), at = fmt::format("{}_{}", p, i + 1);
    if (IsPicture(region)) {
      s.Element(page_node, "div", "ocr_photo", "photo_" + at, bbox);
      continue;
    }
    const auto lines = PlaceLines(region);
    if (lines.empty()) continue;
    xml_node area = s.Element(page_node, "div", "ocr_carea", "block_" + at, bbox);
    xml_node paragraph = s.Element(area, "p", "ocr_par", "par_" + at, bbox);
    for (const PlacedLine& line : lines) {
      xml_node line_node =
          s.Element(paragraph, "span", "ocr_line", fmt::format("line_{}_{}", p, ++line_number),
                    BboxTitle(line.box_px) + BaselineTitle(line));
      for (const PlacedWord& word : line.words) {
        if (&word != &line.words.front()) SetText(line_node, " ");
        xml_node word_node = s.Element(
            line_node, "span", "ocrx_word", fmt::format("word_{}_{}", p, ++word_number),
            fmt::format("{}; x_wconf {}", BboxTitle(word.box_px), Percent(word.confidence)));
        SetText(word_node, word.text);
      }
    }
  }
}

std::string HocrWriter::Finish() { return Save(state_->document, pugi::format_raw) + "\n"; }

struct AltoWriter::State {
  pugi::xml_document document;
  xml_node description, file_name, layout;
  int pages = 0;
};

namespace {

void SetAltoBox(xml_node node, const Box& box) {
  Set(node, "HPOS", box.x);
  Set(node, "VPOS", box.y);
  Set(node, "WIDTH", box.width);
  Set(node, "HEIGHT", box.height);
}

// Of a block: the corners where the box is not the outline, and by how much its text is turned
// (counter-clockwise, as ALTO wants it).
void SetAltoShape(xml_node block, const ReadRegion& region, const std::vector<PlacedLine>& lines) {
  const double degrees = lines.empty() ? 0 : DegreesOf(lines.front().place);
  if (std::fabs(degrees) >= kLevel * 180 / std::numbers::pi)
    Set(block, "ROTATION", fmt::format("{:.2f}", -degrees));
  if (region.polygon_px.size() < 3) return;
  std::string points;
  for (const Point& p : region.polygon_px)
    points += fmt::format("{}{},{}", points.empty() ? "" : " ", p.x, p.y);
  Set(block.append_child("Shape").append_child("Polygon"), "POINTS", points);
}

// One height for level lines, which every version of ALTO knows, else two points.
std::string AltoBaseline(const LinePlace& place) {
  const double rise = place.end.y - place.start.y;
  if (place.end.x > place.start.x && std::fabs(rise) < kLevel * (place.end.x - place.start.x))
    return fmt::format("{}", std::lround((place.start.y + place.end.y) / 2));
  return fmt::format("{},{} {},{}", std::lround(place.start.x), std::lround(place.start.y),
                     std::lround(place.end.x), std::lround(place.end.y));
}

std::string TagId(RegionLabel label) { return fmt::format("label_{}", RegionLabelName(label)); }

}  // namespace

AltoWriter::AltoWriter() : state_(std::make_unique<State>()) {
  State& s = *state_;
  xml_node declaration = s.document.append_child(pugi::node_declaration);
  Set(declaration, "version", "1.0");
  Set(declaration, "encoding", "UTF-8");
  xml_node alto = s.document.append_child("alto");
  Set(alto, "xmlns", "http://www.loc.gov/standards/alto/ns-v4#");
  Set(alto, "xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
  Set(alto, "xsi:schemaLocation",
      "http://www.loc.gov/standards/alto/ns-v4# http://www.loc.gov/standards/alto/v4/alto-4-4.xsd");
  Set(alto, "SCHEMAVERSION", "4.4");
  s.description = alto.append_child("Description");
  SetText(s.description.append_child("MeasurementUnit"), "pixel");
  s.file_name = s.description.append_child("sourceImageInformation").append_child("fileName");
  xml_node processing = s.description.append_child("Processing");
  Set(processing, "ID", "processing");
  SetText(processing.append_child("processingStepDescription"), "text recognition");
  SetText(processing.append_child("processingSoftware").append_child("softwareName"), "glm-ocr");
  xml_node tags = alto.append_child("Tags");
  for (int i = 0; i < kRegionLabels; ++i) {
    const auto label = static_cast<RegionLabel>(i);
    xml_node tag = tags.append_child("LayoutTag");
    Set(tag, "ID", TagId(label));
    Set(tag, "LABEL", std::string(RegionLabelName(label)));
  }
  s.layout = alto.append_child("Layout");
}
AltoWriter::~AltoWriter() = default;
AltoWriter::AltoWriter(AltoWriter&&) noexcept = default;
AltoWriter& AltoWriter::operator=(AltoWriter&&) noexcept = default;

void AltoWriter::AddPage(const ReadPage& page) {
  State& s = *state_;
  const int p = ++s.pages;
  if (p == 1) SetText(s.file_name, XmlText(page.source));
  xml_node page_node = s.layout.append_child("Page");
  Set(page_node, "ID", fmt::format("page_{}", p));
  Set(page_node, "PHYSICAL_IMG_NR", page.page);
  Set(page_node, "WIDTH", page.width_px);
  Set(page_node, "HEIGHT", page.height_px);
  xml_node space = page_node.append_child("PrintSpace");
  SetAltoBox(space, {0, 0, page.width_px, page.height_px});
  for (size_t i = 0; i < page.regions.size(); ++i) {
    const ReadRegion& region = page.regions[i];
    const auto lines = PlaceLines(region);
    if (lines.empty() && !IsPicture(region)) continue;
    xml_node block = space.append_child(IsPicture(region) ? "Illustration" : "TextBlock");
    Set(block, "ID", fmt::format("block_{}_{}", p, i + 1));
    SetAltoBox(block, region.box_px);
    Set(block, "TAGREFS", TagId(region.label));
    SetAltoShape(block, region, lines);
    for (const PlacedLine& line : lines) {
      xml_node line_node = block.append_child("TextLine");
      SetAltoBox(line_node, line.box_px);
      Set(line_node, "BASELINE", AltoBaseline(line.place));
      for (const PlacedWord& word : line.words) {
        if (&word != &line.words.front()) {
          const Box& before = (&word - 1)->box_px;
          xml_node blank = line_node.append_child("SP");
          Set(blank, "HPOS", before.right());
          Set(blank, "VPOS", before.y);
          Set(blank, "WIDTH", std::max(0, word.box_px.x - before.right()));
        }
        xml_node string = line_node.append_child("String");
        SetAltoBox(string, word.box_px);
        Set(string, "CONTENT", word.text);
        Set(string, "WC", fmt::format("{:.2f}", word.confidence));
      }
    }
  }
}

std::string AltoWriter::Finish() { return Save(state_->document, pugi::format_indent); }

}  // namespace glmocr
