#include "server/openai_completions.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "server/model_names.h"
#include "server/text_api.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxPrompts = 128;
constexpr int64_t kDefaultMaxTokens = 16;  // as OpenAI's and vLLM's
constexpr int64_t kMaxLogprobs = 20;

struct Prompts {
  std::vector<std::vector<int32_t>> ids;
  std::vector<std::string> texts;  // for "echo"
};

struct Answer {
  std::shared_ptr<const HttpRequest> http;
  std::shared_ptr<Responder> responder;
  int n = 1;  // per prompt
  bool logprobs = false, include_usage = false;
  std::vector<std::string> echo;  // in front of each prompt's choices; empty: none
  std::string id, model;
  int64_t created = static_cast<int64_t>(std::time(nullptr));

  std::string Head() const {
    std::string head =
        Dump({{"id", id}, {"object", "text_completion"}, {"created", created}, {"model", model}});
    head.back() = ',';
    return head + "\"choices\":[";
  }
  std::string_view EchoOf(int choice) const {
    return echo.empty() ? std::string_view() : echo[static_cast<size_t>(choice / n)];
  }
};

bool IsTokenList(const ordered_json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(),
                     [](const ordered_json& id) { return id.is_number_integer(); });
}

// Text becomes tokens as a lone text does: the file's own prefix, and nothing in it is special.
void AddText(const Tokenizer& tokenizer, const std::string& text, Prompts* prompts,
             Fields& fields) {
  auto ids = tokenizer.Encode(text, EncodeMode::kPlainText);
  if (!ids.ok()) return fields.Fail("prompt", "must be UTF-8");
  const auto prefix = tokenizer.template_prefix();
  ids->insert(ids->begin(), prefix.begin(), prefix.end());
  if (ids->empty()) return fields.Fail("prompt", "must not be empty");
  prompts->ids.push_back(std::move(*ids));
  prompts->texts.push_back(text);
}

void AddTokens(const Tokenizer& tokenizer, const ordered_json& list, Prompts* prompts,
               Fields& fields) {
  std::vector<int32_t> ids;
  for (const ordered_json& value : list) {
    const bool small = !value.is_number_unsigned() || value.get<uint64_t>() <= INT32_MAX;
    const int64_t id = small ? value.get<int64_t>() : -1;
    if (id < 0 || id > INT32_MAX || !tokenizer.HasToken(static_cast<int32_t>(id)))
      return fields.Fail("prompt", "holds a number that is not a token of the model");
    ids.push_back(static_cast<int32_t>(id));
  }
  prompts->texts.push_back(tokenizer.Decode(ids, SpecialTokens::kSkip));
  prompts->ids.push_back(std::move(ids));
}

// A string, an array of strings, a list of token ids, or an array of such lists.
void ReadPrompts(const Tokenizer& tokenizer, Prompts* prompts, Fields& fields) {
  const ordered_json* prompt = fields.Any("prompt");
  if (prompt == nullptr) return fields.Fail("prompt", "is missing");
  if (prompt->is_string()) {
    return AddText(tokenizer, prompt->get_ref<const std::string&>(), prompts, fields);
  }
  if (IsTokenList(*prompt)) return AddTokens(tokenizer, *prompt, prompts, fields);
  if (!prompt->is_array() || prompt->empty()) {
    return fields.Fail("prompt", "must be a string, strings, token ids, or lists of token ids");
  }
  if (prompt->size() > kMaxPrompts)
    return fields.Fail("prompt", "must hold at most " + std::to_string(kMaxPrompts) + " prompts");
  for (const ordered_json& one : *prompt) {
    if (one.is_string()) {
      AddText(tokenizer, one.get_ref<const std::string&>(), prompts, fields);
    } else if (IsTokenList(one)) {
      AddTokens(tokenizer, one, prompts, fields);
    } else {
      fields.Fail("prompt", "must hold strings or lists of token ids");
    }
    if (fields.error()) return;
  }
}

// What the chat API's reader does not know.
void ReadRest(Fields& fields, const ServerConfig& config, TextRequest* request, bool* echo) {
  std::string suffix;
  fields.String("suffix", &suffix);
  if (!suffix.empty()) fields.Fail("suffix", "is not supported: the model cannot fill gaps");
  fields.Bool("echo", echo);
  int64_t logprobs = -1;
  fields.Integer("logprobs", &logprobs, 0, kMaxLogprobs);
  request->logprobs = logprobs >= 0;
  request->generation.sampling.n_top_logprobs = static_cast<int32_t>(logprobs);
  if (request->logprobs && *echo)
    fields.Fail("echo", "cannot be had with 'logprobs': those of the prompt are not computed");
  int64_t best_of = request->n;
  fields.Integer("best_of", &best_of, 1, config.max_choices);
  if (best_of != request->n) fields.Fail("best_of", "must be 'n' where it is given");
  fields.Ignore({"user"});
}

// --- Logprobs in the old shape ---

size_t CountCharacters(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// {"tokens", "token_logprobs", "top_logprobs", "text_offset"}. `offset`: characters of the text so
// far; moved on. Of two likely tokens with the same characters (halves of different ones) the
// likelier stays.
std::string LogprobsJson(std::span<const TokenInfo> tokens, size_t* offset) {
  ordered_json all = {{"tokens", ordered_json::array()},
                      {"token_logprobs", ordered_json::array()},
                      {"top_logprobs", ordered_json::array()},
                      {"text_offset", ordered_json::array()}};
  Utf8Repairer repairer;
  for (const TokenInfo& token : tokens) {
    all["tokens"].push_back(token.bytes);
    all["token_logprobs"].push_back(std::max(token.logprob, -9999.0F));
    ordered_json top = ordered_json::object();
    for (const auto& [bytes, logprob] : token.top) {
      const std::string name = RepairUtf8(bytes);
      if (!top.contains(name)) top[name] = std::max(logprob, -9999.0F);
    }
    all["top_logprobs"].push_back(std::move(top));
    all["text_offset"].push_back(*offset);
    std::string text;
    repairer.Push(token.bytes, &text);
    *offset += CountCharacters(text);
  }
  return Dump(all);
}

// `finish`: `"stop"` and the members behind it, or "null".
std::string ChoiceJson(int index, std::string_view text, const std::string& logprobs,
                       const std::string& finish) {
  std::string out = "{\"text\":";
  AppendJsonString(text, &out);
  return out +
         fmt::format(R"(,"index":{},"logprobs":{},"finish_reason":{}}})", index, logprobs, finish);
}

std::string FinishOf(const Choice& choice) {
  return '"' + std::string(OpenAiFinish(choice.finish)) + '"' + StopMembers(choice);
}

void SendWhole(const Answer& answer, const GenerationResult& result) {
  if (const auto error = FailureOf(result)) {
    return answer.responder->Send(ErrorResponse(*error, ErrorShape::kOpenAi, *answer.http));
  }
  std::string body = answer.Head();
  for (size_t i = 0; i < result.choices.size(); ++i) {
    const Choice& choice = result.choices[i];
    const int c = static_cast<int>(i);
    size_t offset = 0;
    body += i == 0 ? "" : ",";
    body += ChoiceJson(c, std::string(answer.EchoOf(c)) + choice.text,
                       answer.logprobs ? LogprobsJson(choice.tokens, &offset) : "null",
                       FinishOf(choice));
  }
  body += "],\"usage\":" + Dump(UsageJson(result.usage)) + "}";
  answer.responder->Send({.body = std::move(body)});
}

std::optional<ApiError> StreamAnswer(Service& service, const Answer& answer, GenerationTask task) {
  struct Chunks {
    std::string head, tail;
    std::vector<size_t> offsets;  // by choice; each is moved by its own callbacks alone
    std::string Of(const std::string& choice) const { return head + choice + tail; }
  };
  const auto chunks = std::make_shared<Chunks>();
  chunks->head = "data: " + answer.Head();
  chunks->tail = answer.include_usage ? "],\"usage\":null}\n\n" : "]}\n\n";
  const size_t n_choices = task.prompts.size() * static_cast<size_t>(task.n);
  chunks->offsets.resize(n_choices);
  std::string first;
  for (int c = 0; c < static_cast<int>(n_choices) && !answer.echo.empty(); ++c)
    first += chunks->Of(ChoiceJson(c, answer.EchoOf(c), "null", "null"));
  const auto stream =
      std::make_shared<AnswerStream>(answer.responder, "text/event-stream", std::move(first));
  task.keep_text = false;
  task.on_delta = [stream, chunks, logprobs = answer.logprobs](int c, std::string_view text,
                                                               std::span<const TokenInfo> tokens) {
    size_t& offset = chunks->offsets[static_cast<size_t>(c)];
    stream->Write(
        chunks->Of(ChoiceJson(c, text, logprobs ? LogprobsJson(tokens, &offset) : "null", "null")));
  };
  task.on_choice = [stream, chunks, http = answer.http](int c, const Choice& choice) {
    if (const auto error = FailureOf(choice)) {
      stream->Write("data: " + ErrorResponse(*error, ErrorShape::kOpenAi, *http).body + "\n\n");
    } else {
      stream->Write(chunks->Of(ChoiceJson(c, "", "null", FinishOf(choice))));
    }
  };
  task.on_done = [stream, chunks,
                  include_usage = answer.include_usage](const GenerationResult& result) {
    std::string last;
    if (include_usage)
      last = chunks->head + "],\"usage\":" + Dump(UsageJson(result.usage)) + "}\n\n";
    stream->End(last + "data: [DONE]\n\n");
  };
  return Start(service, answer.responder, std::move(task), stream.get());
}

std::optional<ApiError> Complete(Service& service, const JsonCall& call) {
  TextRequest request;
  Prompts prompts;
  bool echo = false;
  Fields fields(call.body, "");
  fields.String("model", &request.model);
  ReadPrompts(service.recognizer.processor().tokenizer(), &prompts, fields);
  ReadSampling(fields, service.config, &request.generation);
  request.generation.max_new_tokens = kDefaultMaxTokens;
  fields.Integer("max_tokens", &request.generation.max_new_tokens, 1, service.config.max_tokens);
  ReadChoices(fields, service.config, &request);
  ReadRest(fields, service.config, &request, &echo);
  ReadStream(fields, &request);
  ReadResponseFormat(fields, &request.format);
  if (fields.error()) return fields.error();
  if (auto error = CheckModel(service.config, request.model)) return error;
  LogUnknown(service, *call.request, fields.Unknown());
  GenerationTask task;
  task.held.push_back(call.ticket);
  task.owner = call.request->Owner();
  if (auto error = PrepareOptions(service, request, &task)) return error;
  for (std::vector<int32_t>& ids : prompts.ids)
    task.prompts.push_back({.ids = std::move(ids)});  // positions: 0, 1, 2, ...
  Answer answer = {.http = call.request,
                   .responder = call.responder,
                   .n = request.n,
                   .logprobs = request.logprobs,
                   .include_usage = request.include_usage,
                   .id = "cmpl-" + call.request->id,
                   .model = ServedModel(service, request)};
  if (echo) answer.echo = std::move(prompts.texts);
  return request.stream
             ? StreamAnswer(service, answer, std::move(task))
             : StartWhole(service, call.responder, std::move(task), answer.logprobs,
                          [answer](const GenerationResult& result) { SendWhole(answer, result); });
}

}  // namespace

void AddCompletionRoutes(Router& router, Service& service) {
  router.Add(
      {.method = "POST",
       .pattern = "/v1/completions",
       .handler = JsonHandler(service, ErrorShape::kOpenAi,
                              [&service](const JsonCall& call) { return Complete(service, call); }),
       .body = BodyKind::kJson,
       .max_body_bytes = service.config.max_body_bytes});
}

}  // namespace glmocr::server
