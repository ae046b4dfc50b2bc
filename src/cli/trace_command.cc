#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/commands.h"
#include "cli/common_options.h"
#include "kernels/select.h"
#include "media/decode.h"
#include "models/glm_ocr/processor.h"
#include "pipeline/layout_trace.h"
#include "pipeline/trace.h"
#include "weights/safetensors.h"

namespace glmocr::cli {
namespace {

struct Options {
  ModelOptions model;
  std::vector<std::string> images;
  std::string pixel_values;
  std::string prompt = "Text Recognition:";
  int64_t max_new_tokens = 8;
  std::string recycle = "normed";
  std::string layout_model;
  std::string layout_choices;
  std::string out;
};

Result<std::vector<ImageInput>> PreparedImages(const Options& options,
                                               const GlmOcrProcessor& processor) {
  // As stored and with alpha dropped: what the reference's processor sees.
  const DecodeOptions decode{.alpha = AlphaMode::kDrop, .orientation = OrientationMode::kIgnore};
  std::vector<ImageInput> inputs;
  for (const std::string& path : options.images) {
    GLM_ASSIGN(std::string bytes, ReadInput(path));
    GLM_ASSIGN(std::vector<Image> pages,
               DecodeImages(std::as_bytes(std::span(bytes)), path, decode));
    for (const Image& page : pages) {
      GLM_ASSIGN(ImageInput input, processor.PrepareImage(page));
      inputs.push_back(std::move(input));
    }
  }
  return inputs;
}

// pixel_values [n, columns] and image_grid_thw [images, 3] of a safetensors file.
Result<std::vector<ImageInput>> GivenImages(const std::string& path,
                                            const GlmOcrProcessor& processor) {
  GLM_ASSIGN(Checkpoint file, Checkpoint::Open(path));
  const auto pixels = file.Find("pixel_values");
  const auto grids = file.Find("image_grid_thw");
  if (!pixels || !grids || pixels->dtype != DType::kF32 || grids->dtype != DType::kI64 ||
      grids->shape.rank() != 2 || grids->shape[1] != 3 || pixels->shape.rank() != 2 ||
      pixels->shape[1] != processor.image_config().patch_values()) {
    return Error{ErrorCode::kInvalidArgument, "'" + path +
                                                  "' must hold pixel_values (F32 [patches, patch "
                                                  "values]) and image_grid_thw (I64 [images, 3])"};
  }
  std::vector<ImageInput> inputs;
  int64_t row = 0;
  for (int64_t i = 0; i < grids->shape[0]; ++i) {
    int64_t thw[3];
    std::memcpy(thw, grids->data + i * 24, sizeof(thw));
    const int merge = processor.image_config().merge_size;
    Patches patches{
        .grid = {static_cast<int>(thw[0]), static_cast<int>(thw[1]), static_cast<int>(thw[2])}};
    for (const int64_t side : thw) {
      if (side < 1 || side > 100000)
        return Error{ErrorCode::kInvalidArgument, "'" + path + "': image_grid_thw is out of range"};
    }
    if (thw[0] != 1 || thw[1] % merge != 0 || thw[2] % merge != 0 ||
        row + patches.grid.n_patches() > pixels->shape[0]) {
      return Error{ErrorCode::kInvalidArgument,
                   "'" + path + "': image_grid_thw does not fit pixel_values"};
    }
    patches.values.resize(static_cast<size_t>(patches.grid.n_patches() * pixels->shape[1]));
    CopyAsFloat(*pixels, row * pixels->shape[1], static_cast<int64_t>(patches.values.size()),
                patches.values.data());
    row += patches.grid.n_patches();
    inputs.push_back(GlmOcrProcessor::AdoptPatches(std::move(patches), merge));
  }
  return inputs;
}

Status Write(const std::string& path, const std::vector<TraceTensor>& tensors) {
  std::vector<NamedTensor> named;
  for (const TraceTensor& t : tensors) {
    const bool is_float = t.i64.empty();
    const auto* data =
        is_float ? static_cast<const void*>(t.f32.data()) : static_cast<const void*>(t.i64.data());
    named.push_back(
        {t.name,
         {static_cast<const std::byte*>(data), is_float ? DType::kF32 : DType::kI64, t.shape}});
  }
  return WriteSafetensors(path, named);
}

// Choices for the decoder out of a safetensors file.
struct GivenChoices {
  std::vector<int64_t> queries;
  Matrix reference_points;
};
Result<GivenChoices> ReadChoices(const std::string& path) {
  GivenChoices given;
  if (path.empty()) return given;
  GLM_ASSIGN(const Checkpoint file, Checkpoint::Open(path));
  if (const auto queries = file.Find("queries"); queries && queries->dtype == DType::kI64) {
    given.queries.resize(static_cast<size_t>(queries->shape.count()));
    std::memcpy(given.queries.data(), queries->data, queries->size_bytes());
  }
  if (const auto points = file.Find("reference_points");
      points && points->dtype == DType::kF32 && points->shape.rank() == 2) {
    given.reference_points.Resize(points->shape[0], points->shape[1]);
    CopyAsFloat(*points, 0, points->shape.count(), given.reference_points.data());
  }
  return given;
}

// The layout model on the one given picture.
Status RunLayout(const Options& options) {
  if (options.images.size() != 1)
    return Error{ErrorCode::kInvalidArgument, "--layout-model needs exactly one --image"};
  const RunnerOptions runner = options.model.ToRunnerOptions();
  ThreadPool pool(runner.n_threads > 0 ? runner.n_threads : ThreadPool::DefaultThreads());
  GLM_ASSIGN(const KernelTable* kernels, SelectKernels(runner.kernels));
  const Context ctx{.kernels = kernels, .pool = &pool, .compute = Compute::kF32};
  GLM_ASSIGN(const auto model, PpDocLayoutModel::Load(options.layout_model, pool));
  GLM_ASSIGN(std::string bytes, ReadInput(options.images[0]));
  GLM_ASSIGN(const std::vector<Image> pages,
             DecodeImages(std::as_bytes(std::span(bytes)), options.images[0],
                          {.alpha = AlphaMode::kDrop, .orientation = OrientationMode::kIgnore}));
  GLM_ASSIGN(const GivenChoices given, ReadChoices(options.layout_choices));
  DecoderChoices choices{.queries = given.queries, .reference_points = {}};
  if (given.reference_points.rows() > 0) choices.reference_points = given.reference_points;
  GLM_ASSIGN(const std::vector<TraceTensor> tensors, TraceLayout(*model, ctx, pages[0], choices));
  GLM_RETURN_IF_ERROR(Write(options.out, tensors));
  std::fprintf(stderr, "%zu tensors of the layout model written to %s (kernels %s)\n",
               tensors.size(), options.out.c_str(), kernels->name);
  return OkStatus();
}

Status Run(const Options& options) {
  if (!options.layout_model.empty()) return RunLayout(options);
  GLM_ASSIGN(std::filesystem::path dir, options.model.ModelDir());
  RunnerOptions runner_options = options.model.ToRunnerOptions();
  runner_options.recycled_hidden =
      options.recycle == "normed" ? RecycledHidden::kNormed : RecycledHidden::kUnnormed;
  GLM_ASSIGN(auto runner, GlmOcrRunner::Load(dir, runner_options));
  GLM_ASSIGN(GlmOcrProcessor processor, GlmOcrProcessor::Load(dir, runner->model().config()));
  auto images = options.pixel_values.empty() ? PreparedImages(options, processor)
                                             : GivenImages(options.pixel_values, processor);
  if (!images.ok()) return images.error();
  GLM_ASSIGN(ProcessedPrompt prompt, processor.Process(std::move(*images), options.prompt));
  GLM_ASSIGN(std::vector<TraceTensor> tensors,
             Trace(*runner, {.input_ids = prompt.ids,
                             .images = prompt.images,
                             .max_new_tokens = options.max_new_tokens}));
  GLM_RETURN_IF_ERROR(Write(options.out, tensors));
  std::fprintf(stderr, "%zu tensors of %zu prompt tokens written to %s (kernels %s, %s)\n",
               tensors.size(), prompt.ids.size(), options.out.c_str(),
               runner->context().kernels->name,
               runner->context().compute == Compute::kBF16 ? "bf16" : "f32");
  return OkStatus();
}

}  // namespace

Command RegisterTrace(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(
      "trace", "Dump every named intermediate of one prompt as safetensors, to debug a port");
  options->model.Register(*sub);
  sub->add_option("--image", options->images, "Picture of the prompt; may be repeated")
      ->type_name("FILE");
  sub->add_option("--pixel-values", options->pixel_values,
                  "safetensors file with pixel_values and image_grid_thw, instead of --image")
      ->type_name("FILE")
      ->excludes("--image");
  sub->add_option("--prompt", options->prompt, "Instruction after the pictures")
      ->capture_default_str()
      ->type_name("TEXT");
  sub->add_option("--max-new-tokens", options->max_new_tokens, "Greedy tokens to generate")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
      ->capture_default_str()
      ->type_name("N");
  sub->add_option("--recycle", options->recycle,
                  "Hidden state that chained drafts recycle: normed (trained so) or unnormed")
      ->check(CLI::IsMember({"normed", "unnormed"}))
      ->capture_default_str();
  sub->add_option("--layout-model", options->layout_model,
                  "Dump the intermediates of this PP-DocLayoutV3 model on --image instead")
      ->type_name("DIR")
      ->excludes("--pixel-values");
  sub->add_option("--layout-choices", options->layout_choices,
                  "safetensors file with queries and reference_points that the layout model's "
                  "decoder starts from, instead of choosing them")
      ->type_name("FILE")
      ->needs("--layout-model");
  sub->add_option("-o,--out", options->out, "File to write")->required()->type_name("FILE");
  sub->footer(
      "Example:\n  glm-ocr trace --model GLM-OCR --image crop.png --max-new-tokens 16 --out "
      "trace.safetensors");
  return [options] {
    const Status status = Run(*options);
    return status.ok() ? kExitOk : Fail(status.error());
  };
}

}  // namespace glmocr::cli
