// Several files as one ZIP: what was read of a document, in all its formats. Pictures and PDFs are
// stored as they are, all else is deflated. The archive is made on disk, however large the files.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace glmocr::server {

// Of the name of an archive's file while it is sent; such files of a server that was killed are
// removed by the next.
inline constexpr std::string_view kArchivePrefix = "archive-";

struct ArchiveFile {
  std::filesystem::path path;
  std::string name;  // in the archive, UTF-8, "report/imgs/a.jpg"
};

// Writes `path` whole or not at all. Errors: kIo.
Status WriteArchive(const std::filesystem::path& path, std::span<const ArchiveFile> files);

}  // namespace glmocr::server
