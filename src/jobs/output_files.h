// The files of a document onto a disk.
#pragma once

#include <cstdint>
#include <filesystem>

#include "format/document_writer.h"

namespace glmocr {

// Writes the bytes of `file` to `path`, whole or not at all; returns their number. The path's
// folder must exist. Errors: as WriteFileAtomically.
Result<int64_t> WriteOutputFile(const std::filesystem::path& path, const OutputFile& file);

}  // namespace glmocr
