#include "weights/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/bounded_json.h"
#include "base/file.h"
#include "base/untrusted_text.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxIndexBytes = size_t{64} << 20;
constexpr std::string_view kSingleName = "model.safetensors";
constexpr std::string_view kIndexName = "model.safetensors.index.json";

// A name that cannot leave the folder: no separators, no "..", nothing a path could interpret.
bool IsPlainShardName(std::string_view name) {
  if (name.size() > 255 || !name.ends_with(".safetensors") || name.starts_with('.')) return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    return c == '/' || c == '\\' || c == ':' || static_cast<unsigned char>(c) < 0x20;
  });
}

// Shard name -> names of its tensors, from an index's weight_map.
using ShardMap = std::map<std::string, std::vector<std::string>>;

Result<ShardMap> ReadIndex(const fs::path& path) {
  GLM_ASSIGN(const std::string text, ReadFile(path, kMaxIndexBytes));
  GLM_ASSIGN(const nlohmann::json index, ParseBoundedJson(text, path.string()));
  const auto corrupt = [&](std::string what) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("'{}': {}; download the index again", path.string(), what)};
  };
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return corrupt("it has no object 'weight_map'");
  }
  ShardMap shards;
  for (const auto& [tensor, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) {
      return corrupt(fmt::format("the shard of tensor {} is not a string", QuoteUntrusted(tensor)));
    }
    const std::string& name = shard.get_ref<const std::string&>();
    if (!IsPlainShardName(name)) {
      return corrupt(fmt::format(
          "tensor {} is listed in {}, which is not a plain *.safetensors name in this folder",
          QuoteUntrusted(tensor), QuoteUntrusted(name)));
    }
    shards[name].push_back(tensor);
  }
  if (shards.empty()) return corrupt("its 'weight_map' is empty");
  return shards;
}

}  // namespace

Result<Checkpoint> Checkpoint::Open(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    if (path.extension() == ".json") return OpenSharded(path);
    return OpenSingle(path);
  }
  const fs::path single = path / kSingleName, index = path / kIndexName;
  if (fs::exists(single, ignored)) return OpenSingle(single);
  if (fs::exists(index, ignored)) return OpenSharded(index);
  return Error{ErrorCode::kNotFound,
               fmt::format("'{}' holds neither {} nor {}; give the folder of a downloaded model",
                           path.string(), kSingleName, kIndexName)};
}

Result<Checkpoint> Checkpoint::OpenSingle(const fs::path& path) {
  GLM_ASSIGN(SafetensorsFile file, SafetensorsFile::Open(path));
  Checkpoint checkpoint;
  checkpoint.files_.push_back(std::move(file));
  const SafetensorsFile& opened = checkpoint.files_.back();
  for (const TensorInfo& info : opened.tensors()) {
    checkpoint.tensors_.push_back({info.name, 0, opened.View(info)});
  }
  checkpoint.Finish();
  return checkpoint;
}

Result<Checkpoint> Checkpoint::OpenSharded(const fs::path& index_path) {
  GLM_ASSIGN(const ShardMap shards, ReadIndex(index_path));
  Checkpoint checkpoint;
  for (const auto& [shard, names] : shards) {
    Result<SafetensorsFile> file = SafetensorsFile::Open(index_path.parent_path() / shard);
    if (!file.ok()) {
      return file.error().With(
          fmt::format("'{}' lists shard {}", index_path.string(), QuoteUntrusted(shard)));
    }
    const size_t unlisted = file->tensors().size() - std::min(names.size(), file->tensors().size());
    if (unlisted > 0) {
      checkpoint.notes_.push_back(
          fmt::format("shard {} holds {} tensors that the index does not list; they are ignored",
                      QuoteUntrusted(shard), unlisted));
    }
    for (const std::string& name : names) {
      const std::optional<TensorView> view = file->Find(name);
      if (!view) {
        return Error{
            ErrorCode::kCorrupt,
            fmt::format(
                "'{}' lists tensor {} in shard {}, which lacks it; download the model again",
                index_path.string(), QuoteUntrusted(name), QuoteUntrusted(shard))};
      }
      checkpoint.tensors_.push_back({name, checkpoint.files_.size(), *view});
    }
    checkpoint.files_.push_back(std::move(*file));
  }
  checkpoint.Finish();
  return checkpoint;
}

void Checkpoint::Finish() {
  std::sort(tensors_.begin(), tensors_.end(),
            [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
  for (const Tensor& tensor : tensors_) {
    n_params_ += tensor.view.shape.count();
    n_bytes_ += tensor.view.size_bytes();
  }
}

std::vector<std::string_view> Checkpoint::names() const {
  std::vector<std::string_view> names;
  names.reserve(tensors_.size());
  for (const Tensor& tensor : tensors_) names.emplace_back(tensor.name);
  return names;
}

std::optional<TensorView> Checkpoint::Find(std::string_view name) const {
  const auto at =
      std::lower_bound(tensors_.begin(), tensors_.end(), name,
                       [](const Tensor& tensor, std::string_view n) { return tensor.name < n; });
  if (at == tensors_.end() || at->name != name) return std::nullopt;
  return at->view;
}

bool Checkpoint::HasPrefix(std::string_view prefix) const {
  const auto at =
      std::lower_bound(tensors_.begin(), tensors_.end(), prefix,
                       [](const Tensor& tensor, std::string_view p) { return tensor.name < p; });
  return at != tensors_.end() && at->name.starts_with(prefix);
}

Status Checkpoint::CheckFiles() const {
  for (const SafetensorsFile& file : files_) {
    if (!file.damaged()) continue;
    return Error{ErrorCode::kIo,
                 fmt::format("the model file '{}' was cut short while it was in use (replace such "
                             "files by rename, and start the program again)",
                             file.path().filename().string())};
  }
  return OkStatus();
}

void Checkpoint::DropPages() const {
  for (const SafetensorsFile& file : files_) file.DropPages();
}

}  // namespace glmocr
