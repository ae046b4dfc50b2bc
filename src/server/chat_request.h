// What a client asks of the model in words and pictures, as a value, and the reading of it from the
// JSON of OpenAI's chat API; the other text APIs share its parts. Include this only in .cc files.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/api_error.h"
#include "server/json_fields.h"
#include "server/output_format.h"
#include "server/service.h"
#include "tokenizer/chat_prompt.h"

namespace glmocr::server {

// A picture, or a document whose pages become pictures.
struct RequestMedia {
  enum class Kind { kPicture, kDocument };
  Kind kind = Kind::kPicture;
  std::string reference;  // a data: URI, or what else MediaSource opens
  std::string name;       // where it stands: "messages[0].content[1].image_url.url"
};

struct TextRequest {
  std::string model;
  ChatRequest chat;
  std::vector<RequestMedia> media;  // in order of the chat's image parts
  GenerationOptions generation;
  int n = 1;
  bool stream = false;
  bool include_usage = false;
  bool logprobs = false;
  bool names_max_tokens = false;  // else generation.max_new_tokens is ours
  OutputFormat format;
  // Whether pictures go through the layout: "glmocr": {"layout": true}. By itself they do with a
  // model that reads lines.
  std::optional<bool> layout;
  std::vector<std::string> unknown;  // members that nobody knows
};

// OpenAI's chat completion request with the extensions of vLLM and SGLang: top_k, min_p,
// repetition_penalty, chat_template_kwargs.
std::variant<TextRequest, ApiError> ParseChatRequest(const nlohmann::ordered_json& body,
                                                     const ServerConfig& config);

// temperature, top_p, ..., seed and stop, and the bound of the answer's length where the request
// says none. A request without a seed gets a random one.
void ReadSampling(Fields& fields, const ServerConfig& config, GenerationOptions* generation);
// "stop" as in ReadSampling.
void ReadStop(Fields& fields, GenerationOptions* generation);
// "stream" and "stream_options".
void ReadStream(Fields& fields, TextRequest* request);
// "glmocr": what this server takes beside the API's own members.
void ReadGlmOcr(Fields& fields, TextRequest* request);
// "n".
void ReadChoices(Fields& fields, const ServerConfig& config, TextRequest* request);
// One message's content, a string or an array of parts, at `path`.
void ReadContent(const nlohmann::ordered_json& content, const std::string& path,
                 TextRequest* request, ChatMessage* message, Fields& fields);
// At most so many messages, and pictures as far as they are counted by now.
void CheckCounts(const TextRequest& request, const ServerConfig& config, const char* field,
                 Fields& fields);
// "system" (or "developer"), "user", "assistant", "tool"; an error otherwise.
void ReadRole(Fields& message, ChatRole* role);

// `base64` as a data: URI, unless it is a URI already.
std::string AsDataUri(const std::string& base64);

}  // namespace glmocr::server
