#include "pipeline/default_model.h"

#include <dlfcn.h>

#include <cstdlib>
#include <optional>

namespace glmocr {
namespace {

namespace fs = std::filesystem;

// The nearest of `name` below share/glm-ocr, or `name` itself, in a folder above `file`.
std::optional<fs::path> Nearest(const fs::path& file, std::string_view name) {
  std::error_code error;
  for (fs::path dir = file.parent_path(); !dir.empty(); dir = dir.parent_path()) {
    for (const fs::path& place : {dir / "share/glm-ocr" / name, dir / name}) {
      if (fs::exists(place, error)) return place;
    }
    if (dir == dir.root_path()) break;
  }
  return std::nullopt;
}

// The file that holds this code. In a program the name is argv[0], which may be no path;
// /proc/self/exe is asked as well.
fs::path ThisFile() {
  Dl_info info{};
  std::error_code error;
  if (::dladdr(reinterpret_cast<const void*>(&DefaultModelDir), &info) == 0 ||
      info.dli_fname == nullptr)
    return {};
  return fs::canonical(info.dli_fname, error);
}

}  // namespace

Result<fs::path> DefaultModelDir() {
  if (const char* named = std::getenv("GLMOCR_MODEL"); named != nullptr && *named != '\0')
    return fs::path(named);
  if (std::optional<fs::path> config = FindShippedFile("models/starter/config.json"))
    return config->parent_path();
  return Error{ErrorCode::kNotFound,
               "the starter model was not found near the program (name a model directory, or set "
               "the environment variable GLMOCR_MODEL)"};
}

std::optional<fs::path> FindShippedFile(std::string_view name) {
  std::error_code error;
  for (const fs::path& file : {ThisFile(), fs::read_symlink("/proc/self/exe", error)}) {
    if (std::optional<fs::path> found = Nearest(file, name)) return found;
  }
  return std::nullopt;
}

}  // namespace glmocr
