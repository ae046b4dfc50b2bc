#include "weights/model_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/untrusted_text.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLfsHead = "version https://git-lfs.github.com/";
constexpr size_t kHeadBytes = 64;
// A folder with more files than this is not a model's; what is looked for comes up before.
constexpr int kMaxFiles = 10'000;

std::string HeadOf(const fs::path& file) {
  std::array<char, kHeadBytes> head{};
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), head.size());
  return {head.data(), static_cast<size_t>(in.gcount())};
}

// "zai-org/GLM-OCR": two plain words, as Hugging Face and ModelScope name models.
bool LooksLikeHubName(std::string_view name) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == name.size()) return false;
  if (name.front() == '.' || name.find('/', slash + 1) != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  });
}

Error NotThere(const std::string& name) {
  if (LooksLikeHubName(name)) {
    const std::string folder = name.substr(name.find('/') + 1);
    return {ErrorCode::kNotFound,
            fmt::format("there is no folder '{0}' here. If it is a model on Hugging Face, download "
                        "it first: hf download {0} --local-dir {1}, then --model {1}",
                        name, folder)};
  }
  return {ErrorCode::kNotFound,
          fmt::format("model directory '{}' does not exist (check --model)", name)};
}

Error NotAFolder(const fs::path& path) {
  const std::string head = HeadOf(path);
  if (head.starts_with("GGUF")) {
    return {ErrorCode::kUnsupported,
            fmt::format("'{}' is a GGUF file, which glm-ocr does not read; use the folder of the "
                        "original model, with its safetensors files",
                        path.string())};
  }
  return {ErrorCode::kInvalidArgument,
          fmt::format("'{}' is not a directory; give the folder that holds config.json and the "
                      "weights",
                      path.string())};
}

struct Files {
  bool config = false, safetensors = false, snapshots = false;
  std::string gguf, pytorch;  // a name
};

Files Look(const fs::path& folder) {
  Files found;
  std::error_code error;
  int n = 0;
  for (fs::directory_iterator it(folder, error), end; !error && it != end && n < kMaxFiles;
       it.increment(error), ++n) {
    const std::string name = it->path().filename().string();
    const auto ends = [&](std::string_view with) { return name.ends_with(with); };
    if (name == "config.json") found.config = true;
    if (name == "snapshots") found.snapshots = true;
    if (ends(".safetensors") || ends(".safetensors.index.json")) found.safetensors = true;
    if (ends(".gguf")) found.gguf = name;
    if (ends(".bin") || ends(".pt") || ends(".pth")) found.pytorch = name;
  }
  return found;
}

// The newest of a hub cache's snapshots that has a config.json.
std::optional<fs::path> Snapshot(const fs::path& folder) {
  std::optional<fs::path> best;
  fs::file_time_type when{};
  std::error_code error;
  for (fs::directory_iterator it(folder / "snapshots", error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (!fs::exists(it->path() / "config.json", ignored)) continue;
    const auto time = fs::last_write_time(it->path(), ignored);
    if (!best || time > when) best = it->path(), when = time;
  }
  return best;
}

}  // namespace

bool IsLfsPointer(std::string_view head) { return head.starts_with(kLfsHead); }

Status CheckModelFolder(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return NotThere(path.string());
  if (!fs::is_directory(path, ignored)) return NotAFolder(path);
  const Files files = Look(path);
  const auto unsupported = [&](std::string what) {
    return Error{ErrorCode::kUnsupported, fmt::format("'{}' {}", path.string(), what)};
  };
  if (!files.config && files.snapshots) {
    const std::optional<fs::path> snapshot = Snapshot(path);
    return unsupported(
        snapshot ? fmt::format("is a folder of Hugging Face's cache; the model is in '{}'",
                               snapshot->string())
                 : "is a folder of Hugging Face's cache without a whole model; download it again");
  }
  if (!files.safetensors) {
    if (!files.gguf.empty()) {
      return unsupported(fmt::format(
          "holds a GGUF file ({}), which glm-ocr does not read; use the folder of the original "
          "model, with its safetensors files",
          QuoteUntrusted(files.gguf)));
    }
    if (!files.pytorch.empty() && files.config) {
      return unsupported(fmt::format(
          "holds PyTorch weights ({}), which glm-ocr does not read; load them with transformers "
          "and save them with save_pretrained, which writes safetensors files",
          QuoteUntrusted(files.pytorch)));
    }
  }
  if (!files.config) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("'{}' has no config.json; give the folder of a downloaded model",
                             path.string())};
  }
  if (IsLfsPointer(HeadOf(path / "config.json"))) {
    return unsupported(
        "was cloned without git-lfs: its files are placeholders; run 'git lfs pull' "
        "there");
  }
  return OkStatus();
}

}  // namespace glmocr
