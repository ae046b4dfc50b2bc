#include "server/openai_chat.h"

#include <ctime>

#include "server/model_names.h"
#include "server/text_api.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

// What all pieces of one answer say.
struct ChatAnswer {
  std::shared_ptr<const HttpRequest> http;
  std::shared_ptr<Responder> responder;
  int n = 1;
  bool logprobs = false, include_usage = false;
  std::string id, model;
  int64_t created = static_cast<int64_t>(std::time(nullptr));

  ordered_json Head(const char* object) const {
    return {{"id", id}, {"object", object}, {"created", created}, {"model", model}};
  }
};

// --- The answer as a whole ---

std::string ChoiceJson(size_t index, const Choice& choice, bool logprobs) {
  std::string out =
      "{\"index\":" + std::to_string(index) + R"(,"message":{"role":"assistant","content":)";
  AppendJsonString(choice.text, &out);
  out += R"(,"refusal":null},"logprobs":)";
  if (logprobs) {
    out += "{\"content\":";
    AppendLogprobs(choice.tokens, &out);
    out += ",\"refusal\":null}";
  } else {
    out += "null";
  }
  return out + R"(,"finish_reason":")" + std::string(OpenAiFinish(choice.finish)) + '"' +
         StopMembers(choice) + '}';
}

void SendWhole(const ChatAnswer& answer, const GenerationResult& result) {
  if (const auto error = FailureOf(result)) {
    return answer.responder->Send(ErrorResponse(*error, ErrorShape::kOpenAi, *answer.http));
  }
  std::string body = Dump(answer.Head("chat.completion"));
  body.back() = ',';
  body += "\"choices\":[";
  for (size_t c = 0; c < result.choices.size(); ++c) {
    if (c > 0) body += ',';
    body += ChoiceJson(c, result.choices[c], answer.logprobs);
  }
  body += "],\"usage\":" + Dump(UsageJson(result.usage)) + R"(,"system_fingerprint":null)" +
          GlmOcrMember(result.choices[0]) + '}';
  answer.responder->Send({.body = std::move(body)});
}

// --- The answer as a stream ---

// Chunks of a stream. What never changes is written once: this runs on the engine's thread, for
// every token of every client.
class ChatChunks {
 public:
  explicit ChatChunks(const ChatAnswer& answer) : logprobs_(answer.logprobs) {
    std::string head = Dump(answer.Head("chat.completion.chunk"));
    head.back() = ',';
    head_ = "data: " + head + "\"choices\":[";
    tail_ = answer.include_usage ? "],\"usage\":null" : "]";
    end_ = tail_ + "}\n\n";
  }

  std::string Role(int choice) const {
    return Chunk(choice,
                 R"({"role":"assistant","content":""},"logprobs":null,"finish_reason":null)");
  }
  std::string Delta(int choice, std::string_view text, std::span<const TokenInfo> tokens) const {
    std::string out;
    out.reserve(head_.size() + text.size() + 128);
    out = head_;
    out += "{\"index\":";
    out += std::to_string(choice);
    out += R"(,"delta":{"content":)";
    AppendJsonString(text, &out);
    if (logprobs_) {
      out += R"(},"logprobs":{"content":)";
      AppendLogprobs(tokens, &out);
      out += R"(,"refusal":null},"finish_reason":null})";
    } else {
      out += R"(},"logprobs":null,"finish_reason":null})";
    }
    out += end_;
    return out;
  }
  std::string Finish(int index, const Choice& choice) const {
    return Chunk(index,
                 R"({},"logprobs":null,"finish_reason":")" +
                     std::string(OpenAiFinish(choice.finish)) + '"' + StopMembers(choice),
                 GlmOcrMember(choice));
  }
  std::string Usage(const glmocr::Usage& usage) const {
    return head_ + "],\"usage\":" + Dump(UsageJson(usage)) + "}\n\n";
  }

 private:
  std::string Chunk(int choice, const std::string& delta_and_rest,
                    const std::string& more = {}) const {
    return head_ + "{\"index\":" + std::to_string(choice) + ",\"delta\":" + delta_and_rest + "}" +
           tail_ + more + "}\n\n";
  }

  const bool logprobs_;
  std::string head_, tail_, end_;  // around a choice; end_ is tail_ with the chunk's end
};

std::optional<ApiError> StreamAnswer(Service& service, const ChatAnswer& answer,
                                     GenerationTask task) {
  const auto chunks = std::make_shared<const ChatChunks>(answer);
  std::string first;
  for (int c = 0; c < answer.n; ++c) first += chunks->Role(c);
  const auto stream =
      std::make_shared<AnswerStream>(answer.responder, "text/event-stream", std::move(first));
  task.keep_text = false;
  task.on_delta = [stream, chunks](int c, std::string_view text,
                                   std::span<const TokenInfo> tokens) {
    stream->Write(chunks->Delta(c, text, tokens));
  };
  task.on_choice = [stream, chunks, http = answer.http](int c, const Choice& choice) {
    if (const auto error = FailureOf(choice)) {
      stream->Write("data: " + ErrorResponse(*error, ErrorShape::kOpenAi, *http).body + "\n\n");
    } else {
      stream->Write(chunks->Finish(c, choice));
    }
  };
  task.on_done = [stream, chunks, usage = answer.include_usage](const GenerationResult& result) {
    stream->End((usage ? chunks->Usage(result.usage) : "") + "data: [DONE]\n\n");
  };
  return Start(service, answer.responder, std::move(task), stream.get());
}

std::optional<ApiError> Complete(Service& service, const JsonCall& call) {
  auto parsed = ParseChatRequest(call.body, service.config);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  TextRequest& request = std::get<TextRequest>(parsed);
  if (auto error = CheckModel(service.config, request.model)) return error;
  ChatAnswer answer = {.http = call.request,
                       .responder = call.responder,
                       .n = request.n,
                       .logprobs = request.logprobs,
                       .include_usage = request.include_usage,
                       .id = "chatcmpl-" + call.request->id,
                       .model = ServedModel(service, request)};
  const bool stream = request.stream;
  auto prepared = PrepareChat(service, *call.request, std::move(request));
  if (auto* error = std::get_if<ApiError>(&prepared)) return *error;
  auto& task = std::get<GenerationTask>(prepared);
  task.held.push_back(call.ticket);
  task.owner = call.request->Owner();
  return stream
             ? StreamAnswer(service, answer, std::move(task))
             : StartWhole(service, call.responder, std::move(task), answer.logprobs,
                          [answer](const GenerationResult& result) { SendWhole(answer, result); });
}

}  // namespace

void AddChatRoutes(Router& router, Service& service) {
  router.Add(
      {.method = "POST",
       .pattern = "/v1/chat/completions",
       .handler = JsonHandler(service, ErrorShape::kOpenAi,
                              [&service](const JsonCall& call) { return Complete(service, call); }),
       .body = BodyKind::kJson,
       .max_body_bytes = service.config.max_body_bytes});
}

}  // namespace glmocr::server
