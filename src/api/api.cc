// The C++ interface over the pipeline: pictures and models. Lets no exception of ours out.
#include <fmt/format.h>

#include <algorithm>

#include "api/internal.h"
#include "base/file.h"
#include "layout/geometric.h"
#include "layout/pp_doclayout.h"
#include "layout/uncovered.h"
#include "pipeline/default_model.h"
#include "pipeline/inputs.h"

namespace glmocr::v1 {

using internal::Guarded;
using internal::Invalid;
using internal::Known;
using internal::Translate;

namespace {

constexpr int64_t kMaxPixels = 200'000'000;

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
  const Result<DecodeOptions> decode = Translate(options);
  if (!decode.ok()) return decode.error();
  auto image = DecodePage(encoded, name, options.page, *decode);
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

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

namespace {

Result<RecognizerOptions> ToRecognizerOptions(const LoadOptions& options) {
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
  out.encoder_cache_bytes = kDocumentsEncoderCacheBytes;
  if (options.drafts == 0) out.drafts = {.mode = DraftMode::kOff};
  if (options.drafts > 0) out.drafts = {.mode = DraftMode::kFixed, .max_drafts = options.drafts};
  return out;
}

// Half a page must not look like a whole one.
Result<Page> WholePage(const ReadPage& read) {
  for (const ReadRegion& region : read.regions) {
    if (region.error) return Translate(*region.error);
  }
  return Translate(read);
}

template <typename Callback, typename... Args>
void Call(const Callback& callback, const Args&... args) {
  try {
    callback(args...);
  } catch (...) {
    throw internal::CallbackException{std::current_exception()};
  }
}

}  // namespace

Result<Model> Model::Load(const std::filesystem::path& dir, const LoadOptions& options) {
  return Guarded<Model>("use a smaller model or a smaller cache_tokens", [&]() -> Result<Model> {
    const auto translated = ToRecognizerOptions(options);
    if (!translated.ok()) return translated.error();
    std::shared_ptr<LoadedModel> loaded(new LoadedModel, DeleteHere<LoadedModel>());
    if (!options.layout_model.empty()) {
      auto network = MakePpDocLayout(options.layout_model,
                                     {.n_threads = options.threads, .kernels = options.kernels});
      if (!network.ok()) return Translate(network.error());
      loaded->network = WithUncovered(std::move(*network), MakeGeometricLayout());
    }
    auto recognizer = Recognizer::Load(dir, *translated);
    if (!recognizer.ok()) return Translate(recognizer.error());
    loaded->recognizer = std::move(*recognizer);
    return Model(std::make_unique<Impl>(Impl{std::move(loaded)}));
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
  return Guarded<Page>("read fewer pictures at once, or scale them down", [&]() -> Result<Page> {
    if (impl_ == nullptr || image.impl_ == nullptr)
      return Invalid("the model or the picture was moved away");
    if (!impl_->loaded->here()) return internal::Forked();
    auto translated = Translate({options.layout, options.task, options.prompt, options.generation},
                                *impl_->loaded);
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
    PageReader reader(*impl_->loaded->recognizer, *std::move(translated),
                      [&](const ReadPage& done) { page = WholePage(done); });
    const auto added = reader.Add(image.impl_->pixels, {}, keep_going);
    if (!added.ok()) return Translate(added.error());
    if (!reader.Finish(keep_going)) return cancelled;
    return page;
  });
}

ModelInfo Model::info() const {
  if (impl_ == nullptr) return {};
  const Recognizer& recognizer = *impl_->loaded->recognizer;
  const GlmOcrRunner& runner = recognizer.runner();
  return {
      .kernels = runner.context().kernels->name,
      .precision = runner.context().compute == Compute::kBF16 ? Precision::kBf16 : Precision::kF32,
      .reads_lines = recognizer.reads_lines(),
      .has_draft_layer = runner.info().has_draft_layer,
      .max_context_tokens = runner.info().max_context_tokens};
}

}  // namespace glmocr::v1
