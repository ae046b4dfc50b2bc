// What a client may ask of a document, the same for every API: which pages, read how, written how.
// Include this only in .cc files.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/pdf_output.h"
#include "pipeline/page_reader.h"
#include "server/json_fields.h"
#include "server/service.h"

namespace glmocr::server {

struct DocumentRequest {
  std::string pages;                 // as `--pages`; empty: all
  std::string text_layer = "auto";   // of kTextLayerNames
  std::string layout = "auto";       // auto, geometric, pp-doclayout-v3, lines, none
  std::string task = "auto";         // auto, text, table, formula
  std::vector<std::string> formats;  // names of format/formats.h; none twice
  std::string password;
  double dpi = 200;
  // Of the searchable PDF.
  std::string language;  // BCP 47; empty: not said
  bool pdfa = false, deskew = false, clean = false;
};

// What this server can do.
std::vector<std::string> SupportedLayouts(const Service& service);
std::vector<std::string> SupportedTasks(const Service& service);

// Reads the members of these names; "formats" is a comma list or an array. What is malformed, or
// beyond this server, becomes the error of `fields`.
void ReadDocumentFields(const Service& service, Fields& fields, DocumentRequest* request);

nlohmann::ordered_json ToJson(const DocumentRequest& request);
// The inverse, of what the job database holds; members that are missing keep their defaults.
// Nothing for what this program cannot have written: another type, an unknown name.
std::optional<DocumentRequest> StoredDocumentRequest(std::string_view text);
// The same of a job that has been loaded, which is right.
DocumentRequest DocumentRequestOf(std::string_view stored);

// What such a request means for the reader of its pages, of its file, and for the searchable PDF.
PageReaderOptions ReaderOptionsOf(const Service& service, const DocumentRequest& request);
// `owner`: name of the sender's API key, or empty.
InputOptions InputOptionsOf(const Service& service, const DocumentRequest& request,
                            const std::string& owner);
PdfChoices PdfChoicesOf(const DocumentRequest& request);

}  // namespace glmocr::server
