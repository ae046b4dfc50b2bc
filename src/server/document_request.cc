#include "server/document_request.h"

#include <algorithm>

#include "format/formats.h"
#include "layout/geometric.h"
#include "pdf/protocol.h"
#include "pipeline/page_ranges.h"
#include "pipeline/task.h"

namespace glmocr::server {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kNetworkLayout = "pp-doclayout-v3";
constexpr std::array<std::string_view, 5> kLayouts = {"auto", "geometric", kNetworkLayout, "lines",
                                                      "none"};
constexpr std::array<std::string_view, 4> kTasks = {"auto", "text", "table", "formula"};
constexpr size_t kMaxPageRanges = 4096;  // bytes

template <typename List>
bool Holds(const List& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

template <typename List>
std::string Names(const List& list) {
  std::string names;
  for (const auto& name : list) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

template <typename List>
void ReadChoice(Fields& fields, const char* name, const List& known, std::string* value) {
  fields.String(name, value);
  if (!Holds(known, *value)) fields.Fail(name, "must be one of " + Names(known));
}

void ReadFormats(Fields& fields, std::vector<std::string>* formats) {
  const ordered_json* given = fields.Any("formats");
  if (given == nullptr) return;
  std::vector<std::string> names;
  if (given->is_string()) {
    const auto& text = given->get_ref<const std::string&>();
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      names.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  } else if (given->is_array()) {
    for (const ordered_json& name : *given) {
      if (!name.is_string()) return fields.Fail("formats", "must be a list of names");
      names.push_back(name.get<std::string>());
    }
  } else {
    return fields.Fail("formats", "must be a comma-separated list, or an array of names");
  }
  formats->clear();
  for (const std::string& name : names) {
    const FormatInfo* known = FindFormat(name);
    if (known == nullptr) return fields.Fail("formats", "must be among " + Names(FormatNames()));
    if (!Holds(*formats, std::string(known->name))) formats->emplace_back(known->name);
  }
}

bool MayBeLanguage(const std::string& language) {
  return language.empty() || IsLanguageTag(language);
}

// Throws where a member has another type.
DocumentRequest FromJson(const json& json) {
  DocumentRequest request;
  request.pages = json.value("pages", request.pages);
  request.text_layer = json.value("text_layer", request.text_layer);
  request.layout = json.value("layout", request.layout);
  request.task = json.value("task", request.task);
  request.formats = json.value("formats", request.formats);
  request.password = json.value("password", request.password);
  request.dpi = json.value("dpi", request.dpi);
  request.language = json.value("language", request.language);
  request.pdfa = json.value("pdfa", request.pdfa);
  request.deskew = json.value("deskew", request.deskew);
  request.clean = json.value("clean", request.clean);
  return request;
}

}  // namespace

std::vector<std::string> SupportedLayouts(const Service& service) {
  std::vector<std::string> layouts = {"auto", "geometric", "lines", "none"};
  if (service.layout->name() == kNetworkLayout) layouts.emplace_back(kNetworkLayout);
  return layouts;
}

// A model that reads single lines was trained on text alone: tables come from its lines and the
// layout's grid, formulas not at all.
std::vector<std::string> SupportedTasks(const Service& service) {
  if (service.recognizer.reads_lines()) return {"auto", "text"};
  return {kTasks.begin(), kTasks.end()};
}

void ReadDocumentFields(const Service& service, Fields& fields, DocumentRequest* request) {
  fields.String("pages", &request->pages);
  if (request->pages.size() > kMaxPageRanges) {
    fields.Fail("pages", "is too long");
  } else if (const auto ranges = PageRanges::Parse(request->pages); !ranges.ok()) {
    fields.Fail("pages", "is not a list of pages: " + ranges.error().message);
  }
  ReadChoice(fields, "text_layer", kTextLayerNames, &request->text_layer);
  ReadChoice(fields, "layout", kLayouts, &request->layout);
  if (!fields.error() && !Holds(SupportedLayouts(service), request->layout)) {
    fields.Fail("layout",
                "cannot be " + request->layout +
                    ": this server was started without that model's weights (--layout-model)");
  }
  ReadChoice(fields, "task", kTasks, &request->task);
  if (!fields.error() && !Holds(SupportedTasks(service), request->task)) {
    fields.Fail("task", "cannot be " + request->task +
                            ": this server's model reads lines of text only; GET /capabilities "
                            "says what it can");
  }
  ReadFormats(fields, &request->formats);
  fields.String("password", &request->password);
  if (request->password.size() > pdf::kMaxPasswordBytes) fields.Fail("password", "is too long");
  fields.Number("dpi", &request->dpi, 18, 600);
  fields.String("language", &request->language);
  if (!MayBeLanguage(request->language))
    fields.Fail("language", "must be a language tag such as de or en-GB");
  fields.Bool("pdfa", &request->pdfa);
  fields.Bool("deskew", &request->deskew);
  fields.Bool("clean", &request->clean);
}

ordered_json ToJson(const DocumentRequest& request) {
  return {{"pages", request.pages},     {"text_layer", request.text_layer},
          {"layout", request.layout},   {"task", request.task},
          {"formats", request.formats}, {"password", request.password},
          {"dpi", request.dpi},         {"language", request.language},
          {"pdfa", request.pdfa},       {"deskew", request.deskew},
          {"clean", request.clean}};
}

std::optional<DocumentRequest> StoredDocumentRequest(std::string_view text) {
  const json stored = json::parse(text, nullptr, false);
  if (!stored.is_object()) return std::nullopt;
  try {
    DocumentRequest request = FromJson(stored);
    const bool known = Holds(kTextLayerNames, request.text_layer) &&
                       Holds(kLayouts, request.layout) && Holds(kTasks, request.task) &&
                       request.dpi >= 18 && request.dpi <= 600 &&
                       request.password.size() <= pdf::kMaxPasswordBytes &&
                       PageRanges::Parse(request.pages).ok() && MayBeLanguage(request.language);
    if (known) return request;
  } catch (const json::exception&) {  // a member of another type
  }
  return std::nullopt;
}

DocumentRequest DocumentRequestOf(std::string_view stored) {
  return StoredDocumentRequest(stored).value_or(DocumentRequest());
}

PageReaderOptions ReaderOptionsOf(const Service& service, const DocumentRequest& request) {
  PageReaderOptions options;
  options.layout = request.layout == "none"    ? Layout::kNone
                   : request.layout == "lines" ? Layout::kLines
                                               : Layout::kRegions;
  options.layout_engine = service.layout;
  if (request.layout == "geometric" && service.layout->name() != "geometric")
    options.layout_engine = MakeGeometricLayout();
  options.instruction = std::string(InstructionOfTask(request.task));
  options.text_layer = TextLayerModeFromName(request.text_layer);
  options.keep_tokens =
      std::any_of(request.formats.begin(), request.formats.end(), [](const std::string& name) {
        const FormatInfo* format = FindFormat(name);
        return format != nullptr && format->needs_tokens;
      });
  return options;
}

InputOptions InputOptionsOf(const Service& service, const DocumentRequest& request,
                            const std::string& owner) {
  InputOptions options = service.media.Options(owner);
  options.pdf.password = request.password;
  options.pdf.dpi = request.dpi;
  options.pdf.read_text = TextLayerModeFromName(request.text_layer) != TextLayerMode::kOff;
  return options;
}

PdfChoices PdfChoicesOf(const DocumentRequest& request) {
  return {.language = request.language,
          .pdfa = request.pdfa,
          .replace_hidden_text = ReplacesHiddenText(request.text_layer),
          .deskew = request.deskew,
          .clean = request.clean};
}

}  // namespace glmocr::server
