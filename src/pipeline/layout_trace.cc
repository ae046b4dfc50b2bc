#include "pipeline/layout_trace.h"

#include <numeric>

#include "models/pp_doclayout_v3/processor.h"

namespace glmocr {
namespace {

TraceTensor Copied(std::string_view name, ConstMatrix value) {
  TraceTensor tensor{std::string(name), {value.rows, value.cols}, {}, {}};
  tensor.f32.reserve(static_cast<size_t>(value.rows * value.cols));
  for (int64_t r = 0; r < value.rows; ++r)
    tensor.f32.insert(tensor.f32.end(), value.row(r), value.row(r) + value.cols);
  return tensor;
}

class Recorder final : public TensorObserver {
 public:
  void OnTensor(std::string_view name, ConstMatrix value) override {
    if (name != "queries") {
      tensors.push_back(Copied(name, value));
      return;
    }
    TraceTensor tensor{std::string(name), {value.cols}, {}, {}};
    for (int64_t i = 0; i < value.cols; ++i)
      tensor.i64.push_back(static_cast<int64_t>(value.row(0)[i]));
    tensors.push_back(std::move(tensor));
  }
  std::vector<TraceTensor> tensors;
};

Status CheckChoices(const PpDocLayoutModel& model, const DecoderChoices& choices) {
  const int64_t n = model.config().num_queries;
  const PpDocLayoutImageConfig& image = model.image_config();
  int64_t n_tokens = 0;
  for (const int stride : {8, 16, 32})
    n_tokens += int64_t{image.width_px / stride} * (image.height_px / stride);
  bool fit = choices.queries.empty() || static_cast<int64_t>(choices.queries.size()) == n;
  for (const int64_t query : choices.queries) fit &= query >= 0 && query < n_tokens;
  const ConstMatrix& points = choices.reference_points;
  fit &= points.data == nullptr || (points.rows == n && points.cols == 4);
  if (fit) return OkStatus();
  return Error{ErrorCode::kInvalidArgument,
               "the given queries or reference points do not fit the layout model"};
}

}  // namespace

Result<std::vector<TraceTensor>> TraceLayout(const PpDocLayoutModel& model, const Context& ctx,
                                             const Image& page, const DecoderChoices& choices) {
  GLM_RETURN_IF_ERROR(CheckChoices(model, choices));
  const FeatureMap input = PrepareLayoutImage(page, model.image_config(), ctx.pool);
  Recorder recorder;
  recorder.tensors.push_back(Copied("pixel_values", input.pixels.view().Cols(0, 3)));
  GLM_ASSIGN(const LayoutOutputs out, model.Forward(ctx, input, choices, &recorder));
  std::vector<int64_t> all(static_cast<size_t>(out.logits.rows()));
  std::iota(all.begin(), all.end(), 0);
  GLM_ASSIGN(const Matrix masks, out.Masks(ctx, all));
  recorder.tensors.push_back(Copied("masks", masks));
  return std::move(recorder.tensors);
}

}  // namespace glmocr
