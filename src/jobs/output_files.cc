#include "jobs/output_files.h"

#include "base/file.h"

namespace glmocr {

Result<int64_t> WriteOutputFile(const std::filesystem::path& path, const OutputFile& file) {
  if (!file.file) {
    GLM_RETURN_IF_ERROR(WriteFileAtomically(path, file.bytes));
    return static_cast<int64_t>(file.bytes.size());
  }
  GLM_ASSIGN(AtomicFileWriter writer, AtomicFileWriter::Open(path));
  GLM_RETURN_IF_ERROR(file.file->CopyTo(writer));
  GLM_RETURN_IF_ERROR(writer.Commit());
  return file.file->size_bytes();
}

}  // namespace glmocr
