// Declarative loading: a model asks for each tensor once, by path and shape, and a report keeps the
// account.
//
//   LoadReport report;
//   WeightScope root(checkpoint, report);
//   WeightScope layer = root.Sub("model.language_model.layers").Sub(3);
//   TensorView w = layer.At("input_layernorm.weight", {1536});
//   ...
//   report.Finish();
//   GLM_RETURN_IF_ERROR(report.ToStatus());   // only now use the views
//
// Why: a model that runs with one tensor unloaded or reshaped gives fluent nonsense. Every name
// that is absent, has another shape or no float type is collected, so that one run reports all of
// them; tensors that nobody asked for are reported too, for they mean that the file is of another
// model than it seems.
//
// Names are asked for in the current style, model.visual.*, model.language_model.*, lm_head.*.
// Checkpoints of older releases call them visual.* and model.layers.* (model.embed_tokens.*,
// model.norm.*); the scope finds out which style a file has, for each of the two groups, and
// translates whole paths only after they are complete.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/buffer.h"
#include "tensor/shape.h"
#include "weights/checkpoint.h"

namespace glmocr {

// What loading found. Names are canonical (as asked for), except in `unconsumed`, which has the
// file's own.
struct LoadReport {
  struct MisShaped {
    std::string name;
    Shape want, got;
  };
  struct BadDType {
    std::string name;
    DType dtype = DType::kF32;
  };
  struct Skipped {
    std::string name, reason;
  };
  std::vector<std::string> missing;
  std::vector<MisShaped> mis_shaped;
  std::vector<BadDType> bad_dtype;
  std::vector<Skipped> skipped;         // present, and left out on purpose
  std::vector<std::string> unconsumed;  // filled by Finish
  std::vector<std::string> notes;
  int64_t n_loaded = 0;
  int64_t n_params_loaded = 0;

  // Computes `unconsumed`. Call once, when the whole model has asked.
  void Finish();
  // kCorrupt, listing the first 20 problems and their number, when anything is missing, mis-shaped
  // or of a wrong type. Unconsumed tensors are no error.
  Status ToStatus() const;
  // Everything, for people: one line a finding.
  std::string ToText() const;

 private:
  friend class WeightScope;
  std::set<std::string, std::less<>> consumed_;  // the file's own names
  const Checkpoint* checkpoint_ = nullptr;
};

class WeightScope {
 public:
  // Both must outlive the scope and all that come from it; one report serves one checkpoint.
  WeightScope(const Checkpoint& checkpoint, LoadReport& report);

  WeightScope Sub(std::string_view name) const;  // "layers" or a longer path "self_attn.q_proj"
  WeightScope Sub(int64_t index) const;

  // The tensor `name` below this scope if it has exactly this shape and is F32, F16 or BF16.
  // Otherwise the fact is recorded and an empty view (null data, shape as wanted) is returned: go
  // on declaring, and ask ToStatus at the end.
  TensorView At(std::string_view name, const Shape& want) const;
  // The tensor's shape as stored, nullopt when absent: for widths that only the checkpoint knows.
  // Consumes nothing.
  std::optional<Shape> ShapeOf(std::string_view name) const;
  bool Has(std::string_view name) const { return ShapeOf(name).has_value(); }
  // Whether the checkpoint holds anything below this scope.
  bool HasAny() const { return checkpoint_->HasPrefix(StoredName(prefix_)); }
  // The tensor as stored, any shape and type, without asking for it: to compare or inspect.
  // Consumes nothing.
  std::optional<TensorView> Peek(std::string_view name) const;
  // Marks a tensor as seen and left out on purpose. No effect when it is absent.
  void Skip(std::string_view name, std::string_view reason) const;

  // Full canonical path of a name below this scope: "model.language_model.norm.weight".
  std::string Path(std::string_view name) const;
  // The file's own name for a canonical path.
  std::string StoredName(std::string_view canonical) const;

 private:
  const Checkpoint* checkpoint_;
  LoadReport* report_;
  std::string prefix_;  // "" or ends with '.'
  bool old_visual_ = false;
  bool old_text_ = false;
};

}  // namespace glmocr
