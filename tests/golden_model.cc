#include "golden_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/file.h"
#include "media/decode.h"

namespace glmocr {
namespace fs = std::filesystem;
namespace {

template <typename T>
T Must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

ImageInput LoadImage(const fs::path& path, const GlmOcrProcessor& processor) {
  const std::string bytes = Must(ReadFile(path, size_t{1} << 24));
  // As the reference's processor sees it: stored orientation, alpha dropped.
  const DecodeOptions decode{.alpha = AlphaMode::kDrop, .orientation = OrientationMode::kIgnore};
  const std::vector<Image> pages =
      Must(DecodeImages(std::as_bytes(std::span(bytes)), path.string(), decode));
  return Must(processor.PrepareImage(pages.at(0)));
}

}  // namespace

fs::path GoldenDir(const std::string& name) {
  return fs::path(GLMOCR_SOURCE_DIR) / "tests/golden/models" / name;
}

std::vector<std::string> GoldenNames() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(GoldenDir(""))) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

GoldenModel LoadGolden(const std::string& name, RunnerOptions options) {
  const fs::path dir = GoldenDir(name);
  options.cache_tokens = 512;
  GoldenModel golden;
  golden.runner = Must(GlmOcrRunner::Load(dir, options));
  const GlmOcrProcessor processor =
      Must(GlmOcrProcessor::Load(dir, golden.runner->model().config()));
  const auto request = nlohmann::json::parse(Must(ReadFile(dir / "request.json", 1 << 20)));
  std::vector<ImageInput> images;
  for (const auto& file : request.at("images")) {
    images.push_back(LoadImage(dir / file.get<std::string>(), processor));
  }
  golden.prompt =
      Must(processor.Process(std::move(images), request.at("prompt").get<std::string>()));
  golden.new_tokens = request.at("new_tokens").get<int64_t>();
  return golden;
}

}  // namespace glmocr
