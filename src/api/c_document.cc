// The C interface over the C++ one: documents.
#include <string_view>
#include <vector>

#include "api/c_internal.h"

namespace api = glmocr::v1;
using namespace glmocr_c;  // NOLINT(google-build-using-namespace): of this library's C interface

struct glmocr_document {
  api::Document document;
  std::vector<api::Warning> warnings;  // as the last call left them
};

namespace {

static_assert(static_cast<int>(api::TextLayer::kReplace) == GLMOCR_TEXT_LAYER_REPLACE);

glmocr_document_options DocumentDefaults() {
  const api::DocumentOptions d;
  glmocr_document_options o{};
  o.struct_size = sizeof(o);
  o.dpi = d.dpi;
  o.page_timeout_s = d.page_timeout_s;
  o.task = static_cast<int32_t>(d.task);
  SetGeneration(d.generation, &o);
  return o;
}

glmocr_write_options WriteDefaults() { return {.struct_size = sizeof(glmocr_write_options)}; }

std::optional<api::Error> Translate(const glmocr_document_options* given,
                                    api::DocumentOptions* out) {
  glmocr_document_options o;
  if (auto error = TakeOptions(given, DocumentDefaults(), "glmocr_document_options", &o))
    return error;
  out->pages = Text(o.pages);
  out->password = Text(o.password);
  out->dpi = o.dpi;
  out->page_timeout_s = o.page_timeout_s;
  out->text_layer = static_cast<api::TextLayer>(o.text_layer);
  out->layout = static_cast<api::Layout>(o.layout);
  out->task = static_cast<api::Task>(o.task);
  out->prompt = Text(o.prompt);
  if (auto error = TakeGeneration(o, &out->generation)) return error;
  if (auto error = glmocr_c::Translate(o.image, &out->image)) return error;
  if (o.canceller != nullptr) out->stop = o.canceller->source.get_token();
  if (o.on_progress != nullptr) {
    out->on_progress = [call = o.on_progress, user = o.user](const api::DocumentProgress& p) {
      const glmocr_progress view = {.struct_size = sizeof(view),
                                    .pages = p.pages,
                                    .pages_done = p.pages_done,
                                    .regions_done = p.regions_done};
      call(user, &view);
    };
  }
  return std::nullopt;
}

std::optional<api::Error> Translate(const glmocr_write_options* given, api::WriteOptions* out) {
  glmocr_write_options o;
  if (auto error = TakeOptions(given, WriteDefaults(), "glmocr_write_options", &o)) return error;
  for (const int32_t flag :
       {o.strict, o.pipe_tables, o.page_furniture, o.pdfa, o.pdf_deskew, o.pdf_clean}) {
    if (!IsFlag(flag)) return Invalid("the flags of glmocr_write_options must be 0 or 1");
  }
  out->strict = o.strict != 0;
  out->pipe_tables = o.pipe_tables != 0;
  out->page_furniture = o.page_furniture != 0;
  out->pdfa = o.pdfa != 0;
  out->pdf_deskew = o.pdf_deskew != 0;
  out->pdf_clean = o.pdf_clean != 0;
  out->pdf_language = Text(o.pdf_language);
  if (o.on_page != nullptr) {
    out->on_page = [call = o.on_page, user = o.user](const api::Page& page) {
      const glmocr_page view{page};
      call(user, &view);
    };
  }
  return std::nullopt;
}

std::optional<api::Error> Give(api::Result<api::Document> opened, glmocr_document** out) {
  if (!opened.ok()) return opened.error();
  *out = new glmocr_document{*std::move(opened), {}};
  return std::nullopt;
}

std::optional<api::Error> Report(glmocr_document* document, const api::Result<api::WriteResult>& r,
                                 glmocr_write_result* result) {
  document->warnings = document->document.warnings();
  if (!r.ok()) return r.error();
  const glmocr_write_result filled = {
      .struct_size = sizeof(filled), .pages = r->pages, .pages_failed = r->pages_failed};
  if (result != nullptr && FillOut(filled, result) != GLMOCR_OK)
    return Invalid("glmocr_write_result.struct_size is not set");
  return std::nullopt;
}

// "md,json".
std::vector<std::string> Split(std::string_view names) {
  std::vector<std::string> parts;
  while (!names.empty()) {
    const size_t comma = std::min(names.find(','), names.size());
    parts.emplace_back(names.substr(0, comma));
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return parts;
}

}  // namespace

extern "C" {

void glmocr_document_options_init(glmocr_document_options* options, size_t struct_size) {
  InitOptions(options, struct_size, DocumentDefaults());
}
void glmocr_write_options_init(glmocr_write_options* options, size_t struct_size) {
  InitOptions(options, struct_size, WriteDefaults());
}

glmocr_status glmocr_document_open(const glmocr_model* model, const char* path,
                                   const glmocr_document_options* options, glmocr_document** out,
                                   glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out) || model == nullptr || path == nullptr)
      return Invalid("model, path and out must not be NULL");
    api::DocumentOptions o;
    if (auto failure = Translate(options, &o)) return failure;
    return Give(model->model.OpenDocument(path, o), out);
  });
}

glmocr_status glmocr_document_open_bytes(const glmocr_model* model, const void* bytes,
                                         size_t n_bytes, const char* name,
                                         const glmocr_document_options* options,
                                         glmocr_document** out, glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out) || model == nullptr || bytes == nullptr || name == nullptr)
      return Invalid("model, bytes, name and out must not be NULL");
    api::DocumentOptions o;
    if (auto failure = Translate(options, &o)) return failure;
    return Give(model->model.OpenDocument({static_cast<const std::byte*>(bytes), n_bytes}, name, o),
                out);
  });
}

int32_t glmocr_document_page_count(const glmocr_document* document) {
  return document == nullptr ? 0 : document->document.page_count();
}
int32_t glmocr_document_selected_count(const glmocr_document* document) {
  return document == nullptr ? 0 : document->document.selected_count();
}

glmocr_status glmocr_document_next_page(glmocr_document* document, glmocr_page** out,
                                        glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out) || document == nullptr) return Invalid("document and out must not be NULL");
    api::Result<std::optional<api::Page>> page = document->document.NextPage();
    document->warnings = document->document.warnings();
    if (!page.ok()) return page.error();
    if (*page) *out = new glmocr_page{*std::move(*page)};
    return std::nullopt;
  });
}

size_t glmocr_document_warning_count(const glmocr_document* document) {
  return document == nullptr ? 0 : document->warnings.size();
}
glmocr_status glmocr_document_warning(const glmocr_document* document, size_t warning,
                                      glmocr_warning* out) {
  if (document == nullptr || out == nullptr || warning >= document->warnings.size())
    return GLMOCR_INVALID_ARGUMENT;
  return FillOut(View(document->warnings[warning]), out);
}

void glmocr_document_cancel(const glmocr_document* document) {
  if (document != nullptr) document->document.Cancel();
}
void glmocr_document_free(glmocr_document* document) { delete document; }

const char* glmocr_format_name(size_t index) {
  // Of the library's table: valid for ever.
  static const std::vector<api::OutputFormat> formats = api::OutputFormats();
  return index < formats.size() ? formats[index].name.c_str() : nullptr;
}

glmocr_status glmocr_document_write(glmocr_document* document, const char* format, const char* path,
                                    const glmocr_write_options* options,
                                    glmocr_write_result* result, glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (document == nullptr || format == nullptr || path == nullptr)
      return Invalid("document, format and path must not be NULL");
    api::WriteOptions o;
    if (auto failure = Translate(options, &o)) return failure;
    return Report(document, document->document.Write(format, std::filesystem::path(path), o),
                  result);
  });
}

glmocr_status glmocr_document_write_to(glmocr_document* document, const char* format,
                                       glmocr_sink sink, void* user,
                                       const glmocr_write_options* options,
                                       glmocr_write_result* result, glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (document == nullptr || format == nullptr || sink == nullptr)
      return Invalid("document, format and sink must not be NULL");
    api::WriteOptions o;
    if (auto failure = Translate(options, &o)) return failure;
    const api::Document::Sink take = [&](std::string_view bytes) {
      return sink(user, bytes.data(), bytes.size()) != 0;
    };
    return Report(document, document->document.Write(format, take, o), result);
  });
}

glmocr_status glmocr_document_write_folder(glmocr_document* document, const char* formats,
                                           const char* folder, const glmocr_write_options* options,
                                           glmocr_write_result* result, glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (document == nullptr || formats == nullptr || folder == nullptr)
      return Invalid("document, formats and folder must not be NULL");
    api::WriteOptions o;
    if (auto failure = Translate(options, &o)) return failure;
    return Report(document, document->document.WriteFolder(Split(formats), folder, o), result);
  });
}

}  // extern "C"
