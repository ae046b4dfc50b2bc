// The safetensors file format: a memory-mapped reader that trusts nothing, and a streaming writer.
//
// A file is: u64 little-endian header length n; n bytes of JSON {"tensor": {"dtype", "shape",
// "data_offsets": [begin, end]}, "__metadata__": {string: string}}; then the data, to which the
// offsets are relative. The reader checks every number of the header against the file before any
// tensor can be asked for, so a TensorView from here always lies inside the map. Like the reference
// library, it refuses headers over 100 MB, and files whose tensors overlap, leave holes, or do not
// end where the file ends. It is stricter in three points: duplicate names, unknown fields and
// ranks above 8 are refused.
//
//   GLM_ASSIGN(SafetensorsFile file, SafetensorsFile::Open("model.safetensors"));
//   std::optional<TensorView> w = file.Find("lm_head.weight");
//
// Tensors may start at any byte (old writers did not pad the header): read elements through
// CopyAsFloat or memcpy, never through a cast pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/mmap.h"
#include "base/result.h"
#include "tensor/buffer.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace glmocr {

// One tensor of a header. The bytes are [begin, begin + size_bytes) of the data section.
struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  uint64_t begin = 0;
  uint64_t size_bytes = 0;
};

using SafetensorsMetadata = std::map<std::string, std::string>;

struct SafetensorsHeader {
  size_t data_begin = 0;            // byte of the file at which the data section starts
  std::vector<TensorInfo> tensors;  // ascending by name, all validated
  SafetensorsMetadata metadata;
};

// Parses and validates the header of a whole file's bytes. `file_name` is only for messages.
// kCorrupt for damage, kUnsupported for a dtype or rank that this program does not know.
Result<SafetensorsHeader> ParseSafetensorsHeader(std::span<const std::byte> file,
                                                 std::string_view file_name);

class SafetensorsFile {
 public:
  static Result<SafetensorsFile> Open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }  // ascending by name
  const SafetensorsMetadata& metadata() const { return header_.metadata; }

  // Valid while this file lives. `info` must be one of tensors().
  TensorView View(const TensorInfo& info) const;
  std::optional<TensorView> Find(std::string_view name) const;
  // Whether the file was cut short since it was opened: views may have read as zeros.
  bool damaged() const { return map_.damaged(); }
  void DropPages() const { map_.DropPages(); }

 private:
  SafetensorsFile(std::filesystem::path path, MappedFile map, SafetensorsHeader header);
  std::filesystem::path path_;
  MappedFile map_;
  SafetensorsHeader header_;
};

// Name, type and shape of a tensor to be written.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
};

// Writes a file in one pass: the specs first, then the bytes of each tensor in the order of the
// specs, in chunks of any size. Nothing appears under `path` before Commit.
class SafetensorsWriter {
 public:
  // kInvalidArgument for a duplicate or non-UTF-8 name, "__metadata__" as a name, or a shape whose
  // size overflows.
  static Result<SafetensorsWriter> Open(const std::filesystem::path& path,
                                        const std::vector<TensorSpec>& specs,
                                        const SafetensorsMetadata& metadata = {});

  // The next bytes of the data section. kInvalidArgument past the declared total.
  Status Append(const void* data, size_t size_bytes);
  // kInvalidArgument when fewer bytes came than the specs declare; then nothing is left on disk.
  Status Commit();

 private:
  SafetensorsWriter(AtomicFileWriter file, uint64_t total_bytes);
  AtomicFileWriter file_;
  uint64_t total_bytes_ = 0;
  uint64_t written_bytes_ = 0;
};

// A tensor in memory with its name.
struct NamedTensor {
  std::string name;
  TensorView tensor;
};
// All of `tensors` as one file, in the order given.
Status WriteSafetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                        const SafetensorsMetadata& metadata = {});

}  // namespace glmocr
