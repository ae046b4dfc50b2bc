#include <algorithm>
#include <memory>

#include "bench/measure.h"
#include "bench/parts.h"
#include "engine/engine.h"

namespace glmocr {
namespace {

constexpr int64_t kNewTokens = 64;

struct Continuation {
  std::vector<int32_t> tokens;
  BenchDrafts row;
};

Result<Continuation> Continue(const BenchRun& run, const char* name, const SpeculatorOptions& drafts) {
  GLM_ASSIGN(std::unique_ptr<Engine> engine, Engine::Create(run.runner, {.prefix_caching = PrefixCaching::kOff, .drafts = drafts}));
  Continuation result;
  result.row.mode = name;
  Request request;
  request.prompt_ids = MakeSequences(run.runner.model().config().text, 1, run.options.prompt_tokens, 0)[0].tokens;
  request.max_new_tokens = kNewTokens;
  request.ignore_eos = true;
  request.loop_guard.mode = LoopGuardOptions::Mode::kOff;
  request.on_token = [&](const TokenEvent& event) {
    result.tokens.push_back(event.id);
    return OkStatus();
  };
  std::optional<Error> error;
  request.on_done = [&](const Outcome& outcome) { error = outcome.error; };
  GLM_ASSIGN(const RequestId id, engine->Submit(std::move(request)));
  static_cast<void>(id);
  while (result.tokens.empty() && engine->Step()) {
  }
  const auto prefilled = static_cast<int64_t>(result.tokens.size());
  result.row.seconds = Seconds([&] {
    while (engine->Step()) ++result.row.steps;
  });
  if (error) return *error;
  const EngineStats stats = engine->stats();
  result.row.tokens = static_cast<int64_t>(result.tokens.size()) - prefilled;
  for (size_t j = 0; j < result.row.acceptance.size(); ++j) {
    result.row.acceptance[j] = stats.drafted_at[j] == 0 ? -1 : static_cast<double>(stats.accepted_at[j]) / static_cast<double>(stats.drafted_at[j]);
  }
  result.row.n_drafts_at_end = stats.n_drafts;
  return result;
}

}  // namespace

Status BenchDraftModes(const BenchRun& run) {
  if (!run.runner.info().has_draft_layer) return OkStatus();
  const std::pair<const char*, SpeculatorOptions> modes[] = {{"0", {.mode = DraftMode::kOff}},
                                                             {"1", {.mode = DraftMode::kFixed, .max_drafts = 1}},
                                                             {"2", {.mode = DraftMode::kFixed, .max_drafts = 2}},
                                                             {"3", {.mode = DraftMode::kFixed, .max_drafts = 3}},
                                                             {"auto", {.mode = DraftMode::kAuto}}};
  std::vector<int32_t> expected;
  for (const auto& [name, options] : modes) {
    GLM_RETURN_IF_ERROR(run.Next(std::string("drafts ") + name));
    GLM_ASSIGN(Continuation continuation, Continue(run, name, options));
    if (expected.empty()) expected = continuation.tokens;
    GLM_RETURN_IF_ERROR(run.Check(std::string("tokens that differ with drafts ") + name, continuation.tokens == expected ? 0 : 1, 0));
    run.report.drafts.push_back(std::move(continuation.row));
  }
  return OkStatus();
}

}  // namespace glmocr
