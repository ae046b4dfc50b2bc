#include "pdf/locate.h"

#include <dlfcn.h>

#include <cstdlib>
#include <optional>
#include <vector>

namespace glmocr::pdf {
namespace {

namespace fs = std::filesystem;

// The folder of the file that holds this code (program or shared library), that of the running
// program, and those above them. No further up than PREFIX/lib/TRIPLET and BUILD/tests/NAME need:
// folders above may belong to others.
std::vector<fs::path> NearFolders() {
  std::vector<fs::path> folders;
  std::error_code error;
  fs::path here;
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&FindWorker), &info) != 0 && info.dli_fname != nullptr)
    here = fs::canonical(info.dli_fname, error);
  for (const fs::path& file : {here, fs::read_symlink("/proc/self/exe", error)}) {
    fs::path dir = file.parent_path();
    for (int up = 0; up < 4 && !dir.empty(); ++up) {
      folders.push_back(dir);
      if (dir == dir.root_path()) break;
      dir = dir.parent_path();
    }
  }
  return folders;
}

std::optional<fs::path> Nearest(std::initializer_list<const char*> places) {
  std::error_code error;
  for (const fs::path& folder : NearFolders()) {
    for (const char* place : places) {
      if (fs::is_regular_file(folder / place, error)) return folder / place;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<fs::path> FindWorker() {
  if (const char* named = std::getenv("GLMOCR_WORKER"); named != nullptr && *named != '\0')
    return fs::path(named);
  if (std::optional<fs::path> found =
          Nearest({"libexec/glm-ocr/glm-ocr-worker", "src/pdf/glm-ocr-worker"}))
    return *std::move(found);
  return Error{
      ErrorCode::kNotFound,
      "the program glm-ocr-worker, which reads PDF files and pictures, was not found near this "
      "program (install it again, or set the environment variable GLMOCR_WORKER)"};
}

std::string FindPdfium() {
  if (const char* named = std::getenv("GLMOCR_PDFIUM"); named != nullptr && *named != '\0')
    return named;
  if (std::optional<fs::path> found = Nearest({"lib/glm-ocr/libpdfium.so"})) return found->string();
  return "libpdfium.so";
}

}  // namespace glmocr::pdf
