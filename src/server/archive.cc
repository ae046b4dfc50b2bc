#include "server/archive.h"

#include <fmt/format.h>
#include <zip.h>

#include <memory>

namespace glmocr::server {
namespace {

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

bool IsCompressed(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  return ending == ".jpg" || ending == ".png" || ending == ".pdf";
}

}  // namespace

Status WriteArchive(const std::filesystem::path& path, std::span<const ArchiveFile> files) {
  const auto failed = [](const std::string& what, zip_error_t* error) {
    return Error{ErrorCode::kIo, fmt::format("{}: {}", what, zip_error_strerror(error))};
  };
  int code = 0;
  std::unique_ptr<zip_t, Discard> archive(zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    Error result = failed("cannot make an archive", &error);
    zip_error_fini(&error);
    return result;
  }
  for (const ArchiveFile& file : files) {
    // Read when the archive is closed, piece by piece.
    zip_source_t* source = zip_source_file(archive.get(), file.path.c_str(), 0, -1);
    if (source == nullptr) return failed("cannot read a result", zip_get_error(archive.get()));
    const zip_int64_t index =
        zip_file_add(archive.get(), file.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      return failed("cannot add to an archive", zip_get_error(archive.get()));
    }
    const zip_int32_t method = IsCompressed(file.path) ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
    zip_set_file_compression(archive.get(), static_cast<zip_uint64_t>(index), method, 0);
  }
  if (zip_close(archive.get()) != 0)
    return failed("cannot write an archive", zip_get_error(archive.get()));
  static_cast<void>(archive.release());  // zip_close has freed it
  return OkStatus();
}

}  // namespace glmocr::server
