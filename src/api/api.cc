// The C++ interface over the pipeline: translates options and results, and lets no exception of
// ours out.
#include <fmt/format.h>

#include <new>
#include <stdexcept>

#include "base/file.h"
#include "format/document_writer.h"
#include "glmocr/glmocr.h"
#include "layout/geometric.h"
#include "media/decode.h"
#include "pipeline/default_model.h"
#include "pipeline/inputs.h"
#include "pipeline/page_reader.h"
#include "pipeline/task.h"

namespace glmocr::v1 {
namespace {

constexpr int64_t kMaxPixels = 200'000'000;

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }
Error OutOfMemory(const char* remedy) {
  return {ErrorCode::kResourceExhausted, std::string("out of memory (") + remedy + ")"};
}

Error Translate(const glmocr::Error& error) {
  const ErrorCode code = [&] {
    switch (error.code) {
      case glmocr::ErrorCode::kInvalidArgument:
        return ErrorCode::kInvalidArgument;
      case glmocr::ErrorCode::kNotFound:
        return ErrorCode::kNotFound;
      case glmocr::ErrorCode::kCorrupt:
        return ErrorCode::kCorrupt;
      case glmocr::ErrorCode::kUnsupported:
        return ErrorCode::kUnsupported;
      case glmocr::ErrorCode::kResourceExhausted:
      case glmocr::ErrorCode::kOutOfMemory:
      case glmocr::ErrorCode::kUnavailable:
        return ErrorCode::kResourceExhausted;
      case glmocr::ErrorCode::kCancelled:
        return ErrorCode::kCancelled;
      case glmocr::ErrorCode::kIo:
        return ErrorCode::kIo;
      case glmocr::ErrorCode::kInternal:
        break;
    }
    return ErrorCode::kInternal;
  }();
  return {code, error.message};
}

// Runs `body`; what memory or a library below throws becomes an Error.
template <typename T, typename Body>
Result<T> Guarded(const char* remedy, Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return OutOfMemory(remedy);
  } catch (const std::length_error&) {
    return OutOfMemory(remedy);
  } catch (const std::exception& e) {
    return Error{ErrorCode::kInternal, std::string("unexpected failure: ") + e.what()};
  }
}

template <typename Enum>
bool Known(Enum value, Enum last) {
  return value >= Enum{} && value <= last;
}

}  // namespace

const char* Version() { return GLMOCR_VERSION; }

// ---- Pictures ----

struct Image::Impl {
  glmocr::Image pixels;
};

Image::Image(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
int Image::width_px() const { return impl_ ? impl_->pixels.width_px : 0; }
int Image::height_px() const { return impl_ ? impl_->pixels.height_px : 0; }

namespace {

Result<glmocr::Image> Decode(std::span<const std::byte> encoded, const std::string& name,
                             const ImageOptions& options) {
  if (!Known(options.alpha, Alpha::kDrop) || !Known(options.orientation, Orientation::kIgnore) ||
      !Known(options.truncated, Truncated::kAccept)) {
    return Invalid("an image option has no known value");
  }
  if (options.max_pixels < 1 || options.max_pixels > kMaxPixels)
    return Invalid("max_pixels must be 1 to 200,000,000");
  DecodeOptions decode;
  decode.max_pixels = options.max_pixels;
  decode.alpha = options.alpha == Alpha::kDrop ? AlphaMode::kDrop : AlphaMode::kCompositeOnWhite;
  decode.orientation = options.orientation == Orientation::kIgnore ? OrientationMode::kIgnore
                                                                   : OrientationMode::kApply;
  decode.truncated =
      options.truncated == Truncated::kAccept ? TruncatedMode::kAccept : TruncatedMode::kReject;
  auto image = DecodePage(encoded, name, options.page, decode);
  if (!image.ok()) return Translate(image.error());
  return std::move(*image);
}

constexpr char kSmallerPicture[] = "scale the picture down";

}  // namespace

Result<Image> Image::FromFile(const std::filesystem::path& path, const ImageOptions& options) {
  return Guarded<Image>(kSmallerPicture, [&]() -> Result<Image> {
    const auto bytes = ReadFile(path, kMaxInputBytes);
    if (!bytes.ok()) return Translate(bytes.error());
    Result<glmocr::Image> pixels = Decode(std::as_bytes(std::span(*bytes)), path.string(), options);
    if (!pixels.ok()) return pixels.error();
    return Image(std::make_shared<Impl>(Impl{*std::move(pixels)}));
  });
}

Result<Image> Image::FromBytes(std::span<const std::byte> encoded, const ImageOptions& options) {
  return Guarded<Image>(kSmallerPicture, [&]() -> Result<Image> {
    if (encoded.data() == nullptr && !encoded.empty())
      return Invalid("the encoded picture is null");
    Result<glmocr::Image> pixels = Decode(encoded, "picture in memory", options);
    if (!pixels.ok()) return pixels.error();
    return Image(std::make_shared<Impl>(Impl{*std::move(pixels)}));
  });
}

Result<Image> Image::FromRgb(const uint8_t* pixels, int width_px, int height_px,
                             size_t stride_bytes) {
  return Guarded<Image>(kSmallerPicture, [&]() -> Result<Image> {
    if (pixels == nullptr) return Invalid("the pixels are null");
    if (width_px < 1 || height_px < 1) {
      return Invalid(
          fmt::format("a picture of {} x {} pixels has no content", width_px, height_px));
    }
    const auto row_bytes = static_cast<size_t>(width_px) * 3;
    if (stride_bytes < row_bytes) {
      return Invalid(fmt::format("a stride of {} bytes is too small for rows of {} bytes",
                                 stride_bytes, row_bytes));
    }
    if (int64_t{width_px} * height_px > kMaxPixels) {
      return Error{
          ErrorCode::kResourceExhausted,
          fmt::format("a picture of {} x {} pixels is over the limit of {} pixels (scale it down)",
                      width_px, height_px, kMaxPixels)};
    }
    glmocr::Image copy(width_px, height_px);
    for (int y = 0; y < height_px; ++y)
      std::copy_n(pixels + static_cast<size_t>(y) * stride_bytes, row_bytes, copy.row(y));
    return Image(std::make_shared<Impl>(Impl{std::move(copy)}));
  });
}

Result<int> Image::CountPages(std::span<const std::byte> encoded) {
  return Guarded<int>(kSmallerPicture, [&]() -> Result<int> {
    if (encoded.data() == nullptr && !encoded.empty())
      return Invalid("the encoded picture is null");
    const auto info = ReadImageInfo(encoded, "picture in memory");
    if (!info.ok()) return Translate(info.error());
    return info->pages;
  });
}

// ---- Models ----

struct Model::Impl {
  std::unique_ptr<Recognizer> recognizer;
};

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

namespace {

Result<RecognizerOptions> Translate(const LoadOptions& options) {
  if (!Known(options.precision, Precision::kBf16)) return Invalid("precision has no known value");
  if (options.threads < 0 || options.threads > 1024)
    return Invalid("threads must be 0 (all) to 1024");
  if (options.cache_tokens < 64 || options.cache_tokens > int64_t{1} << 24)
    return Invalid("cache_tokens must be 64 to 16777216");
  if (options.max_batch < 1 || options.max_batch > kMaxBatch)
    return Invalid("max_batch must be 1 to " + std::to_string(kMaxBatch));
  if (options.drafts < -1 || options.drafts > 3)
    return Invalid("drafts must be -1 (automatic), 0 (off) or 1 to 3");
  RecognizerOptions out;
  out.runner.n_threads = options.threads;
  out.runner.kernels = options.kernels;
  out.runner.compute = options.precision == Precision::kF32    ? ComputeChoice::kF32
                       : options.precision == Precision::kBf16 ? ComputeChoice::kBF16
                                                               : ComputeChoice::kAuto;
  out.runner.cache_tokens = options.cache_tokens;
  out.max_batch = options.max_batch;
  if (options.drafts == 0) out.drafts = {.mode = DraftMode::kOff};
  if (options.drafts > 0) out.drafts = {.mode = DraftMode::kFixed, .max_drafts = options.drafts};
  return out;
}

// Empty: what the region's kind asks for.
std::string Instruction(Task task) {
  switch (task) {
    case Task::kText:
      return std::string(TaskInstruction(glmocr::Task::kText));
    case Task::kTable:
      return std::string(TaskInstruction(glmocr::Task::kTable));
    case Task::kFormula:
      return std::string(TaskInstruction(glmocr::Task::kFormula));
    case Task::kAuto:
      break;
  }
  return {};
}

Result<PageReaderOptions> Translate(const ReadOptions& options) {
  if (!Known(options.layout, Layout::kLines)) return Invalid("layout has no known value");
  if (!Known(options.task, Task::kAuto)) return Invalid("task has no known value");
  const Generation& g = options.generation;
  if (g.max_new_tokens < 1) return Invalid("max_new_tokens must be at least 1");
  PageReaderOptions out;
  switch (options.layout) {
    case Layout::kNone:
      out.layout = glmocr::Layout::kNone;
      break;
    case Layout::kLines:
      out.layout = glmocr::Layout::kLines;
      break;
    case Layout::kAuto:
      out.layout = glmocr::Layout::kRegions;
      out.layout_engine = MakeGeometricLayout();
      break;
  }
  out.instruction = !options.prompt.empty() ? options.prompt : Instruction(options.task);
  out.generation.max_new_tokens = g.max_new_tokens;
  out.generation.stop_strings = g.stop;
  out.generation.sampling = {.repetition_penalty = g.repetition_penalty,
                             .presence_penalty = g.presence_penalty,
                             .frequency_penalty = g.frequency_penalty,
                             .temperature = g.temperature,
                             .top_k = g.top_k,
                             .top_p = g.top_p,
                             .min_p = g.min_p,
                             .seed = g.seed};
  return out;
}

FinishReason Translate(glmocr::FinishReason reason) {
  switch (reason) {
    case glmocr::FinishReason::kStopString:
      return FinishReason::kStopString;
    case glmocr::FinishReason::kLength:
      return FinishReason::kLength;
    case glmocr::FinishReason::kLoop:
      return FinishReason::kLoop;
    default:
      return FinishReason::kStop;
  }
}

Region Translate(const ReadRegion& r) {
  Region region{.box = {r.box_px.x, r.box_px.y, r.box_px.width, r.box_px.height},
                .column = r.column,
                .new_paragraph = r.new_paragraph,
                .text = r.text,
                .confidence = r.confidence,
                .finish = Translate(r.finish),
                .label = std::string(RegionLabelName(r.label))};
  region.tokens.reserve(r.tokens.size());
  for (const ReadToken& t : r.tokens) region.tokens.push_back({t.id, t.text, t.probability});
  return region;
}

Result<Page> Translate(const ReadPage& read) {
  Page page{
      .width_px = read.width_px, .height_px = read.height_px, .skew_degrees = read.skew_degrees};
  for (const ReadRegion& r : read.regions) {
    if (r.error) return Translate(*r.error);
    page.regions.push_back(Translate(r));
    page.stats.prompt_tokens += r.usage.prompt_tokens;
    page.stats.cached_prompt_tokens += r.usage.cached_prompt_tokens;
    page.stats.generated_tokens += r.usage.completion_tokens;
    page.stats.drafted_tokens += r.usage.drafted_tokens;
    page.stats.accepted_tokens += r.usage.accepted_tokens;
  }
  page.text = PlainText(read, {});
  const auto markdown = DocumentText({&read, 1}, DocumentFormat::kMarkdown, {});
  if (!markdown.ok()) return Translate(markdown.error());
  page.markdown = *markdown;
  page.stats.prepare_s = read.prepare_s;
  page.stats.first_token_s = read.first_token_s;
  page.stats.total_s = read.seconds;
  return page;
}

// What a user's callback throws, on its way through Guarded.
struct CallbackException {
  std::exception_ptr cause;
};

template <typename Callback, typename... Args>
void Call(const Callback& callback, const Args&... args) {
  try {
    callback(args...);
  } catch (...) {
    throw CallbackException{std::current_exception()};
  }
}

}  // namespace

Result<Model> Model::Load(const std::filesystem::path& dir, const LoadOptions& options) {
  return Guarded<Model>("use a smaller model or a smaller cache_tokens", [&]() -> Result<Model> {
    const auto translated = Translate(options);
    if (!translated.ok()) return translated.error();
    auto recognizer = Recognizer::Load(dir, *translated);
    if (!recognizer.ok()) return Translate(recognizer.error());
    return Model(std::make_unique<Impl>(Impl{std::move(*recognizer)}));
  });
}

Result<std::filesystem::path> Model::StarterDir() {
  return Guarded<std::filesystem::path>("free some", []() -> Result<std::filesystem::path> {
    auto dir = DefaultModelDir();
    if (!dir.ok()) return Translate(dir.error());
    return std::move(*dir);
  });
}

Result<Page> Model::Read(const Image& image, const ReadOptions& options) const {
  const auto read = [&]() -> Result<Page> {
    if (impl_ == nullptr || image.impl_ == nullptr)
      return Invalid("the model or the picture was moved away");
    auto translated = Translate(options);
    if (!translated.ok()) return translated.error();
    const Error cancelled{ErrorCode::kCancelled, "the read was cancelled"};
    if (options.stop.stop_requested()) return cancelled;
    if (options.on_text) {
      translated->on_text = [&](const ReadPage&, size_t region, std::string_view text) {
        Call(options.on_text, region, text);
      };
    }
    if (options.on_region) {
      translated->on_region = [&](const ReadPage& page, size_t region) {
        if (!page.regions[region].error)
          Call(options.on_region, region, Translate(page.regions[region]));
      };
    }
    const auto keep_going = [&] { return !options.stop.stop_requested(); };
    Result<Page> page = Error{ErrorCode::kInternal, "the page was lost"};
    PageReader reader(*impl_->recognizer, *std::move(translated),
                      [&](const ReadPage& done) { page = Translate(done); });
    const auto added = reader.Add(image.impl_->pixels, {}, keep_going);
    if (!added.ok()) return Translate(added.error());
    if (!reader.Finish(keep_going)) return cancelled;
    return page;
  };
  try {
    return Guarded<Page>("read fewer pictures at once, or scale them down", read);
  } catch (const CallbackException& e) {
    std::rethrow_exception(e.cause);
  }
}

ModelInfo Model::info() const {
  if (impl_ == nullptr) return {};
  const GlmOcrRunner& runner = impl_->recognizer->runner();
  return {
      .kernels = runner.context().kernels->name,
      .precision = runner.context().compute == Compute::kBF16 ? Precision::kBf16 : Precision::kF32,
      .reads_lines = impl_->recognizer->reads_lines(),
      .has_draft_layer = runner.info().has_draft_layer,
      .max_context_tokens = runner.info().max_context_tokens};
}

}  // namespace glmocr::v1
