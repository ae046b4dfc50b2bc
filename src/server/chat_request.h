// The body of a chat completion, as a value. Include this only in .cc files.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "server/api_error.h"
#include "server/service.h"
#include "tokenizer/chat_prompt.h"

namespace glmocr::server {

struct CompletionRequest {
  std::string model;
  ChatRequest chat;
  std::vector<std::string> images;       // references, in order of the chat's image parts
  std::vector<std::string> image_names;  // where they stand: "messages[0].content[1].image_url.url"
  GenerationOptions generation;
  int n = 1;
  bool stream = false;
  bool include_usage = false;
  bool logprobs = false;
  nlohmann::json response_format;    // null: text
  std::vector<std::string> ignored;  // members that nobody knows
};

// OpenAI's chat completion request with the extensions of vLLM and SGLang: top_k, min_p,
// repetition_penalty, chat_template_kwargs.
std::variant<CompletionRequest, ApiError> ParseChatRequest(const nlohmann::json& body,
                                                           const ServerConfig& config);

// The masks of a response_format: {"type": "text" | "json_object" | "json_schema", "json_schema":
// {"schema": ...}}; an empty maker for text. `path`: the member's name, "text.format"; `body`: the
// request as it came, since answers have their properties in the schema's order.
std::variant<MaskMaker, ApiError> ReadResponseFormat(Service& service, const nlohmann::json& format,
                                                     const std::string& path,
                                                     const std::string& body);

class Fields;
// The members that all text APIs share: temperature, top_p, ..., seed, stop, max tokens.
void ReadSampling(Fields& fields, const ServerConfig& config, GenerationOptions* generation);

}  // namespace glmocr::server
