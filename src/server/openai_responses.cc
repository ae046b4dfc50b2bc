#include "server/openai_responses.h"

#include <ctime>

#include "server/model_names.h"
#include "server/text_api.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

// --- Requests ---

void ReadItem(const ordered_json& from, const std::string& path, TextRequest* request,
              Fields& fields) {
  if (!from.is_object()) return fields.Fail(path, "must be an object");
  Fields item(from, path);
  item.Ignore({"id", "status"});
  std::string type = "message";
  item.String("type", &type);
  if (type != "message") {
    item.Fail("type", "must be 'message': this server knows no tools and stores no items");
  }
  ChatMessage message;
  ReadRole(item, &message.role);
  if (const ordered_json* content = item.Any("content")) {
    ReadContent(*content, path + ".content", request, &message, fields);
  } else {
    item.Fail("content", "must be a string or an array of parts");
  }
  request->chat.messages.push_back(std::move(message));
  fields.Adopt(item);
}

void ReadInput(Fields& fields, TextRequest* request) {
  std::string instructions;
  fields.String("instructions", &instructions);
  if (!instructions.empty()) {
    request->chat.messages.push_back(
        {.role = ChatRole::kSystem, .content = {ChatPart::Text(std::move(instructions))}});
  }
  const ordered_json* input = fields.Any("input");
  if (input == nullptr) return fields.Fail("input", "is missing");
  if (input->is_string()) {
    request->chat.messages.push_back(
        {.role = ChatRole::kUser, .content = {ChatPart::Text(input->get<std::string>())}});
  } else if (input->is_array() && !input->empty()) {
    for (size_t i = 0; i < input->size() && !fields.error(); ++i)
      ReadItem((*input)[i], "input[" + std::to_string(i) + "]", request, fields);
  } else {
    fields.Fail("input", "must be a string or an array of items");
  }
}

// What would change the answer's meaning and is not done here.
void RefuseState(Fields& fields) {
  for (const char* name : {"previous_response_id", "conversation", "prompt"}) {
    if (fields.Any(name) != nullptr)
      fields.Fail(name, "is not supported: this server stores no responses; send the whole input");
  }
  bool background = false;
  fields.Bool("background", &background);
  if (background) fields.Fail("background", "must be false: this server stores no responses");
  const ordered_json* tools = fields.Array("tools");
  if (tools != nullptr && !tools->empty())
    fields.Fail("tools", "is not supported: this server calls no tools");
  if (const ordered_json* choice = fields.Any("tool_choice")) {
    if (*choice != "auto" && *choice != "none")
      fields.Fail("tool_choice", "must be 'auto' or 'none': this server calls no tools");
  }
  bool store = false;
  fields.Bool("store", &store);  // takes it, and answers "store": false
  fields.Ignore({"parallel_tool_calls", "max_tool_calls", "reasoning", "service_tier", "truncation",
                 "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"});
}

void ReadLogprobs(Fields& fields, TextRequest* request) {
  int64_t top = 0;
  fields.Integer("top_logprobs", &top, 0, 20);
  request->logprobs = top > 0;
  if (const ordered_json* include = fields.Array("include")) {
    for (const ordered_json& what : *include) {
      if (what == "message.output_text.logprobs") {
        request->logprobs = true;
      } else if (what != "message.input_image.image_url" && what != "reasoning.encrypted_content") {
        fields.Fail("include", "may hold 'message.output_text.logprobs' only");
      }
    }
  }
  if (request->logprobs) request->generation.sampling.n_top_logprobs = static_cast<int32_t>(top);
}

std::variant<TextRequest, ApiError> Parse(const ordered_json& body, const ServerConfig& config) {
  TextRequest request;
  Fields fields(body, "");
  fields.String("model", &request.model);
  ReadInput(fields, &request);
  CheckCounts(request, config, "input", fields);
  ReadSampling(fields, config, &request.generation);
  fields.Integer("max_output_tokens", &request.generation.max_new_tokens, 1, config.max_tokens);
  request.names_max_tokens = fields.Any("max_output_tokens") != nullptr;
  ReadStream(fields, &request);
  ReadLogprobs(fields, &request);
  if (const ordered_json* text = fields.Object("text")) {
    Fields inner(*text, "text");
    inner.Ignore({"verbosity"});
    ReadTextFormat(inner, &request.format);
    fields.Adopt(inner);
  }
  ReadGlmOcr(fields, &request);
  RefuseState(fields);
  if (const ordered_json* metadata = fields.Object("metadata");
      metadata != nullptr && metadata->size() > 16)
    fields.Fail("metadata", "must have at most 16 members");
  if (fields.error()) return *fields.error();
  request.unknown = fields.Unknown();
  return request;
}

// --- The response object ---

struct Answer {
  std::shared_ptr<const HttpRequest> http;
  std::shared_ptr<Responder> responder;
  bool logprobs = false;
  std::string id, message_id;
  ordered_json base;  // the object before there is output

  ordered_json Object(const char* status) const {
    ordered_json object = base;
    object["status"] = status;
    return object;
  }
};

ordered_json OrNull(const ordered_json& body, const char* name) {
  const auto found = body.find(name);
  return found == body.end() ? ordered_json() : ordered_json(*found);
}

// All members of OpenAI's response; those of the request as they are meant here.
ordered_json BaseObject(const ordered_json& body, const TextRequest& request, const std::string& id,
                        const std::string& model) {
  const SamplingParams& sampling = request.generation.sampling;
  ordered_json format = {{"type", "text"}};
  if (request.format.kind != OutputFormat::Kind::kText) format = body["text"]["format"];
  ordered_json metadata = OrNull(body, "metadata");
  if (metadata.is_null()) metadata = ordered_json::object();
  return {{"id", id},
          {"object", "response"},
          {"created_at", static_cast<int64_t>(std::time(nullptr))},
          {"status", "in_progress"},
          {"background", false},
          {"error", nullptr},
          {"incomplete_details", nullptr},
          {"instructions", OrNull(body, "instructions")},
          {"max_output_tokens", OrNull(body, "max_output_tokens")},
          {"model", model},
          {"output", ordered_json::array()},
          {"parallel_tool_calls", false},
          {"previous_response_id", nullptr},
          {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
          {"store", false},
          {"temperature", sampling.temperature},
          {"text", {{"format", std::move(format)}}},
          {"tool_choice", "none"},
          {"tools", ordered_json::array()},
          {"top_logprobs", std::max(sampling.n_top_logprobs, 0)},
          {"top_p", sampling.top_p},
          {"truncation", "disabled"},
          {"usage", nullptr},
          {"user", OrNull(body, "user")},
          {"metadata", std::move(metadata)}};
}

ordered_json LogprobsJson(std::span<const TokenInfo> tokens) {
  std::string text;
  AppendLogprobs(tokens, &text);
  return ordered_json::parse(text);
}

ordered_json TextPart(const std::string& text, std::span<const TokenInfo> tokens) {
  return {{"type", "output_text"},
          {"annotations", ordered_json::array()},
          {"logprobs", LogprobsJson(tokens)},
          {"text", text}};
}

bool IsComplete(const Choice& choice) { return OpenAiFinish(choice.finish) == "stop"; }

ordered_json MessageItem(const Answer& answer, const char* status, ordered_json content) {
  return {{"id", answer.message_id},
          {"type", "message"},
          {"status", status},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

ordered_json DoneItem(const Answer& answer, const Choice& choice) {
  return MessageItem(answer, IsComplete(choice) ? "completed" : "incomplete",
                     ordered_json::array({TextPart(choice.text, choice.tokens)}));
}

ordered_json DoneObject(const Answer& answer, const GenerationResult& result) {
  const Choice& choice = result.choices[0];
  const bool complete = IsComplete(choice);
  ordered_json object = answer.Object(complete ? "completed" : "incomplete");
  if (!complete) object["incomplete_details"] = {{"reason", "max_output_tokens"}};
  object["output"].push_back(DoneItem(answer, choice));
  const Usage& usage = result.usage;
  object["usage"] = {{"input_tokens", usage.prompt_tokens},
                     {"input_tokens_details", {{"cached_tokens", usage.cached_prompt_tokens}}},
                     {"output_tokens", usage.completion_tokens},
                     {"output_tokens_details", {{"reasoning_tokens", 0}}},
                     {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
  if (const std::string member = GlmOcrMember(choice); !member.empty())
    object.update(ordered_json::parse('{' + member.substr(1) + '}'));
  return object;
}

void SendWhole(const Answer& answer, const GenerationResult& result) {
  if (const auto error = FailureOf(result)) {
    return answer.responder->Send(ErrorResponse(*error, ErrorShape::kOpenAi, *answer.http));
  }
  answer.responder->Send({.body = Dump(DoneObject(answer, result))});
}

// --- The stream: OpenAI's events in their order, numbered ---

class ResponseEvents {
 public:
  explicit ResponseEvents(const Answer& answer) : answer_(answer) {
    delta_place_ = ",\"item_id\":";
    AppendJsonString(answer.message_id, &delta_place_);
    delta_place_ += R"(,"output_index":0,"content_index":0,"delta":)";
  }

  // Before the first token.
  std::string Opening() {
    const ordered_json object = answer_.Object("in_progress");
    // Statement by statement: operands of + may be evaluated in any order, and events are counted.
    std::string out = Event("response.created", {{"response", object}});
    out += Event("response.in_progress", {{"response", object}});
    out += Event("response.output_item.added",
                 {{"output_index", 0},
                  {"item", MessageItem(answer_, "in_progress", ordered_json::array())}});
    out += Event("response.content_part.added", AtPart({{"part", TextPart("", {})}}));
    return out;
  }
  std::string Delta(std::string_view text, std::span<const TokenInfo> tokens) {
    std::string out =
        "event: response.output_text.delta\ndata: "
        "{\"type\":\"response.output_text.delta\",\"sequence_number\":";
    out += std::to_string(sequence_++);
    out += delta_place_;
    AppendJsonString(text, &out);
    out += ",\"logprobs\":";
    AppendLogprobs(tokens, &out);
    return out + "}\n\n";
  }
  std::string Closing(const GenerationResult& result) {
    const Choice& choice = result.choices[0];
    if (const auto error = FailureOf(choice)) {
      ordered_json object = answer_.Object("failed");
      object["error"] = {{"code", "server_error"}, {"message", error->message}};
      return Event("response.failed", {{"response", object}});
    }
    const ordered_json part = TextPart(choice.text, choice.tokens);
    std::string out = Event("response.output_text.done",
                            AtPart({{"text", choice.text}, {"logprobs", part["logprobs"]}}));
    out += Event("response.content_part.done", AtPart({{"part", part}}));
    out += Event("response.output_item.done",
                 {{"output_index", 0}, {"item", DoneItem(answer_, choice)}});
    out += Event(IsComplete(choice) ? "response.completed" : "response.incomplete",
                 {{"response", DoneObject(answer_, result)}});
    return out;
  }

 private:
  ordered_json AtPart(ordered_json more) const {
    ordered_json at = {{"item_id", answer_.message_id}, {"output_index", 0}, {"content_index", 0}};
    at.update(more);
    return at;
  }
  std::string Event(const char* type, const ordered_json& members) {
    ordered_json event = {{"type", type}, {"sequence_number", sequence_++}};
    event.update(members);
    return "event: " + std::string(type) + "\ndata: " + Dump(event) + "\n\n";
  }

  const Answer answer_;
  std::string delta_place_;
  int64_t sequence_ = 0;
};

std::optional<ApiError> StreamAnswer(Service& service, const Answer& answer, GenerationTask task) {
  const auto events = std::make_shared<ResponseEvents>(answer);
  const auto stream =
      std::make_shared<AnswerStream>(answer.responder, "text/event-stream", events->Opening());
  // The text is kept: the last events repeat it.
  task.on_delta = [stream, events](int, std::string_view text, std::span<const TokenInfo> tokens) {
    stream->Write(events->Delta(text, tokens));
  };
  task.on_done = [&service, stream, events, logprobs = answer.logprobs](GenerationResult result) {
    Render(service, logprobs,
           [stream, events, result = std::move(result)] { stream->End(events->Closing(result)); });
  };
  return Start(service, answer.responder, std::move(task), stream.get());
}

std::optional<ApiError> Respond(Service& service, const JsonCall& call) {
  auto parsed = Parse(call.body, service.config);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  TextRequest& request = std::get<TextRequest>(parsed);
  if (auto error = CheckModel(service.config, request.model)) return error;
  const std::string id = "resp_" + call.request->id;
  const Answer answer = {.http = call.request,
                         .responder = call.responder,
                         .logprobs = request.logprobs,
                         .id = id,
                         .message_id = "msg_" + call.request->id,
                         .base = BaseObject(call.body, request, id, ServedModel(service, request))};
  const bool stream = request.stream;
  auto task = PrepareChat(service, *call.request, std::move(request));
  if (auto* error = std::get_if<ApiError>(&task)) return *error;
  auto& ready = std::get<GenerationTask>(task);
  ready.held.push_back(call.ticket);
  ready.owner = call.request->Owner();
  return stream
             ? StreamAnswer(service, answer, std::move(ready))
             : StartWhole(service, call.responder, std::move(ready), answer.logprobs,
                          [answer](const GenerationResult& result) { SendWhole(answer, result); });
}

}  // namespace

void AddResponseRoutes(Router& router, Service& service) {
  router.Add(
      {.method = "POST",
       .pattern = "/v1/responses",
       .handler = JsonHandler(service, ErrorShape::kOpenAi,
                              [&service](const JsonCall& call) { return Respond(service, call); }),
       .body = BodyKind::kJson,
       .max_body_bytes = service.config.max_body_bytes});
}

}  // namespace glmocr::server
