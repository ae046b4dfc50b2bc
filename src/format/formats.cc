#include "format/formats.h"

#include <algorithm>
#include <array>

namespace glmocr {
namespace {

using enum DocumentFormat;

constexpr std::array<FormatInfo, kDocumentFormats> kTable = {{
    {.format = kMarkdown,
     .name = "md",
     .alias = "markdown",
     .ending = ".md",
     .mime_type = "text/markdown; charset=utf-8"},
    {.format = kSdkJson,
     .name = "sdk-json",
     .alias = "sdk_json",
     .ending = ".json",
     .mime_type = "application/json",
     .note = "as the official SDK"},
    {.format = kJson, .name = "json", .ending = ".json", .mime_type = "application/json"},
    {.format = kText,
     .name = "text",
     .alias = "txt",
     .ending = ".txt",
     .mime_type = "text/plain; charset=utf-8"},
    {.format = kHtml, .name = "html", .ending = ".html", .mime_type = "text/html; charset=utf-8"},
    {.format = kHocr, .name = "hocr", .ending = ".hocr", .mime_type = "text/html; charset=utf-8"},
    {.format = kAlto, .name = "alto", .ending = ".xml", .mime_type = "application/xml"},
    {.format = kPdf,
     .name = "pdf",
     .ending = ".pdf",
     .mime_type = "application/pdf",
     .note = "searchable",
     .needs_picture = true},
    {.format = kJsonLines,
     .name = "jsonl",
     .ending = ".jsonl",
     .mime_type = "application/x-ndjson",
     .note = "a page a line, with every token",
     .needs_tokens = true},
    {.format = kVisualize, .name = "visualize", .mime_type = "image/jpeg", .needs_picture = true},
}};

constexpr bool InOrder() {
  for (size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].format != static_cast<DocumentFormat>(i)) return false;
  }
  return true;
}
static_assert(InOrder(), "rows stand in the order of the enumerators");

}  // namespace

std::span<const FormatInfo, kDocumentFormats> FormatTable() { return kTable; }

const FormatInfo& InfoOf(DocumentFormat format) { return kTable[static_cast<size_t>(format)]; }

const FormatInfo* FindFormat(std::string_view name) {
  const auto* const found = std::find_if(kTable.begin(), kTable.end(), [&](const FormatInfo& row) {
    return row.format != kVisualize && !name.empty() && (row.name == name || row.alias == name);
  });
  return found == kTable.end() ? nullptr : found;
}

const std::vector<std::string>& FormatNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const FormatInfo& row : kTable) {
      if (row.format != kVisualize) all.emplace_back(row.name);
    }
    return all;
  }();
  return names;
}

std::string FormatHelp() {
  std::string help;
  for (const FormatInfo& row : kTable) {
    if (row.format == kVisualize) continue;
    if (!help.empty()) help += ", ";
    help += row.name;
    if (!row.note.empty()) help += " (" + std::string(row.note) + ")";
  }
  return help;
}

std::string_view FormatEnding(DocumentFormat format, bool with_sdk_json) {
  return format == kJson && with_sdk_json ? "_document.json" : InfoOf(format).ending;
}

}  // namespace glmocr
