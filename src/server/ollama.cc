#include "server/ollama.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "base/seconds_since.h"
#include "server/model_names.h"
#include "server/text_api.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;
using SystemClock = std::chrono::system_clock;

// Of Ollama's API that is spoken here; clients look at it to know what they may ask.
constexpr char kVersion[] = "0.12.0";

enum class Api { kGenerate, kChat };

std::string Timestamp() {
  const auto now = SystemClock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(SystemClock::to_time_t(seconds)),
                     std::chrono::duration_cast<std::chrono::nanoseconds>(now - seconds).count());
}

int64_t Nanoseconds(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

struct Parsed {
  TextRequest request;
  std::string raw_prompt;  // where `raw`
  bool raw = false;
  bool load_only = false;  // nothing is asked: the model is to be loaded
};

struct Answer {
  std::shared_ptr<const HttpRequest> http;
  std::shared_ptr<Responder> responder;
  Api api = Api::kGenerate;
  std::string model;
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();

  // {"model", "created_at", and the text where the API has it; without the closing brace.
  std::string Line(std::string_view text) const {
    std::string line = "{\"model\":";
    AppendJsonString(model, &line);
    line += ",\"created_at\":\"" + Timestamp() + "\",";
    line += api == Api::kGenerate ? "\"response\":" : R"("message":{"role":"assistant","content":)";
    AppendJsonString(text, &line);
    if (api == Api::kChat) line += '}';
    return line;
  }
  std::string Last(std::string_view text, const GenerationResult& result) const {
    const RequestTiming& timing = result.timing;
    const double total_s = SecondsSince(begun);
    return Line(text) +
           fmt::format(
               R"(,"done":true,"done_reason":"{}","total_duration":{},"load_duration":{},)"
               R"("prompt_eval_count":{},"prompt_eval_duration":{},"eval_count":{},)"
               R"("eval_duration":{})",
               OpenAiFinish(result.choices[0].finish), Nanoseconds(total_s),
               Nanoseconds(std::max(0.0, total_s - timing.total_s) + timing.queued_s),
               result.usage.prompt_tokens, Nanoseconds(timing.first_token_s - timing.queued_s),
               result.usage.completion_tokens, Nanoseconds(timing.total_s - timing.first_token_s)) +
           GlmOcrMember(result.choices[0]) + '}';
  }
};

// --- Requests ---

void ReadImages(Fields& from, TextRequest* request, ChatMessage* message) {
  const ordered_json* images = from.Array("images");
  if (images == nullptr) return;
  for (size_t i = 0; i < images->size(); ++i) {
    const std::string name = "images[" + std::to_string(i) + "]";
    if (!(*images)[i].is_string()) return from.Fail(name, "must be a string: base64");
    message->content.push_back(ChatPart::Image());
    request->media.push_back({.reference = AsDataUri((*images)[i].get_ref<const std::string&>()),
                              .name = from.PathOf(name)});
  }
}

// Pictures come before the text, as GLM-OCR was trained.
void ReadMessage(const ordered_json& from, const std::string& path, TextRequest* request,
                 Fields& fields) {
  if (!from.is_object()) return fields.Fail(path, "must be an object");
  Fields member(from, path);
  member.Ignore({"tool_name"});
  ChatMessage message;
  ReadRole(member, &message.role);
  ReadImages(member, request, &message);
  std::string text;
  member.String("content", &text);
  if (!text.empty() || message.content.empty())
    message.content.push_back(ChatPart::Text(std::move(text)));
  if (member.Any("thinking") != nullptr && message.role == ChatRole::kAssistant)
    member.String("thinking", &message.reasoning.emplace());
  request->chat.messages.push_back(std::move(message));
  fields.Adopt(member);
}

// OpenAI's names for the members of "options" that differ, so that one reader does for all.
ordered_json OptionsAsOpenAi(const ordered_json& options) {
  ordered_json renamed = options;
  for (const auto& [theirs, ours] : {std::pair("repeat_penalty", "repetition_penalty")}) {
    const auto found = renamed.find(theirs);
    if (found == renamed.end()) continue;
    ordered_json value = std::move(*found);
    renamed.erase(found);
    renamed[ours] = std::move(value);
  }
  return renamed;
}

void ReadOptions(Fields& fields, const ServerConfig& config, TextRequest* request) {
  const ordered_json* given = fields.Object("options");
  const ordered_json options = given == nullptr ? ordered_json::object() : OptionsAsOpenAi(*given);
  Fields inner(options, "options");
  ReadSampling(inner, config, &request->generation);
  int64_t n = -1;
  inner.Integer("num_predict", &n, -2, INT32_MAX);  // -1, -2: as much as fits
  if (n == 0) inner.Fail("num_predict", "must not be 0");
  request->names_max_tokens = n > 0;
  if (n > 0) request->generation.max_new_tokens = std::min(n, config.max_tokens);
  inner.Ignore({"num_ctx", "num_keep", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap",
                "use_mlock", "numa", "low_vram"});
  fields.Adopt(inner);
}

void ReadCommon(Fields& fields, const ServerConfig& config, Parsed* parsed) {
  TextRequest& request = parsed->request;
  fields.RequiredString("model", &request.model);
  request.stream = true;
  fields.Bool("stream", &request.stream);
  ReadOptions(fields, config, &request);
  ReadOllamaFormat(fields, &request.format);
  ReadGlmOcr(fields, &request);
  if (const ordered_json* think = fields.Any("think")) {
    if (!think->is_boolean()) fields.Fail("think", "must be true or false");
    request.chat.thinking = *think == true ? Thinking::kEnabled : Thinking::kDisabled;
  }
  fields.Ignore({"keep_alive"});
}

void ReadGenerate(Fields& fields, Parsed* parsed) {
  TextRequest& request = parsed->request;
  for (const char* name : {"suffix", "template", "context"}) {
    const ordered_json* value = fields.Any(name);
    if (value != nullptr && !value->empty() && *value != "")
      fields.Fail(name, "is not supported by this server");
  }
  std::string system, prompt;
  fields.String("system", &system);
  fields.String("prompt", &prompt);
  fields.Bool("raw", &parsed->raw);
  if (!system.empty()) {
    request.chat.messages.push_back(
        {.role = ChatRole::kSystem, .content = {ChatPart::Text(std::move(system))}});
  }
  ChatMessage message;
  ReadImages(fields, &request, &message);
  if (parsed->raw && !request.media.empty())
    fields.Fail("raw", "cannot be had with 'images': they have their place in the template");
  parsed->load_only = prompt.empty() && request.media.empty();
  parsed->raw_prompt = prompt;
  if (!prompt.empty()) message.content.push_back(ChatPart::Text(std::move(prompt)));
  request.chat.messages.push_back(std::move(message));
}

void ReadChat(Fields& fields, Parsed* parsed) {
  const ordered_json* tools = fields.Array("tools");
  if (tools != nullptr && !tools->empty())
    fields.Fail("tools", "is not supported: this server calls no tools");
  const ordered_json* messages = fields.Array("messages");
  parsed->load_only = messages == nullptr || messages->empty();
  if (messages == nullptr) return;
  for (size_t i = 0; i < messages->size() && !fields.error(); ++i)
    ReadMessage((*messages)[i], "messages[" + std::to_string(i) + "]", &parsed->request, fields);
}

std::variant<Parsed, ApiError> Parse(const ordered_json& body, Api api,
                                     const ServerConfig& config) {
  Parsed parsed;
  Fields fields(body, "");
  ReadCommon(fields, config, &parsed);
  api == Api::kGenerate ? ReadGenerate(fields, &parsed) : ReadChat(fields, &parsed);
  CheckCounts(parsed.request, config, api == Api::kGenerate ? "images" : "messages", fields);
  if (fields.error()) return *fields.error();
  parsed.request.unknown = fields.Unknown();
  return parsed;
}

std::variant<GenerationTask, ApiError> Prepare(Service& service, const HttpRequest& http,
                                               Parsed parsed) {
  if (!parsed.raw) return PrepareChat(service, http, std::move(parsed.request));
  LogUnknown(service, http, parsed.request.unknown);
  GenerationTask task;
  if (auto error = PrepareOptions(service, parsed.request, &task)) return *error;
  auto ids =
      service.recognizer.processor().tokenizer().Encode(parsed.raw_prompt, EncodeMode::kPlainText);
  if (!ids.ok()) return ApiErrorOf(ids.error());
  task.prompts.push_back({.ids = std::move(*ids)});
  return task;
}

// --- Answers ---

std::optional<ApiError> StreamAnswer(Service& service, const Answer& answer, GenerationTask task) {
  const auto stream = std::make_shared<AnswerStream>(answer.responder, "application/x-ndjson", "");
  task.keep_text = false;
  task.on_delta = [stream, answer](int, std::string_view text, std::span<const TokenInfo>) {
    stream->Write(answer.Line(text) + ",\"done\":false}\n");
  };
  task.on_done = [stream, answer](const GenerationResult& result) {
    if (const auto error = FailureOf(result)) {
      return stream->End(ErrorResponse(*error, ErrorShape::kPlain, *answer.http).body + "\n");
    }
    stream->End(answer.Last("", result) + "\n");
  };
  return Start(service, answer.responder, std::move(task), stream.get());
}

std::optional<ApiError> WholeAnswer(Service& service, const Answer& answer, GenerationTask task) {
  task.on_done = [answer](const GenerationResult& result) {
    if (const auto error = FailureOf(result)) {
      return answer.responder->Send(ErrorResponse(*error, ErrorShape::kPlain, *answer.http));
    }
    answer.responder->Send({.body = answer.Last(result.choices[0].text, result)});
  };
  return Start(service, answer.responder, std::move(task), nullptr);
}

std::optional<ApiError> Complete(Service& service, const JsonCall& call, Api api) {
  auto parsed = Parse(call.body, api, service.config);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  Parsed& request = std::get<Parsed>(parsed);
  if (auto error = CheckModel(service.config, request.request.model)) return error;
  const Answer answer = {.http = call.request,
                         .responder = call.responder,
                         .api = api,
                         .model = request.request.model};
  const bool stream = request.request.stream;
  if (request.load_only) {
    call.responder->Send(
        {.content_type = stream ? "application/x-ndjson" : "application/json",
         .body = answer.Line("") + R"(,"done":true,"done_reason":"load"})" + (stream ? "\n" : "")});
    return std::nullopt;
  }
  auto task = Prepare(service, *call.request, std::move(request));
  if (auto* error = std::get_if<ApiError>(&task)) return *error;
  auto& ready = std::get<GenerationTask>(task);
  ready.held.push_back(call.ticket);
  ready.owner = call.request->Owner();
  return stream ? StreamAnswer(service, answer, std::move(ready))
                : WholeAnswer(service, answer, std::move(ready));
}

// --- The model ---

ordered_json Details() {
  return {{"parent_model", ""},     {"format", "safetensors"}, {"family", "glmocr"},
          {"families", {"glmocr"}}, {"parameter_size", ""},    {"quantization_level", "BF16"}};
}

ordered_json ModelEntry(const Service& service, const std::string& modified_at) {
  const std::string& name = service.config.served_model_name;
  return {{"name", name}, {"model", name}, {"modified_at", modified_at},
          {"size", 0},    {"digest", ""},  {"details", Details()}};
}

std::optional<ApiError> Show(Service& service, const JsonCall& call) {
  Fields fields(call.body, "");
  std::string model;
  fields.String("name", &model);  // its old name
  fields.String("model", &model);
  if (fields.error()) return fields.error();
  if (model.empty()) fields.Fail("model", "is missing");
  if (fields.error()) return fields.error();
  if (auto error = CheckModel(service.config, model)) return error;
  const auto& info = service.recognizer.runner().info();
  call.responder->Send({.body = Dump({{"modelfile", ""},
                                      {"parameters", ""},
                                      {"template", ""},
                                      {"details", Details()},
                                      {"model_info",
                                       {{"general.architecture", "glmocr"},
                                        {"glmocr.context_length", info.max_context_tokens},
                                        {"glmocr.vocab_size", info.vocab_size}}},
                                      {"capabilities", {"completion", "vision"}}})});
  return std::nullopt;
}

HttpHandler Fixed(std::string body) {
  return [body = std::move(body)](std::shared_ptr<const HttpRequest>,
                                  std::shared_ptr<Responder> r) { r->Send({.body = body}); };
}

}  // namespace

void AddOllamaRoutes(Router& router, Service& service) {
  const auto post = [&](const char* pattern, JsonWork work) {
    router.Add({.method = "POST",
                .pattern = pattern,
                .handler = JsonHandler(service, ErrorShape::kPlain, std::move(work)),
                // Ollama's clients do not all say what they send; pages of other origins are
                // refused whatever they say.
                .body = BodyKind::kAny,
                .max_body_bytes = service.config.max_body_bytes,
                .errors = ErrorShape::kPlain});
  };
  post("/api/generate",
       [&service](const JsonCall& call) { return Complete(service, call, Api::kGenerate); });
  post("/api/chat",
       [&service](const JsonCall& call) { return Complete(service, call, Api::kChat); });
  post("/api/show", [&service](const JsonCall& call) { return Show(service, call); });
  const auto get = [&](const char* pattern, const ordered_json& body) {
    router.Add({.method = "GET",
                .pattern = pattern,
                .handler = Fixed(Dump(body)),
                .errors = ErrorShape::kPlain});
  };
  const ordered_json models = {{"models", ordered_json::array({ModelEntry(service, Timestamp())})}};
  get("/api/tags", models);
  get("/api/ps", models);
  get("/api/version", {{"version", kVersion}});
}

}  // namespace glmocr::server
