// The C interface over the C++ one: pictures, models and the reading of pages.
#include <algorithm>
#include <cstring>

#include "api/c_internal.h"

namespace api = glmocr::v1;
using namespace glmocr_c;  // NOLINT(google-build-using-namespace): of this library's C interface

namespace glmocr_c {

// Fits std::string's own buffer: nothing is allocated.
glmocr_error& OutOfMemoryError() {
  static glmocr_error error{"out of memory"};
  return error;
}

glmocr_status Fail(const api::Error& e, glmocr_error** error) {
  if (error != nullptr) *error = new glmocr_error{e.message};
  return static_cast<glmocr_status>(e.code);
}

api::Error Invalid(std::string message) {
  return {api::ErrorCode::kInvalidArgument, std::move(message)};
}

std::optional<api::Error> CheckOptions(const void* given, size_t size, size_t known_size,
                                       const char* name) {
  if (size < kSmallestStruct) {
    return Invalid(std::string(name) + ".struct_size is " + std::to_string(size) +
                   "; initialise it with " + name + "_init");
  }
  const auto* bytes = static_cast<const unsigned char*>(given);
  if (size > known_size &&
      std::any_of(bytes + known_size, bytes + size, [](unsigned char b) { return b != 0; })) {
    return api::Error{
        api::ErrorCode::kUnsupported,
        std::string(name) + " sets options that this version of the library does not have"};
  }
  return std::nullopt;
}

glmocr_image_options ImageDefaults() {
  return {.struct_size = sizeof(glmocr_image_options),
          .max_pixels = api::ImageOptions{}.max_pixels};
}

std::optional<api::Error> Translate(const glmocr_image_options* given, api::ImageOptions* out) {
  glmocr_image_options o;
  if (auto error = TakeOptions(given, ImageDefaults(), "glmocr_image_options", &o)) return error;
  if (!IsFlag(o.drop_alpha) || !IsFlag(o.ignore_orientation) || !IsFlag(o.accept_truncated)) {
    return Invalid("drop_alpha, ignore_orientation and accept_truncated must be 0 or 1");
  }
  *out = {.page = o.page,
          .alpha = o.drop_alpha != 0 ? api::Alpha::kDrop : api::Alpha::kOnWhite,
          .orientation =
              o.ignore_orientation != 0 ? api::Orientation::kIgnore : api::Orientation::kApply,
          .truncated = o.accept_truncated != 0 ? api::Truncated::kAccept : api::Truncated::kReject,
          .max_pixels = o.max_pixels};
  return std::nullopt;
}

}  // namespace glmocr_c

namespace {

static_assert(static_cast<int>(api::ErrorCode::kInvalidArgument) == GLMOCR_INVALID_ARGUMENT);
static_assert(static_cast<int>(api::ErrorCode::kCancelled) == GLMOCR_CANCELLED);
static_assert(static_cast<int>(api::ErrorCode::kInternal) == GLMOCR_INTERNAL);
static_assert(static_cast<int>(api::FinishReason::kLoop) == GLMOCR_FINISH_LOOP);
static_assert(static_cast<int>(api::Layout::kGeometric) == GLMOCR_LAYOUT_GEOMETRIC);
static_assert(static_cast<int>(api::Task::kAuto) == GLMOCR_TASK_AUTO);
static_assert(static_cast<int>(api::Precision::kBf16) == GLMOCR_PRECISION_BF16);
static_assert(static_cast<int>(api::TextSource::kTextLayer) == GLMOCR_SOURCE_TEXT_LAYER);
static_assert(sizeof(api::Point) == sizeof(glmocr_point) &&
              std::is_standard_layout_v<api::Point>);  // a region's are shown as they are

glmocr_region View(const api::Region& r) {
  return {.struct_size = sizeof(glmocr_region),
          .text = r.text.c_str(),
          .text_bytes = r.text.size(),
          .x = r.box.x,
          .y = r.box.y,
          .width = r.box.width,
          .height = r.box.height,
          .column = r.column,
          .new_paragraph = r.new_paragraph ? 1 : 0,
          .finish = static_cast<int32_t>(r.finish),
          .confidence = r.confidence,
          .n_tokens = r.tokens.size(),
          .label = r.label.c_str(),
          .polygon =
              r.polygon.empty() ? nullptr : reinterpret_cast<const glmocr_point*>(r.polygon.data()),
          .n_polygon = r.polygon.size(),
          .source = static_cast<int32_t>(r.source)};
}

glmocr_load_options LoadDefaults() {
  const api::LoadOptions d;
  return {.struct_size = sizeof(glmocr_load_options),
          .kernels = nullptr,
          .precision = GLMOCR_PRECISION_AUTO,
          .threads = d.threads,
          .cache_tokens = d.cache_tokens,
          .max_batch = d.max_batch,
          .drafts = d.drafts};
}

glmocr_read_options ReadDefaults() {
  glmocr_read_options o{};
  o.struct_size = sizeof(o);
  SetGeneration({}, &o);
  return o;
}

std::optional<api::Error> Translate(const glmocr_read_options* given, api::ReadOptions* out) {
  glmocr_read_options o;
  if (auto error = TakeOptions(given, ReadDefaults(), "glmocr_read_options", &o)) return error;
  out->layout = static_cast<api::Layout>(o.layout);
  out->task = static_cast<api::Task>(o.task);
  out->prompt = Text(o.prompt);
  if (auto error = TakeGeneration(o, &out->generation)) return error;
  if (o.canceller != nullptr) out->stop = o.canceller->source.get_token();
  if (o.on_text != nullptr) {
    out->on_text = [o](size_t region, std::string_view text) {
      o.on_text(o.user, region, text.data(), text.size());
    };
  }
  if (o.on_region != nullptr) {
    out->on_region = [o](size_t index, const api::Region& region) {
      const glmocr_region view = View(region);
      o.on_region(o.user, index, &view);
    };
  }
  return std::nullopt;
}

}  // namespace

extern "C" {

int32_t glmocr_c_api_version(void) { return GLMOCR_C_API_VERSION; }
const char* glmocr_version(void) { return api::Version(); }

const char* glmocr_error_message(const glmocr_error* error) {
  return error == nullptr ? "" : error->message.c_str();
}
void glmocr_error_free(glmocr_error* error) {
  if (error != &OutOfMemoryError()) delete error;
}

const char* glmocr_status_name(glmocr_status status) {
  switch (status) {
    case GLMOCR_OK:
      return "ok";
    case GLMOCR_INVALID_ARGUMENT:
      return "invalid argument";
    case GLMOCR_NOT_FOUND:
      return "not found";
    case GLMOCR_CORRUPT:
      return "corrupt";
    case GLMOCR_UNSUPPORTED:
      return "unsupported";
    case GLMOCR_RESOURCE_EXHAUSTED:
      return "resource exhausted";
    case GLMOCR_CANCELLED:
      return "cancelled";
    case GLMOCR_IO:
      return "input/output error";
    case GLMOCR_INTERNAL:
      return "internal error";
  }
  return "unknown";
}

void glmocr_image_options_init(glmocr_image_options* options, size_t struct_size) {
  InitOptions(options, struct_size, ImageDefaults());
}
void glmocr_load_options_init(glmocr_load_options* options, size_t struct_size) {
  InitOptions(options, struct_size, LoadDefaults());
}
void glmocr_read_options_init(glmocr_read_options* options, size_t struct_size) {
  InitOptions(options, struct_size, ReadDefaults());
}

glmocr_status glmocr_image_from_file(const char* path, const glmocr_image_options* options,
                                     glmocr_image** out, glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out) || path == nullptr) return Invalid("path and out must not be NULL");
    api::ImageOptions o;
    if (auto failure = Translate(options, &o)) return failure;
    return Give(api::Image::FromFile(path, o), out);
  });
}

glmocr_status glmocr_image_from_bytes(const void* bytes, size_t n_bytes,
                                      const glmocr_image_options* options, glmocr_image** out,
                                      glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out) || bytes == nullptr) return Invalid("bytes and out must not be NULL");
    api::ImageOptions o;
    if (auto failure = Translate(options, &o)) return failure;
    return Give(api::Image::FromBytes({static_cast<const std::byte*>(bytes), n_bytes}, o), out);
  });
}

glmocr_status glmocr_image_from_rgb(const uint8_t* pixels, int32_t width_px, int32_t height_px,
                                    size_t stride_bytes, glmocr_image** out, glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out) || pixels == nullptr) return Invalid("pixels and out must not be NULL");
    return Give(api::Image::FromRgb(pixels, width_px, height_px, stride_bytes), out);
  });
}

glmocr_status glmocr_count_pages(const void* bytes, size_t n_bytes, int32_t* out,
                                 glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (bytes == nullptr || out == nullptr) return Invalid("bytes and out must not be NULL");
    *out = 0;
    const api::Result<int> pages =
        api::Image::CountPages({static_cast<const std::byte*>(bytes), n_bytes});
    if (!pages.ok()) return pages.error();
    *out = *pages;
    return std::nullopt;
  });
}

int32_t glmocr_image_width(const glmocr_image* image) {
  return image == nullptr ? 0 : image->image.width_px();
}
int32_t glmocr_image_height(const glmocr_image* image) {
  return image == nullptr ? 0 : image->image.height_px();
}
void glmocr_image_free(glmocr_image* image) { delete image; }

glmocr_status glmocr_model_load(const char* dir, const glmocr_load_options* options,
                                glmocr_model** out, glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out)) return Invalid("out must not be NULL");
    glmocr_load_options o;
    if (auto failure = TakeOptions(options, LoadDefaults(), "glmocr_load_options", &o))
      return failure;
    std::filesystem::path path;
    if (dir != nullptr) {
      path = dir;
    } else {
      api::Result<std::filesystem::path> starter = api::Model::StarterDir();
      if (!starter.ok()) return starter.error();
      path = *starter;
    }
    return Give(api::Model::Load(path, {.kernels = o.kernels == nullptr ? "auto" : o.kernels,
                                        .precision = static_cast<api::Precision>(o.precision),
                                        .threads = o.threads,
                                        .cache_tokens = o.cache_tokens,
                                        .max_batch = o.max_batch,
                                        .drafts = o.drafts,
                                        .layout_model = Text(o.layout_model)}),
                out);
  });
}

void glmocr_model_free(glmocr_model* model) { delete model; }

glmocr_status glmocr_canceller_new(glmocr_canceller** out, glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out)) return Invalid("out must not be NULL");
    *out = new glmocr_canceller;
    return std::nullopt;
  });
}

void glmocr_canceller_cancel(glmocr_canceller* canceller) {
  if (canceller != nullptr) canceller->source.request_stop();
}
void glmocr_canceller_free(glmocr_canceller* canceller) { delete canceller; }

glmocr_status glmocr_read(const glmocr_model* model, const glmocr_image* image,
                          const glmocr_read_options* options, glmocr_page** out,
                          glmocr_error** error) {
  return Guarded(error, [&]() -> std::optional<api::Error> {
    if (!Reset(out) || model == nullptr || image == nullptr)
      return Invalid("model, image and out must not be NULL");
    api::ReadOptions o;
    if (auto failure = Translate(options, &o)) return failure;
    return Give(model->model.Read(image->image, o), out);
  });
}

const char* glmocr_page_text(const glmocr_page* page) {
  return page == nullptr ? "" : page->page.text.c_str();
}
const char* glmocr_page_markdown(const glmocr_page* page) {
  return page == nullptr ? "" : page->page.markdown.c_str();
}
double glmocr_page_skew_degrees(const glmocr_page* page) {
  return page == nullptr ? 0 : page->page.skew_degrees;
}
int32_t glmocr_page_number(const glmocr_page* page) {
  return page == nullptr ? 0 : page->page.number;
}
glmocr_status glmocr_page_error(const glmocr_page* page, const char** message) {
  const bool failed = page != nullptr && page->page.error;
  if (message != nullptr) *message = failed ? page->page.error->message.c_str() : "";
  return failed ? static_cast<glmocr_status>(page->page.error->code) : GLMOCR_OK;
}
size_t glmocr_page_warning_count(const glmocr_page* page) {
  return page == nullptr ? 0 : page->page.warnings.size();
}
size_t glmocr_page_region_count(const glmocr_page* page) {
  return page == nullptr ? 0 : page->page.regions.size();
}

glmocr_status glmocr_page_region(const glmocr_page* page, size_t region, glmocr_region* out) {
  if (out == nullptr || region >= glmocr_page_region_count(page)) return GLMOCR_INVALID_ARGUMENT;
  return FillOut(View(page->page.regions[region]), out);
}

glmocr_status glmocr_page_token(const glmocr_page* page, size_t region, size_t token,
                                glmocr_token* out) {
  if (out == nullptr || region >= glmocr_page_region_count(page)) return GLMOCR_INVALID_ARGUMENT;
  const auto& tokens = page->page.regions[region].tokens;
  if (token >= tokens.size()) return GLMOCR_INVALID_ARGUMENT;
  const api::Token& t = tokens[token];
  return FillOut(glmocr_token{.struct_size = sizeof(glmocr_token),
                              .text = t.text.c_str(),
                              .text_bytes = t.text.size(),
                              .id = t.id,
                              .probability = t.probability},
                 out);
}

glmocr_status glmocr_page_warning(const glmocr_page* page, size_t warning, glmocr_warning* out) {
  if (page == nullptr || out == nullptr || warning >= page->page.warnings.size())
    return GLMOCR_INVALID_ARGUMENT;
  return FillOut(View(page->page.warnings[warning]), out);
}

glmocr_status glmocr_page_stats(const glmocr_page* page, glmocr_stats* out) {
  if (page == nullptr || out == nullptr) return GLMOCR_INVALID_ARGUMENT;
  const api::ReadStats& s = page->page.stats;
  return FillOut(glmocr_stats{.struct_size = sizeof(glmocr_stats),
                              .prompt_tokens = s.prompt_tokens,
                              .cached_prompt_tokens = s.cached_prompt_tokens,
                              .generated_tokens = s.generated_tokens,
                              .drafted_tokens = s.drafted_tokens,
                              .accepted_tokens = s.accepted_tokens,
                              .prepare_s = s.prepare_s,
                              .first_token_s = s.first_token_s,
                              .total_s = s.total_s},
                 out);
}

void glmocr_page_free(glmocr_page* page) { delete page; }

}  // extern "C"
