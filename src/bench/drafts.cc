#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/file.h"
#include "bench/measure.h"
#include "bench/parts.h"
#include "engine/engine.h"
#include "media/decode.h"
#include "pipeline/page_reader.h"

namespace glmocr {
namespace {

constexpr int64_t kNewTokens = 64;
constexpr size_t kMaxImageBytes = size_t{1} << 28;

struct Mode {
  const char* name;
  SpeculatorOptions options;
};
const Mode kModes[] = {{"0", {.mode = DraftMode::kOff}},
                       {"1", {.mode = DraftMode::kFixed, .max_drafts = 1}},
                       {"2", {.mode = DraftMode::kFixed, .max_drafts = 2}},
                       {"3", {.mode = DraftMode::kFixed, .max_drafts = 3}},
                       {"auto", {.mode = DraftMode::kAuto}}};

BenchDrafts RowOf(const Mode& mode, int64_t batch, const EngineStats& stats) {
  BenchDrafts row = {.mode = mode.name, .batch = batch, .n_drafts_at_end = stats.n_drafts};
  for (size_t j = 0; j < row.acceptance.size(); ++j)
    row.acceptance[j] = stats.drafted_at[j] == 0 ? -1 : stats.acceptance_at(j);
  for (const int64_t steps : stats.steps_with) row.steps += steps;
  return row;
}

// Keeps the fastest of the repeats, and checks that all of them and all modes give the same
// `output`.
template <typename Output, typename Fn>
Status Repeat(const BenchRun& run, const Mode& mode, std::optional<Output>* expected, Fn&& fn) {
  std::optional<BenchDrafts> best;
  for (int i = 0; i < run.options.repeats; ++i) {
    GLM_RETURN_IF_ERROR(run.Next(std::string("drafts ") + mode.name));
    Output output;
    Result<BenchDrafts> row = fn(&output);
    if (!row.ok()) return row.error();
    if (!*expected) *expected = output;
    if (output != **expected)
      return run.Check(std::string("output that differs with drafts ") + mode.name, 1, 0);
    if (!best || row->seconds < best->seconds) best = std::move(*row);
  }
  run.report.drafts.push_back(std::move(*best));
  return run.Check(std::string("output that differs with drafts ") + mode.name, 0, 0);
}

Result<BenchDrafts> Continue(const BenchRun& run, const Mode& mode, std::vector<int32_t>* tokens) {
  GLM_ASSIGN(
      std::unique_ptr<Engine> engine,
      Engine::Create(run.runner, {.prefix_caching = PrefixCaching::kOff, .drafts = mode.options}));
  Request request;
  request.prompt_ids =
      MakeSequences(run.runner.model().config().text, 1, run.options.prompt_tokens, 0)[0].tokens;
  request.max_new_tokens = kNewTokens;
  request.ignore_eos = true;
  request.loop_guard.mode = LoopGuardOptions::Mode::kOff;
  request.on_token = [&](const TokenEvent& event) {
    tokens->push_back(event.id);
    return OkStatus();
  };
  std::optional<Error> error;
  request.on_done = [&](const Outcome& outcome) { error = outcome.error; };
  GLM_ASSIGN(const RequestId id, engine->Submit(std::move(request)));
  static_cast<void>(id);
  while (tokens->empty() && engine->Step()) {
  }
  const auto n_prefilled = static_cast<int64_t>(tokens->size());
  int64_t steps = 0;
  const double seconds = Seconds([&] {
    while (engine->Step()) ++steps;
  });
  if (error) return *error;
  BenchDrafts row = RowOf(mode, 1, engine->stats());
  row.tokens = static_cast<int64_t>(tokens->size()) - n_prefilled;
  row.steps = steps;
  row.seconds = seconds;
  return row;
}

Result<std::vector<Image>> ReadImages(const std::vector<std::filesystem::path>& paths) {
  std::vector<Image> images;
  for (const std::filesystem::path& path : paths) {
    GLM_ASSIGN(const std::string bytes, ReadFile(path, kMaxImageBytes));
    GLM_ASSIGN(std::vector<Image> pages,
               DecodeImages(std::as_bytes(std::span(bytes)), path.string(), {}));
    std::move(pages.begin(), pages.end(), std::back_inserter(images));
  }
  return images;
}

Result<BenchDrafts> Read(const BenchRun& run, const std::filesystem::path& model_dir,
                         const std::vector<Image>& images, const Mode& mode, int64_t batch,
                         std::vector<std::string>* texts) {
  GLM_ASSIGN(
      const std::unique_ptr<Recognizer> recognizer,
      Recognizer::Load(model_dir,
                       {.runner = run.options.runner, .max_batch = batch, .drafts = mode.options}));
  std::optional<Error> error;
  PageReader reader(*recognizer, {}, [&](const ReadPage& page) {
    for (const ReadRegion& region : page.regions) {
      texts->push_back(region.text);
      if (region.error) error = region.error;
    }
  });
  const auto keep_going = [&] { return !run.options.keep_going || run.options.keep_going(); };
  for (const Image& image : images)
    GLM_RETURN_IF_ERROR(reader.Add(image, {.source = "bench"}, keep_going));
  if (!reader.Finish(keep_going)) return Error{ErrorCode::kCancelled, "interrupted"};
  if (error) return *error;
  const EngineStats stats = recognizer->stats();
  BenchDrafts row = RowOf(mode, batch, stats);
  row.tokens = stats.generated_tokens - reader.n_regions_done();
  row.seconds = stats.step_s + stats.draft_s;
  return row;
}

}  // namespace

Status BenchContinuation(const BenchRun& run) {
  if (!run.runner.info().has_draft_layer) return OkStatus();
  std::optional<std::vector<int32_t>> expected;
  for (const Mode& mode : kModes) {
    GLM_RETURN_IF_ERROR(Repeat(run, mode, &expected, [&](std::vector<int32_t>* tokens) {
      return Continue(run, mode, tokens);
    }));
  }
  return OkStatus();
}

Status BenchReading(const BenchRun& run, const std::filesystem::path& model_dir) {
  if (!run.runner.info().has_draft_layer) return OkStatus();
  GLM_ASSIGN(const std::vector<Image> images, ReadImages(run.options.images));
  std::optional<std::vector<std::string>> expected;
  for (const int64_t batch : run.options.batches) {
    for (const Mode& mode : kModes) {
      GLM_RETURN_IF_ERROR(Repeat(run, mode, &expected, [&](std::vector<std::string>* texts) {
        return Read(run, model_dir, images, mode, batch, texts);
      }));
    }
  }
  return OkStatus();
}

}  // namespace glmocr
