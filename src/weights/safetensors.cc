#include "weights/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "base/untrusted_text.h"

namespace glmocr {

Result<SafetensorsFile> SafetensorsFile::Open(const std::filesystem::path& path) {
  GLM_ASSIGN(MappedFile map, MappedFile::Open(path));
  map.Guard(path);
  GLM_ASSIGN(SafetensorsHeader header,
             ParseSafetensorsHeader({map.data(), map.size_bytes()}, path.string()));
  return SafetensorsFile(path, std::move(map), std::move(header));
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path, MappedFile map,
                                 SafetensorsHeader header)
    : path_(std::move(path)), map_(std::move(map)), header_(std::move(header)) {}

TensorView SafetensorsFile::View(const TensorInfo& info) const {
  GLM_CHECK(info.begin + info.size_bytes <= map_.size_bytes() - header_.data_begin);
  return {map_.data() + header_.data_begin + info.begin, info.dtype, info.shape};
}

std::optional<TensorView> SafetensorsFile::Find(std::string_view name) const {
  const auto at = std::lower_bound(
      header_.tensors.begin(), header_.tensors.end(), name,
      [](const TensorInfo& tensor, std::string_view n) { return tensor.name < n; });
  if (at == header_.tensors.end() || at->name != name) return std::nullopt;
  return View(*at);
}

SafetensorsWriter::SafetensorsWriter(AtomicFileWriter file, uint64_t total_bytes)
    : file_(std::move(file)), total_bytes_(total_bytes) {}

Result<SafetensorsWriter> SafetensorsWriter::Open(const std::filesystem::path& path,
                                                  const std::vector<TensorSpec>& specs,
                                                  const SafetensorsMetadata& metadata) {
  const auto refuse = [&](const TensorSpec& spec, std::string_view why) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("cannot write '{}': tensor {} {}", path.string(),
                             QuoteUntrusted(spec.name), why)};
  };
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::unordered_set<std::string_view> names;
  int64_t end = 0;
  for (const TensorSpec& spec : specs) {
    if (spec.name == "__metadata__") return refuse(spec, "has the name of the metadata");
    if (!names.insert(spec.name).second) return refuse(spec, "appears twice");
    const int64_t begin = end;
    const std::optional<int64_t> count = spec.shape.CheckedCount();
    int64_t bytes = 0;
    if (!count ||
        __builtin_mul_overflow(*count, static_cast<int64_t>(DTypeBytes(spec.dtype)), &bytes) ||
        __builtin_add_overflow(begin, bytes, &end)) {
      return refuse(spec, "has a shape whose size overflows");
    }
    // push_back instead of operator[]: ordered_json looks keys up linearly, and names are known to
    // be unique.
    header.get_ref<nlohmann::ordered_json::object_t&>().emplace_back(
        spec.name, nlohmann::ordered_json{{"dtype", std::string(DTypeName(spec.dtype))},
                                          {"shape", spec.shape.dims()},
                                          {"data_offsets", {begin, end}}});
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("cannot write '{}': a tensor name or metadata is not UTF-8", path.string())};
  }
  text.resize((text.size() + 7) / 8 * 8,
              ' ');  // aligns the data to 8 bytes, as the reference writer does
  std::string prefix(8, '\0');
  for (size_t i = 0; i < 8; ++i)
    prefix[i] = static_cast<char>(static_cast<uint64_t>(text.size()) >> (8 * i) & 0xff);
  GLM_ASSIGN(AtomicFileWriter file, AtomicFileWriter::Open(path));
  GLM_RETURN_IF_ERROR(file.Append(prefix.data(), prefix.size()));
  GLM_RETURN_IF_ERROR(file.Append(text.data(), text.size()));
  return SafetensorsWriter(std::move(file), static_cast<uint64_t>(end));
}

Status SafetensorsWriter::Append(const void* data, size_t size_bytes) {
  if (size_bytes > total_bytes_ - written_bytes_) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a safetensors file declared with {} bytes of data got at least {}",
                             total_bytes_, written_bytes_ + size_bytes)};
  }
  GLM_RETURN_IF_ERROR(file_.Append(data, size_bytes));
  written_bytes_ += size_bytes;
  return OkStatus();
}

Status SafetensorsWriter::Commit() {
  if (written_bytes_ != total_bytes_) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a safetensors file declared with {} bytes of data got {}",
                             total_bytes_, written_bytes_)};
  }
  return file_.Commit();
}

Status WriteSafetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                        const SafetensorsMetadata& metadata) {
  std::vector<TensorSpec> specs;
  for (const NamedTensor& item : tensors)
    specs.push_back({item.name, item.tensor.dtype, item.tensor.shape});
  GLM_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::Open(path, specs, metadata));
  for (const NamedTensor& item : tensors) {
    GLM_RETURN_IF_ERROR(writer.Append(item.tensor.data, item.tensor.size_bytes()));
  }
  return writer.Commit();
}

}  // namespace glmocr
