#include "server/chat_request.h"

#include <algorithm>

#include "server/json_fields.h"

namespace glmocr::server {
namespace {

using nlohmann::json;

constexpr int64_t kMaxMessages = 256;
constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopBytes = 1024;

std::optional<ChatRole> RoleOf(const std::string& role) {
  if (role == "system" || role == "developer") return ChatRole::kSystem;
  if (role == "user") return ChatRole::kUser;
  if (role == "assistant") return ChatRole::kAssistant;
  if (role == "tool") return ChatRole::kTool;
  return std::nullopt;
}

// One part of a message's content.
void ReadPart(const json& part, const std::string& path, CompletionRequest& request,
              ChatMessage& message, Fields& errors) {
  const auto fail = [&](const std::string& name, const std::string& what) {
    errors.Fail(path + (name.empty() ? "" : "." + name), what);
  };
  if (!part.is_object()) return fail("", "must be an object with a 'type'");
  const json type = part.value("type", json());
  if (!type.is_string()) return fail("type", "must be a string");
  if (type == "text" || type == "input_text" || type == "output_text") {
    const auto text = part.find("text");
    if (text == part.end() || !text->is_string()) return fail("text", "must be a string");
    message.content.push_back(ChatPart::Text(text->get<std::string>()));
    return;
  }
  if (type == "image_url" || type == "input_image" || type == "image") {
    const auto found = part.find(type == "image" && part.contains("image") ? "image" : "image_url");
    if (found == part.end()) return fail("image_url", "is missing");
    const json* url = &*found;
    std::string name = path + ".image_url";
    if (url->is_object()) {
      const auto inner = url->find("url");
      if (inner == url->end()) return fail("image_url.url", "is missing");
      url = &*inner;
      name += ".url";
    }
    if (!url->is_string()) return errors.Fail(name, "must be a string: a data: URI");
    message.content.push_back(ChatPart::Image());
    request.images.push_back(url->get<std::string>());
    request.image_names.push_back(name);
    return;
  }
  fail("type", "must be 'text' or 'image_url': this model reads text and pictures");
}

void ReadMessages(const json& messages, const ServerConfig& config, CompletionRequest& request,
                  Fields& fields) {
  if (messages.empty()) return fields.Fail("messages", "must not be empty");
  if (static_cast<int64_t>(messages.size()) > kMaxMessages) {
    return fields.Fail("messages", "must have at most " + std::to_string(kMaxMessages) + " items");
  }
  for (size_t i = 0; i < messages.size() && !fields.error(); ++i) {
    const std::string path = "messages[" + std::to_string(i) + "]";
    if (!messages[i].is_object()) return fields.Fail(path, "must be an object");
    const json& from = messages[i];
    ChatMessage& message = request.chat.messages.emplace_back();
    const json role = from.value("role", json());
    const auto known = role.is_string() ? RoleOf(role.get<std::string>()) : std::nullopt;
    if (!known) {
      return fields.Fail(path + ".role", "must be 'system', 'user', 'assistant' or 'tool'");
    }
    message.role = *known;
    if (const auto reasoning = from.find("reasoning_content");
        reasoning != from.end() && reasoning->is_string()) {
      message.reasoning = reasoning->get<std::string>();
    }
    const json content = from.value("content", json());
    if (content.is_string()) {
      message.content.push_back(ChatPart::Text(content.get<std::string>()));
    } else if (content.is_array()) {
      for (size_t j = 0; j < content.size(); ++j)
        ReadPart(content[j], path + ".content[" + std::to_string(j) + "]", request, message,
                 fields);
    } else if (!content.is_null() || *known != ChatRole::kAssistant) {
      return fields.Fail(path + ".content", "must be a string or an array of parts");
    }
  }
  if (request.images.size() > static_cast<size_t>(config.max_images)) {
    fields.Fail("messages", "must hold at most " + std::to_string(config.max_images) + " pictures");
  }
}

}  // namespace

void ReadSampling(Fields& fields, const ServerConfig& config, GenerationOptions* generation) {
  SamplingParams& sampling = generation->sampling;
  fields.Number("temperature", &sampling.temperature, 0, 2);
  float top_p = 1;
  fields.Number("top_p", &top_p, 0, 1);
  sampling.top_p = top_p == 0 ? 1e-6F : top_p;
  int64_t top_k = 0;
  fields.Integer("top_k", &top_k, -1, INT32_MAX);
  sampling.top_k = static_cast<int32_t>(top_k < 0 ? 0 : top_k);
  double min_p = 0;
  fields.Number("min_p", &min_p, 0, 0.999999);
  sampling.min_p = static_cast<float>(min_p);
  fields.Number("repetition_penalty", &sampling.repetition_penalty, 0.01, 10);
  fields.Number("presence_penalty", &sampling.presence_penalty, -2, 2);
  fields.Number("frequency_penalty", &sampling.frequency_penalty, -2, 2);
  int64_t seed = 0;
  fields.Integer("seed", &seed, INT64_MIN, INT64_MAX);
  sampling.seed = static_cast<uint64_t>(seed);
  generation->max_new_tokens = std::min<int64_t>(8192, config.max_tokens);
  if (const json* stop = fields.Any("stop")) {
    const json list = stop->is_array() ? *stop : json::array({*stop});
    for (const json& s : list) {
      if (!s.is_string()) return fields.Fail("stop", "must be a string or an array of strings");
      const std::string text = s.get<std::string>();
      if (text.empty() || text.size() > kMaxStopBytes) {
        return fields.Fail("stop", "must hold strings of 1 to 1024 bytes");
      }
      generation->stop_strings.push_back(text);
    }
    if (generation->stop_strings.size() > kMaxStops) {
      fields.Fail("stop", "must have at most 16 strings");
    }
  }
}

std::variant<CompletionRequest, ApiError> ParseChatRequest(const json& body,
                                                           const ServerConfig& config) {
  CompletionRequest request;
  Fields fields(body, "");
  fields.String("model", &request.model);
  if (const json* messages = fields.Array("messages")) {
    ReadMessages(*messages, config, request, fields);
  } else {
    fields.Fail("messages", "is missing");
  }
  ReadSampling(fields, config, &request.generation);
  fields.Integer("max_tokens", &request.generation.max_new_tokens, 1, config.max_tokens);
  fields.Integer("max_completion_tokens", &request.generation.max_new_tokens, 1, config.max_tokens);
  int64_t n = 1;
  fields.Integer("n", &n, 1, config.max_choices);
  request.n = static_cast<int>(n);
  fields.Bool("logprobs", &request.logprobs);
  int64_t top_logprobs = 0;
  fields.Integer("top_logprobs", &top_logprobs, 0, 20);
  if (top_logprobs > 0 && !request.logprobs) fields.Fail("top_logprobs", "needs 'logprobs': true");
  if (request.logprobs)
    request.generation.sampling.n_top_logprobs = static_cast<int32_t>(top_logprobs);
  fields.Bool("stream", &request.stream);
  if (const json* options = fields.Object("stream_options")) {
    Fields inner(*options, "stream_options");
    inner.Bool("include_usage", &request.include_usage);
    if (inner.error()) return *inner.error();
  }
  if (const json* format = fields.Object("response_format")) request.response_format = *format;
  if (const json* kwargs = fields.Object("chat_template_kwargs")) {
    Fields inner(*kwargs, "chat_template_kwargs");
    bool thinking = true;
    inner.Bool("enable_thinking", &thinking);
    if (inner.error()) return *inner.error();
    if (kwargs->contains("enable_thinking"))
      request.chat.thinking = thinking ? Thinking::kEnabled : Thinking::kDisabled;
  }
  fields.Ignore("user");
  if (fields.error()) return *fields.error();
  request.ignored = fields.Unknown();
  return request;
}

std::variant<MaskMaker, ApiError> ReadResponseFormat(Service& service, const json& format,
                                                     const std::string& path,
                                                     const std::string& body) {
  const auto wrong = [](const std::string& where, const std::string& what) {
    return ApiError{.message = "'" + where + "' " + what, .param = where};
  };
  if (format.is_null()) return MaskMaker();
  if (!format.is_object()) return wrong(path, "must be an object.");
  const json type = format.value("type", json());
  if (type == "text") return MaskMaker();
  std::string schema;
  std::string where = path;
  if (type == "json_schema") {
    // The Responses API has the schema beside the type, chat completions one level deeper.
    const json* holder = &format;
    if (const auto inner = format.find("json_schema"); inner != format.end()) {
      holder = &*inner;
      where += ".json_schema";
    }
    where += ".schema";
    if (!holder->is_object() || !holder->contains("schema")) return wrong(where, "is missing.");
    std::string pointer = "/" + where;
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    const nlohmann::ordered_json ordered = nlohmann::ordered_json::parse(body);
    schema = ordered.at(nlohmann::ordered_json::json_pointer(pointer))
                 .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  } else if (type != "json_object") {
    return wrong(path + ".type", "must be 'text', 'json_object' or 'json_schema'.");
  }
  auto maker = service.grammars.Json(schema);
  if (maker.ok()) return std::move(*maker);
  ApiError error = ApiErrorOf(maker.error());
  error.param = where;
  return error;
}

}  // namespace glmocr::server
