// A model's weights on disk as one table of named tensors, whether they lie in one file or in
// shards.
//
//   GLM_ASSIGN(Checkpoint weights, Checkpoint::Open("models/GLM-OCR"));   // folder or file
//   std::optional<TensorView> w = weights.Find("lm_head.weight");
//
// A folder holds model.safetensors, or model.safetensors.index.json with its shards. The index is
// data from strangers: shard names must be plain *.safetensors names inside the folder, every
// listed tensor must be in the shard that the index names. Tensors in shards that the index does
// not list are left out and noted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/buffer.h"
#include "weights/safetensors.h"

namespace glmocr {

class Checkpoint {
 public:
  // `path`: the model's folder, one .safetensors file, or an .index.json. kNotFound, kCorrupt,
  // kUnsupported, kIo.
  static Result<Checkpoint> Open(const std::filesystem::path& path);

  struct Tensor {
    std::string name;
    size_t file = 0;  // index into files()
    TensorView view;  // valid while the checkpoint lives
  };
  const std::vector<Tensor>& tensors() const { return tensors_; }  // ascending by name
  std::vector<std::string_view> names() const;
  std::optional<TensorView> Find(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name).has_value(); }
  // Whether any tensor's name begins with `prefix`.
  bool HasPrefix(std::string_view prefix) const;

  const std::vector<SafetensorsFile>& files() const { return files_; }
  int64_t n_params() const { return n_params_; }  // elements of all tensors
  uint64_t n_bytes() const { return n_bytes_; }   // bytes of all tensors
  const std::vector<std::string>& notes() const {
    return notes_;
  }  // oddities that do not stop loading

  // kIo, naming the file, once one has been cut short: what was read of it since may be wrong.
  Status CheckFiles() const;
  // Lets the kernel forget the pages read so far: call it once the weights are packed.
  void DropPages() const;

 private:
  Checkpoint() = default;
  static Result<Checkpoint> OpenSingle(const std::filesystem::path& path);
  static Result<Checkpoint> OpenSharded(const std::filesystem::path& index_path);
  void Finish();  // sorts and counts
  std::vector<SafetensorsFile> files_;
  std::vector<Tensor> tensors_;
  std::vector<std::string> notes_;
  int64_t n_params_ = 0;
  uint64_t n_bytes_ = 0;
};

}  // namespace glmocr
