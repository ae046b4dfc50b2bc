#include "format/html.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/ascii.h"
#include "base/base64.h"
#include "format/tables.h"
#include "format/text_geometry.h"

namespace glmocr {
namespace {

bool DropPrefix(std::string_view& s, std::string_view prefix) {
  if (!s.starts_with(prefix)) return false;
  s.remove_prefix(prefix.size());
  return true;
}

// The TeX of a formula without the marks that models put around it.
std::string_view Tex(std::string_view s) {
  s = TrimAscii(s);
  for (const auto& [open, close] : {std::pair<std::string_view, std::string_view>{"$$", "$$"},
                                    {"\\[", "\\]"},
                                    {"\\(", "\\)"}}) {
    if (s.size() >= 4 && s.starts_with(open) && s.ends_with(close))
      return TrimAscii(s.substr(2, s.size() - 4));
  }
  return s;
}

// Paragraphs: what blank lines divide.
std::vector<std::string_view> Paragraphs(std::string_view s) {
  std::vector<std::string_view> out;
  while (!s.empty()) {
    const size_t end = s.find("\n\n");
    const std::string_view part = TrimAscii(s.substr(0, end));
    if (!part.empty()) out.push_back(part);
    if (end == std::string_view::npos) break;
    s.remove_prefix(end + 2);
  }
  return out;
}

// Escaped, with line breaks kept.
std::string Inline(std::string_view text) {
  std::string out;
  for (const char c : EscapeHtml(text)) {
    if (c == '\n') out += "<br>";
    out += c;
  }
  return out;
}

class PageBody {
 public:
  std::string Take() {
    CloseList();
    return std::move(out_);
  }

  void Element(std::string_view tag, std::string_view inner, std::string_view attributes = "") {
    CloseList();
    out_ += '<';
    out_ += tag;
    out_ += attributes;
    out_ += '>';
    out_ += inner;
    out_ += "</";
    out_ += tag;
    out_ += ">\n";
  }

  void Raw(std::string_view markup) {
    CloseList();
    out_ += markup;
    out_ += '\n';
  }

  void Item(std::string_view inner) {
    if (!in_list_) out_ += "<ul>\n";
    in_list_ = true;
    out_ += "<li>";
    out_ += inner;
    out_ += "</li>\n";
  }

 private:
  void CloseList() {
    if (in_list_) out_ += "</ul>\n";
    in_list_ = false;
  }
  std::string out_;
  bool in_list_ = false;
};

void AddText(PageBody& body, std::string_view text) {
  for (std::string_view part : Paragraphs(text)) {
    const bool item = DropPrefix(part, "- ") || DropPrefix(part, "* ") || DropPrefix(part, "• ") ||
                      DropPrefix(part, "•") || DropPrefix(part, "· ");
    if (item) {
      body.Item(Inline(TrimAscii(part)));
    } else {
      body.Element("p", Inline(part));
    }
  }
}

void AddRegion(PageBody& body, const ReadRegion& region, const std::string& text,
               const std::string& picture) {
  if (!picture.empty()) {
    body.Raw("<figure><img alt=\"\" src=\"data:image/jpeg;base64," + EncodeBase64(picture) +
             "\"></figure>");
    return;
  }
  std::string_view s = TrimAscii(text);
  if (s.empty()) return;
  switch (region.label) {
    case RegionLabel::kDocTitle:
    case RegionLabel::kParagraphTitle: {
      const size_t marks = s.find_first_not_of('#');
      s = marks == std::string_view::npos ? s : TrimAscii(s.substr(marks));
      const int usual = region.label == RegionLabel::kDocTitle ? 1 : 2;
      const int level = region.heading_level > 0 ? std::clamp(region.heading_level, 1, 6) : usual;
      body.Element(fmt::format("h{}", level), Inline(s));
      return;
    }
    case RegionLabel::kTable: {
      const auto table = TableOf(region);
      if (table) {
        body.Raw(HtmlTable(*table));
      } else {
        body.Element("pre", EscapeHtml(s));
      }
      return;
    }
    case RegionLabel::kDisplayFormula:
    case RegionLabel::kInlineFormula:
      body.Element("div", "$$" + EscapeHtml(Tex(s)) + "$$", " class=\"math\"");
      return;
    case RegionLabel::kFigureTitle:
    case RegionLabel::kVisionFootnote:
      body.Element("p", Inline(s), " class=\"caption\"");
      return;
    case RegionLabel::kAlgorithm:
      // Its first line may be set in.
      body.Element("pre", EscapeHtml(text.substr(text.find_first_not_of("\r\n"))));
      return;
    default:
      AddText(body, s);
  }
}

}  // namespace

std::string HtmlPage(const ReadPage& page, std::span<const std::string> pictures,
                     const PageTextOptions& options) {
  PageBody body;
  for (size_t i = 0; i < page.regions.size(); ++i) {
    const ReadRegion& region = page.regions[i];
    if (!options.page_furniture && TaskOf(region.label) == RegionTask::kAbandon) continue;
    AddRegion(body, region, region.text, i < pictures.size() ? pictures[i] : "");
  }
  return "<section class=\"page\" id=\"page" + std::to_string(page.page) + "\">\n" +
         XmlText(body.Take()) + "</section>\n";
}

std::string HtmlDocument(const std::string& title, const std::string& sections) {
  return "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<title>" +
         EscapeHtml(XmlText(title)) +
         "</title>\n<style>\n"
         "body{max-width:48em;margin:2em auto;padding:0 1em;font-family:serif;line-height:1.5}\n"
         ".page+.page{border-top:1px solid #999;margin-top:2em;padding-top:1em}\n"
         "table{border-collapse:collapse}td,th{border:1px solid #999;padding:.2em .5em}\n"
         "img{max-width:100%}figure{margin:1em 0}.caption{font-size:.9em}\n"
         ".math{overflow-x:auto;margin:1em 0}pre{overflow-x:auto;white-space:pre-wrap}\n"
         "</style>\n</head>\n<body>\n" +
         sections + "</body>\n</html>\n";
}

}  // namespace glmocr
