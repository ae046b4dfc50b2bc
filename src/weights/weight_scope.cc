#include "weights/weight_scope.h"

#include <fmt/format.h>

#include <utility>

#include "base/untrusted_text.h"

namespace glmocr {
namespace {

constexpr std::string_view kVisual = "model.visual.";
constexpr std::string_view kText = "model.language_model.";
constexpr std::string_view kOldVisual = "visual.";
constexpr std::string_view kOldText = "model.";
constexpr size_t kMaxListed = 20;

bool IsFloat(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

std::string Line(const LoadReport::MisShaped& item) {
  return fmt::format("{}: the model needs {}, the file has {}", item.name, item.want.ToString(),
                     item.got.ToString());
}
std::string Line(const LoadReport::BadDType& item) {
  return fmt::format("{}: {} is not a float type (F32, F16 or BF16)", item.name,
                     DTypeName(item.dtype));
}

}  // namespace

void LoadReport::Finish() {
  unconsumed.clear();
  if (checkpoint_ == nullptr) return;
  for (const Checkpoint::Tensor& tensor : checkpoint_->tensors()) {
    if (!consumed_.contains(tensor.name)) unconsumed.push_back(tensor.name);
  }
}

Status LoadReport::ToStatus() const {
  std::vector<std::string> problems;
  for (const std::string& name : missing) problems.push_back(name + ": missing");
  for (const MisShaped& item : mis_shaped) problems.push_back(Line(item));
  for (const BadDType& item : bad_dtype) problems.push_back(Line(item));
  if (problems.empty()) return OkStatus();
  std::string text = fmt::format(
      "the weights do not fit the model's config: {} missing, {} of another shape, {} of another "
      "type",
      missing.size(), mis_shaped.size(), bad_dtype.size());
  for (size_t i = 0; i < problems.size() && i < kMaxListed; ++i) text += "\n  " + problems[i];
  if (problems.size() > kMaxListed)
    text += fmt::format("\n  ... and {} more", problems.size() - kMaxListed);
  text += "\ncheck that config.json and the weights are of the same model, or download both again";
  return Error{ErrorCode::kCorrupt, std::move(text)};
}

std::string LoadReport::ToText() const {
  std::string text = fmt::format("loaded {} tensors, {} parameters\n", n_loaded, n_params_loaded);
  for (const std::string& name : missing) text += "missing: " + name + "\n";
  for (const MisShaped& item : mis_shaped) text += "mis-shaped: " + Line(item) + "\n";
  for (const BadDType& item : bad_dtype) text += "bad dtype: " + Line(item) + "\n";
  for (const Skipped& item : skipped)
    text += fmt::format("skipped: {} ({})\n", item.name, item.reason);
  for (const std::string& name : unconsumed)
    text += fmt::format("not used: {}\n", QuoteUntrusted(name));
  for (const std::string& note : notes) text += "note: " + note + "\n";
  return text;
}

WeightScope::WeightScope(const Checkpoint& checkpoint, LoadReport& report)
    : checkpoint_(&checkpoint), report_(&report) {
  GLM_CHECK(report.checkpoint_ == nullptr || report.checkpoint_ == &checkpoint);
  old_visual_ = !checkpoint.HasPrefix(kVisual) && checkpoint.HasPrefix(kOldVisual);
  old_text_ = !checkpoint.HasPrefix(kText) && (checkpoint.HasPrefix("model.layers.") ||
                                               checkpoint.HasPrefix("model.embed_tokens."));
  if (report.checkpoint_ != nullptr) return;
  report.checkpoint_ = &checkpoint;
  report.notes = checkpoint.notes();
  if (old_visual_) report.notes.emplace_back("vision tensors have the older prefix 'visual.'");
  if (old_text_) report.notes.emplace_back("text tensors have the older prefix 'model.'");
}

WeightScope WeightScope::Sub(std::string_view name) const {
  WeightScope scope = *this;
  scope.prefix_ += name;
  scope.prefix_ += '.';
  return scope;
}

WeightScope WeightScope::Sub(int64_t index) const { return Sub(std::to_string(index)); }

std::string WeightScope::Path(std::string_view name) const { return prefix_ + std::string(name); }

std::string WeightScope::StoredName(std::string_view canonical) const {
  if (old_visual_ && canonical.starts_with(kVisual)) {
    return std::string(kOldVisual).append(canonical.substr(kVisual.size()));
  }
  if (old_text_ && canonical.starts_with(kText)) {
    return std::string(kOldText).append(canonical.substr(kText.size()));
  }
  return std::string(canonical);
}

TensorView WeightScope::At(std::string_view name, const Shape& want) const {
  const std::string path = Path(name);
  const std::string stored = StoredName(path);
  TensorView empty{nullptr, DType::kF32, want};
  const std::optional<TensorView> view = checkpoint_->Find(stored);
  if (!view) {
    report_->missing.push_back(path);
    return empty;
  }
  const bool first = report_->consumed_.insert(stored).second;
  if (!IsFloat(view->dtype)) {
    report_->bad_dtype.push_back({path, view->dtype});
    return empty;
  }
  if (view->shape != want) {
    report_->mis_shaped.push_back({path, want, view->shape});
    return empty;
  }
  if (first) {
    ++report_->n_loaded;
    report_->n_params_loaded += want.count();
  }
  return *view;
}

std::optional<TensorView> WeightScope::Peek(std::string_view name) const {
  return checkpoint_->Find(StoredName(Path(name)));
}

std::optional<Shape> WeightScope::ShapeOf(std::string_view name) const {
  const std::optional<TensorView> view = Peek(name);
  if (!view) return std::nullopt;
  return view->shape;
}

void WeightScope::Skip(std::string_view name, std::string_view reason) const {
  const std::string path = Path(name);
  const std::string stored = StoredName(path);
  if (!checkpoint_->Has(stored)) return;
  report_->consumed_.insert(stored);
  report_->skipped.push_back({path, std::string(reason)});
}

}  // namespace glmocr
