// One or several prompts to the model with one or several answers (choices) each, as every text API
// needs it: the answers grow by deltas of whole characters, all of them end, and then the whole is
// done. Work is cancelled when the client goes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "document/warning.h"
#include "engine/request.h"
#include "pipeline/inputs.h"
#include "pipeline/recognizer.h"
#include "server/service.h"
#include "tokenizer/stream_decoder.h"

namespace glmocr::server {

// A generated token with what the model thought of it.
struct TokenInfo {
  int32_t id = 0;
  std::string bytes;
  float logprob = 0;
  std::vector<std::pair<std::string, float>> top;  // bytes and logprob, likeliest first
};

struct Choice {
  std::string text;               // all of it
  std::vector<TokenInfo> tokens;  // where logprobs were asked for
  FinishReason finish = FinishReason::kStop;
  std::string stop_string;
  std::optional<Error> error;
  // Of pages: what the client should know about how they were read. Pages are counted through all
  // of the request's documents.
  std::vector<Warning> warnings;
};

struct GenerationResult {
  std::vector<Choice> choices;  // of the first prompt, then of the second, ...
  Usage usage;                  // tokens of each prompt once, completion tokens of all choices
  RequestTiming timing;         // of the first choice
};

// Pictures and documents that are read through the layout instead of being shown to the model with
// the prompt: page_answer.h.
struct PagesToRead {
  struct Document {
    std::string name;                                               // for messages
    std::function<Result<std::unique_ptr<DocumentReader>>()> open;  // called once
    bool line = false;  // a picture of one printed line: its text is no Markdown
  };
  std::vector<Document> documents;  // at least one; read one after the other
  int64_t max_tokens = INT64_MAX;   // of the whole text
};

struct GenerationTask {
  std::vector<ProcessedPrompt> prompts;  // at least one, or none and `pages`
  std::optional<PagesToRead> pages;
  GenerationOptions options;
  int n = 1;  // choices of each prompt; its choice i draws with seed + i
  // Makes the mask of one choice; may be empty.
  std::function<std::unique_ptr<TokenMask>()> token_mask;
  bool keep_text = true;                // in Choice::text; streams need it not
  bool has_ink = false;                 // on the picture: an empty text is an error
  std::vector<Admission::Ticket> held;  // given back at the end
  std::string owner;                    // of the request: who further places count for
  // The next characters of a choice, with the tokens that made them where logprobs were asked for:
  // at once for the first, then what has come in config.stream_interval_s or more.
  // Whole answers of a loop (FinishReason::kLoop) are cut afterwards; deltas cannot be taken back.
  // On the engine's thread, of pages on a document thread; may be empty.
  std::function<void(int choice, std::string_view text, std::span<const TokenInfo> tokens)>
      on_delta;
  // A choice has ended; before on_done. May be empty.
  std::function<void(int choice, const Choice&)> on_choice;
  // Everything has ended, also when the client has gone. On a thread as on_delta.
  std::function<void(GenerationResult)> on_done;
};

// Queues the task, which has prompts. `responder`: its client's leaving cancels. Errors:
// kUnavailable when so many choices find no place, and those of Recognizer::Submit for the first
// choice; nothing is called back then.
Status StartGeneration(Service& service, const std::shared_ptr<Responder>& responder,
                       GenerationTask task);

// OpenAI's name of it: "stop" or "length".
std::string_view OpenAiFinish(FinishReason reason);

}  // namespace glmocr::server
