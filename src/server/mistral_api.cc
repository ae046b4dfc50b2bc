#include "server/mistral_api.h"

#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "format/document_json.h"
#include "format/document_writer.h"
#include "server/document_call.h"
#include "server/model_names.h"
#include "server/page_format.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

constexpr int kDpi = 200;  // PdfOptions::dpi

// Kinds of blocks of the API, by our labels.
std::string_view BlockType(RegionLabel label) {
  switch (label) {
    case RegionLabel::kDocTitle:
    case RegionLabel::kParagraphTitle:
      return "title";
    case RegionLabel::kTable:
      return "table";
    case RegionLabel::kDisplayFormula:
    case RegionLabel::kInlineFormula:
    case RegionLabel::kFormulaNumber:
      return "equation";
    case RegionLabel::kFigureTitle:
      return "caption";
    case RegionLabel::kHeader:
    case RegionLabel::kHeaderImage:
      return "header";
    case RegionLabel::kFooter:
    case RegionLabel::kFooterImage:
    case RegionLabel::kFootnote:
    case RegionLabel::kNumber:
      return "footer";
    case RegionLabel::kReference:
    case RegionLabel::kReferenceContent:
      return "references";
    case RegionLabel::kAsideText:
      return "aside_text";
    case RegionLabel::kAlgorithm:
      return "code";
    case RegionLabel::kImage:
    case RegionLabel::kChart:
      return "image";
    default:
      return "text";
  }
}

void AddBox(const Box& box, ordered_json* out) {
  (*out)["top_left_x"] = box.x;
  (*out)["top_left_y"] = box.y;
  (*out)["bottom_right_x"] = box.right();
  (*out)["bottom_right_y"] = box.bottom();
}

struct OcrAnswer {
  std::string model;
  bool image_bytes = false, blocks = false, header = false, footer = false, confidence = false;
  int64_t image_limit = INT64_MAX, image_min_size = 0;
  size_t document_bytes = 0;
  size_t n_images = 0;
  ordered_json pages = ordered_json::array();

  Status Add(const ReadPage& page) {
    int64_t shown = static_cast<int64_t>(n_images);
    const auto id_of = [](size_t image) { return "img-" + std::to_string(image) + ".jpeg"; };
    const FormattedPage formatted =
        FormatPage(page, {.number = pages.size(),
                          .first_image = n_images,
                          .picture =
                              [&](size_t image, const ReadRegion&) {
                                return "![" + id_of(image) + "](" + id_of(image) + ")";
                              },
                          .shows =
                              [&](const ReadRegion& region) {
                                const bool large = region.box_px.width >= image_min_size &&
                                                   region.box_px.height >= image_min_size;
                                return large && shown++ < image_limit;
                              }});
    ordered_json images = ordered_json::array();
    for (const size_t index : formatted.pictures) {
      const ReadRegion& region = page.regions[index];
      ordered_json image = {{"id", id_of(n_images++)}};
      AddBox(region.box_px, &image);
      image["image_base64"] = nullptr;
      if (image_bytes) {
        GLM_ASSIGN(const std::string jpeg, RegionJpeg(page, region));
        image["image_base64"] = "data:image/jpeg;base64," + EncodeBase64(jpeg);
      }
      images.push_back(std::move(image));
    }
    ordered_json out = {
        {"index", page.page - 1},
        {"markdown", formatted.markdown},
        {"images", images},
        {"dimensions", {{"dpi", kDpi}, {"height", page.height_px}, {"width", page.width_px}}},
        {"tables", ordered_json::array()},
        {"hyperlinks", ordered_json::array()}};
    if (page.error) out["dimensions"] = nullptr;
    if (header) out["header"] = TextOf(page, "header");
    if (footer) out["footer"] = TextOf(page, "footer");
    if (blocks) out["blocks"] = BlocksJson(page, formatted, images);
    if (confidence) {
      float lowest = 1;
      for (const ReadRegion& region : page.regions) {
        if (region.usage.completion_tokens > 0) lowest = std::min(lowest, region.confidence);
      }
      const double mean = PageConfidence(page);
      out["confidence_scores"] = {{"average_page_confidence_score", mean},
                                  {"minimum_page_confidence_score", mean > 0 ? lowest : 0.0F}};
    }
    pages.push_back(std::move(out));
    return OkStatus();
  }

  static ordered_json TextOf(const ReadPage& page, std::string_view type) {
    std::string text;
    for (const ReadRegion& region : page.regions) {
      if (BlockType(region.label) != type || region.text.empty()) continue;
      text += (text.empty() ? "" : "\n") + region.text;
    }
    return text.empty() ? ordered_json() : ordered_json(text);
  }

  static ordered_json BlocksJson(const ReadPage& page, const FormattedPage& formatted,
                                 const ordered_json& images) {
    ordered_json out = ordered_json::array();
    for (size_t i = 0; i < page.regions.size(); ++i) {
      const ReadRegion& region = page.regions[i];
      ordered_json block = {{"type", BlockType(region.label)}};
      AddBox(region.box_px, &block);
      block["content"] = region.text;
      if (block["type"] == "image") {
        const auto shown = std::find(formatted.pictures.begin(), formatted.pictures.end(), i);
        if (shown == formatted.pictures.end()) continue;
        block["image_id"] = images[static_cast<size_t>(shown - formatted.pictures.begin())]["id"];
      }
      out.push_back(std::move(block));
    }
    return out;
  }
};

// "0-5,8" (or the list [0, 8]), from 0, as our page ranges, from 1.
std::optional<std::string> PagesFromZero(const ordered_json& pages) {
  std::string out;
  const auto add = [&](std::string_view text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0 ||
        number >= INT32_MAX)
      return false;
    out += std::to_string(number + 1);
    return true;
  };
  if (pages.is_array()) {
    for (const ordered_json& page : pages) {
      if (!out.empty()) out += ',';
      if (!page.is_number_integer() || !add(page.dump())) return std::nullopt;
    }
    return out;
  }
  if (!pages.is_string()) return std::nullopt;
  const auto& text = pages.get_ref<const std::string&>();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    std::string_view part = std::string_view(text).substr(begin, end - begin);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!out.empty()) out += ',';
    const size_t dash = part.find('-');
    if (!add(part.substr(0, dash))) return std::nullopt;
    if (dash != std::string_view::npos) {
      out += '-';
      if (!add(part.substr(dash + 1))) return std::nullopt;
    }
    begin = end + 1;
  }
  return out;
}

// document: {"type": "document_url", "document_url"} or {"type": "image_url", "image_url"}.
std::optional<ApiError> ReadDocument(const ordered_json& document, DocumentReference* out) {
  Fields fields(document, "document");
  std::string type;
  fields.String("type", &type);
  if (type.empty()) type = document.contains("image_url") ? "image_url" : "document_url";
  if (type == "file") {
    fields.Fail("type",
                "cannot be file: this server keeps no files of that API; send the document "
                "as a data: URI in document_url");
  } else if (type == "document_url") {
    fields.String("document_url", &out->reference);
  } else if (type == "image_url") {
    const ordered_json* url = fields.Any("image_url");
    if (url != nullptr && url->is_object()) {
      Fields inner(*url, "document.image_url");
      inner.String("url", &out->reference);
      if (inner.error()) return inner.error();
    } else {
      fields.String("image_url", &out->reference);
    }
  } else {
    fields.Fail("type", "must be document_url or image_url");
  }
  out->field = "document." + type;
  if (out->reference.empty()) fields.Fail(type, "is missing: send the document as a data: URI");
  return fields.error();
}

std::optional<ApiError> Ocr(Service& service, DocumentThreads& threads, const JsonCall& call) {
  auto answer = std::make_shared<OcrAnswer>();
  answer->model = service.config.served_model_name;
  Fields fields(call.body, "");
  DocumentCall documents;
  fields.String("model", &answer->model);
  fields.Ignore({"id"});
  fields.Bool("include_image_base64", &answer->image_bytes);
  fields.Bool("include_blocks", &answer->blocks);
  fields.Bool("extract_header", &answer->header);
  fields.Bool("extract_footer", &answer->footer);
  fields.Integer("image_limit", &answer->image_limit, 0, INT32_MAX);
  fields.Integer("image_min_size", &answer->image_min_size, 0, INT32_MAX);
  if (const ordered_json* pages = fields.Any("pages")) {
    const auto ranges = PagesFromZero(*pages);
    if (!ranges) fields.Fail("pages", "must be page numbers from 0, as a list or as \"0-2,5\"");
    documents.request.pages = ranges.value_or("");
  }
  for (const char* name :
       {"bbox_annotation_format", "document_annotation_format", "document_annotation_prompt"}) {
    if (fields.Any(name) != nullptr)
      fields.Fail(name, "cannot be honoured: this server makes no annotations of documents");
  }
  if (fields.Any("table_format") != nullptr)
    fields.Fail("table_format", "must be left out: tables are in the Markdown, as HTML");
  std::string granularity;
  fields.String("confidence_scores_granularity", &granularity);
  if (!granularity.empty() && granularity != "page")
    fields.Fail("confidence_scores_granularity", "must be \"page\" or left out");
  answer->confidence = !granularity.empty();
  const ordered_json* document = fields.Object("document");
  if (document == nullptr) fields.Fail("document", "is missing");
  if (fields.error()) return fields.error();
  if (auto error = CheckModel(service.config, answer->model)) return error;
  DocumentReference reference;
  if (auto error = ReadDocument(*document, &reference)) return error;
  LogUnknown(service, *call.request, fields.Unknown());
  // Of the base64 text, without decoding it twice.
  const size_t comma = reference.reference.find(',');
  if (comma != std::string::npos) {
    std::string_view text = std::string_view(reference.reference).substr(comma + 1);
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    answer->document_bytes = text.size() * 3 / 4;
  }
  documents.documents.push_back(std::move(reference));
  documents.keep_image = true;
  documents.on_page = [answer](size_t, const ReadPage& page) { return answer->Add(page); };
  documents.on_done = [answer, responder = call.responder](int) {
    const size_t n_pages = answer->pages.size();
    responder->Send(
        {.body =
             Dump({{"pages", std::move(answer->pages)},
                   {"model", answer->model},
                   {"document_annotation", nullptr},
                   {"usage_info",
                    {{"pages_processed", n_pages}, {"doc_size_bytes", answer->document_bytes}}}})});
  };
  ReadDocuments(service, threads, call, ErrorShape::kOpenAi, std::move(documents));
  return std::nullopt;
}

}  // namespace

void AddMistralRoutes(Router& router, Service& service, DocumentThreads& threads) {
  router.Add({.method = "POST",
              .pattern = "/v1/ocr",
              .handler = JsonHandler(service, ErrorShape::kOpenAi,
                                     [&service, &threads](const JsonCall& call) {
                                       return Ocr(service, threads, call);
                                     }),
              .body = BodyKind::kJson,
              .max_body_bytes = service.config.max_body_bytes});
}

}  // namespace glmocr::server
