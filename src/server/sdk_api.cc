#include "server/sdk_api.h"

#include <ctime>

#include "base/base64.h"
#include "format/document_writer.h"
#include "format/visualize.h"
#include "media/encode.h"
#include "server/document_call.h"
#include "server/model_names.h"
#include "server/page_format.h"
#include "server/request_id.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

constexpr int kPictureQuality = 95;                 // as the SDK saves crops and visualizations
constexpr size_t kMinUserId = 6, kMaxUserId = 128;  // bytes, as the cloud's

std::string DataUri(std::string_view jpeg) {
  return "data:image/jpeg;base64," + EncodeBase64(jpeg);
}

// What has been read of one document.
struct Unit {
  ordered_json pages = ordered_json::array();
  std::string markdown;
  size_t n_images = 0;

  void Add(FormattedPage page) {
    if (!pages.empty()) markdown += PageSeparator(page.plain);
    markdown += page.markdown;
    n_images += page.pictures.size();
    pages.push_back(std::move(page.blocks));
  }
};

std::optional<ApiError> Parse(Service& service, DocumentThreads& threads, const JsonCall& call) {
  DocumentCall documents;
  std::vector<std::string> images;
  const auto found = call.body.find("images");
  const bool has_images = found != call.body.end() && !found->is_null();
  if (has_images && found->is_string()) {
    images.push_back(found->get<std::string>());
  } else if (has_images && found->is_array()) {
    for (const ordered_json& image : *found) {
      if (!image.is_string()) {
        return ApiError{.message = "'images' must be a list of strings.", .param = "images"};
      }
      images.push_back(image.get<std::string>());
    }
  } else if (has_images) {
    return ApiError{.message = "'images' must be a list of strings.", .param = "images"};
  }
  if (images.empty()) {
    std::string file;
    Fields fields(call.body, "");
    fields.String("file", &file);
    if (fields.error()) return fields.error();
    if (!file.empty()) images.push_back(std::move(file));
  }
  if (images.empty()) return ApiError{.message = "No images provided"};
  if (images.size() > static_cast<size_t>(service.config.max_images)) {
    return ApiError{.message = "'images' may hold at most " +
                               std::to_string(service.config.max_images) + " documents.",
                    .param = "images"};
  }
  for (size_t i = 0; i < images.size(); ++i)
    documents.documents.push_back({std::move(images[i]), "images[" + std::to_string(i) + "]"});
  documents.keep_image = true;  // the Markdown shows pictures
  auto units = std::make_shared<std::vector<Unit>>(images.size());
  documents.on_page = [units](size_t document, const ReadPage& page) {
    Unit& unit = (*units)[document];
    unit.Add(FormatPage(page, {.number = unit.pages.size(), .first_image = unit.n_images}));
    return OkStatus();
  };
  documents.on_done = [units, responder = call.responder](int) {
    ordered_json result;
    std::string markdown;
    for (Unit& unit : *units) {
      if (units->size() == 1) {
        result = std::move(unit.pages);
      } else {
        result.push_back(std::move(unit.pages));
      }
      if (&unit != units->data()) markdown += "\n\n---\n\n";
      markdown += unit.markdown;
    }
    responder->Send({.body = Dump({{"json_result", result},
                                   {"markdown_result", markdown},
                                   {"layout_details", result},
                                   {"md_results", markdown},
                                   {"data_info", {{"pages", ordered_json::array()}}},
                                   {"usage", ordered_json::object()},
                                   {"model", "glm-ocr"},
                                   {"id", "chatcmpl-" + NewRequestId().substr(0, 29)},
                                   {"created", static_cast<int64_t>(std::time(nullptr))}})});
  };
  ReadDocuments(service, threads, call, ErrorShape::kPlain, std::move(documents));
  return std::nullopt;
}

// The cloud's answer as it grows.
struct CloudAnswer {
  std::string id, request_id, model;
  bool crops = false, visualize = false;
  Unit unit;
  ordered_json page_sizes = ordered_json::array();
  ordered_json pictures = ordered_json::array();
  Usage usage;

  // "[x1, y1, x2, y2]" in pixels.
  static ordered_json BoxJson(const Box& box) { return {box.x, box.y, box.right(), box.bottom()}; }

  Status Add(const ReadPage& page) {
    const size_t number = unit.pages.size();
    FormattedPage formatted = FormatPage(
        page, {.number = number,
               .first_image = unit.n_images,
               .picture = [number](size_t, const ReadRegion& region) {
                 const Box& b = region.box_px;
                 return "![](page=" + std::to_string(number) + ",bbox=[" + std::to_string(b.x) +
                        ", " + std::to_string(b.y) + ", " + std::to_string(b.right()) + ", " +
                        std::to_string(b.bottom()) + "])";
               }});
    for (size_t i = 0; i < formatted.blocks.size(); ++i) {
      ordered_json& block = formatted.blocks[i];
      block.erase("image_path");
      if (i < formatted.block_regions.size()) {
        const ReadRegion& region = page.regions[formatted.block_regions[i]];
        block["bbox_2d"] = BoxJson(region.box_px);
        block["polygon"] = ordered_json::array();
        if (region.polygon_px.empty()) {
          const Box& b = region.box_px;
          block["polygon"] = {
              {b.x, b.y}, {b.right(), b.y}, {b.right(), b.bottom()}, {b.x, b.bottom()}};
        }
        for (const Point& p : region.polygon_px) block["polygon"].push_back({p.x, p.y});
        if (crops && block["label"] == "image" && page.image) {
          GLM_ASSIGN(const std::string jpeg, RegionJpeg(page, region));
          if (!jpeg.empty()) block["image_url"] = DataUri(jpeg);
        }
      }
      // The cloud's blocks of pictures hold an empty text.
      if (block["content"].is_null()) block["content"] = "";
      block["width"] = page.width_px;
      block["height"] = page.height_px;
    }
    unit.Add(std::move(formatted));
    page_sizes.push_back({{"width", page.width_px}, {"height", page.height_px}});
    if (visualize && page.image && !page.image->empty()) {
      GLM_ASSIGN(const Image drawn, DrawRegions(page));
      GLM_ASSIGN(const std::string jpeg, EncodeJpeg(drawn, kPictureQuality));
      pictures.push_back(DataUri(jpeg));
    }
    for (const ReadRegion& region : page.regions) {
      usage.prompt_tokens += region.usage.prompt_tokens;
      usage.cached_prompt_tokens += region.usage.cached_prompt_tokens;
      usage.completion_tokens += region.usage.completion_tokens;
    }
    return OkStatus();
  }

  std::string Body() {
    ordered_json out = {{"id", id},
                        {"created", static_cast<int64_t>(std::time(nullptr))},
                        {"model", model},
                        {"md_results", unit.markdown},
                        {"layout_details", std::move(unit.pages)}};
    if (visualize) out["layout_visualization"] = std::move(pictures);
    const size_t n_pages = page_sizes.size();
    out["data_info"] = {{"num_pages", n_pages}, {"pages", std::move(page_sizes)}};
    out["usage"] = {{"prompt_tokens", usage.prompt_tokens},
                    {"completion_tokens", usage.completion_tokens},
                    {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
                    {"prompt_tokens_details", {{"cached_tokens", usage.cached_prompt_tokens}}}};
    out["request_id"] = request_id;
    return Dump(out);
  }
};

std::optional<ApiError> LayoutParsing(Service& service, DocumentThreads& threads,
                                      const JsonCall& call) {
  auto answer = std::make_shared<CloudAnswer>();
  answer->id = call.request->id;
  answer->request_id = call.request->id;
  answer->model = service.config.served_model_name;
  std::string file, user_id;
  int64_t first = 1, last = 0;
  Fields fields(call.body, "");
  fields.String("model", &answer->model);
  fields.String("file", &file);
  fields.Bool("return_crop_images", &answer->crops);
  fields.Bool("need_layout_visualization", &answer->visualize);
  fields.Integer("start_page_id", &first, 1, INT32_MAX);
  fields.Integer("end_page_id", &last, 1, INT32_MAX);
  fields.String("request_id", &answer->request_id);
  fields.String("user_id", &user_id);
  if (file.empty()) fields.Fail("file", "is missing: send the document as a data: URI");
  if (last != 0 && last < first) fields.Fail("end_page_id", "must not be before start_page_id");
  if (!user_id.empty() && (user_id.size() < kMinUserId || user_id.size() > kMaxUserId))
    fields.Fail("user_id", "must have 6 to 128 characters");
  if (fields.error()) return fields.error();
  if (auto error = CheckModel(service.config, answer->model)) return error;
  LogUnknown(service, *call.request, fields.Unknown());
  DocumentCall documents;
  documents.documents.push_back({std::move(file), "file"});
  documents.keep_image = true;
  if (first != 1 || last != 0) {
    documents.request.pages =
        std::to_string(first) + "-" + (last != 0 ? std::to_string(last) : std::string());
  }
  documents.on_page = [answer](size_t, const ReadPage& page) { return answer->Add(page); };
  documents.on_done = [answer, responder = call.responder](int) {
    responder->Send({.body = answer->Body()});
  };
  ReadDocuments(service, threads, call, ErrorShape::kMaas, std::move(documents));
  return std::nullopt;
}

}  // namespace

void AddSdkRoutes(Router& router, Service& service, DocumentThreads& threads) {
  const size_t max_body_bytes = service.config.max_body_bytes;
  const HttpHandler parse = JsonHandler(
      service, ErrorShape::kPlain,
      [&service, &threads](const JsonCall& call) { return Parse(service, threads, call); });
  router.Add({.method = "POST",
              .pattern = "/glmocr/parse",
              // The SDK's server takes this one spelling only.
              .handler =
                  [parse](std::shared_ptr<const HttpRequest> request,
                          std::shared_ptr<Responder> responder) {
                    if (request->Header("content-type") != "application/json") {
                      return responder->Send(ErrorResponse(
                          {.message = "Invalid Content-Type. Expected 'application/json'."},
                          ErrorShape::kPlain, *request));
                    }
                    parse(std::move(request), std::move(responder));
                  },
              .body = BodyKind::kAny,
              .max_body_bytes = max_body_bytes,
              .errors = ErrorShape::kPlain});
  router.Add({.method = "POST",
              .pattern = "/api/paas/v4/layout_parsing",
              .handler = JsonHandler(service, ErrorShape::kMaas,
                                     [&service, &threads](const JsonCall& call) {
                                       return LayoutParsing(service, threads, call);
                                     }),
              .body = BodyKind::kJson,
              .max_body_bytes = max_body_bytes,
              .errors = ErrorShape::kMaas});
}

}  // namespace glmocr::server
