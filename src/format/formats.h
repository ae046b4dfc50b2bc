// The formats that a document is written in, one row each. The command line, the server and its
// OpenAPI description take their names, content types and file endings from here; what a format
// writes is in document_writer.cc.
//
// A new format is an enumerator, a row of the table and its branch in DocumentWriter; the enums of
// src/server/openapi.json are checked against the table by a test.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace glmocr {

enum class DocumentFormat {
  kMarkdown,
  kSdkJson,
  kJson,
  kText,
  kHtml,
  kHocr,
  kAlto,
  kPdf,
  kJsonLines,
  kVisualize,  // pictures of the pages beside the others, not a format that is asked for by name
};
inline constexpr int kDocumentFormats = 10;

struct FormatInfo {
  DocumentFormat format = DocumentFormat::kMarkdown;
  std::string_view name;       // as users type it: "md"
  std::string_view alias;      // another spelling that is taken: "markdown"; may be empty
  std::string_view ending;     // of its file: ".md"; empty for kVisualize
  std::string_view mime_type;  // of its file
  std::string_view note;       // for --help; may be empty
  bool needs_picture = false;  // DocumentWriter::AddPage needs ReadPage::image
  bool needs_tokens = false;   // it shows ReadRegion::tokens
};

// In the order of the enumerators.
std::span<const FormatInfo, kDocumentFormats> FormatTable();
const FormatInfo& InfoOf(DocumentFormat format);
// By name or alias; null when there is none. kVisualize has no name here.
const FormatInfo* FindFormat(std::string_view name);
// Names of all that can be asked for by name: "md", "sdk-json", ...
const std::vector<std::string>& FormatNames();
// "text, md, pdf (searchable), ..." for help.
std::string FormatHelp();
// The ending of a format's file after its stem: ".md", or "_document.json" for kJson beside the
// SDK's, which has ".json".
std::string_view FormatEnding(DocumentFormat format, bool with_sdk_json);

}  // namespace glmocr
