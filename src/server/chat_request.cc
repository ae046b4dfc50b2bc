#include "server/chat_request.h"

#include <algorithm>
#include <random>

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMaxMessages = 256;
constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopBytes = 1024;
constexpr size_t kMaxBiases = 1024;
constexpr int64_t kDefaultMaxTokens = 8192;  // as the official SDK asks for

void AddMedia(RequestMedia media, TextRequest* request, ChatMessage* message) {
  message->content.push_back(ChatPart::Image());
  request->media.push_back(std::move(media));
}

// {"type": "image_url", "image_url": {"url": "..."}}, {"type": "input_image", "image_url": "..."},
// {"type": "image", "image": "..."}.
void ReadPicture(Fields& part, TextRequest* request, ChatMessage* message) {
  part.Ignore({"detail"});
  if (part.Any("file_id") != nullptr)
    return part.Fail("file_id", "is not supported: send the picture as a data: URI");
  const char* member = part.Any("image") != nullptr ? "image" : "image_url";
  const ordered_json* url = part.Any(member);
  if (url == nullptr) return part.Fail("image_url", "is missing");
  RequestMedia media = {.name = part.PathOf(member)};
  if (url->is_object()) {
    Fields inner(*url, media.name);
    inner.Ignore({"detail"});
    inner.RequiredString("url", &media.reference);
    media.name += ".url";
    part.Adopt(inner);
  } else {
    part.String(member, &media.reference);
  }
  AddMedia(std::move(media), request, message);
}

// {"type": "file", "file": {"file_data": "..."}} or {"type": "input_file", "file_data": "..."}.
void ReadFilePart(Fields& file, TextRequest* request, ChatMessage* message) {
  file.Ignore({"filename", "detail"});
  if (file.Any("file_id") != nullptr)
    return file.Fail("file_id", "is not supported: send the file as 'file_data'");
  RequestMedia media = {.kind = RequestMedia::Kind::kDocument};
  if (file.Any("file_url") != nullptr) {
    file.String("file_url", &media.reference);
    media.name = file.PathOf("file_url");
  } else {
    std::string data;
    file.RequiredString("file_data", &data);
    media.reference = AsDataUri(data);
    media.name = file.PathOf("file_data");
  }
  AddMedia(std::move(media), request, message);
}

void ReadPart(const ordered_json& from, const std::string& path, TextRequest* request,
              ChatMessage* message, Fields& fields) {
  if (!from.is_object()) return fields.Fail(path, "must be an object with a 'type'");
  Fields part(from, path);
  std::string type;
  part.RequiredString("type", &type);
  if (type == "text" || type == "input_text" || type == "output_text") {
    part.Ignore({"annotations", "logprobs"});
    std::string text;
    part.RequiredString("text", &text);
    message->content.push_back(ChatPart::Text(std::move(text)));
  } else if (type == "image_url" || type == "input_image" || type == "image") {
    ReadPicture(part, request, message);
  } else if (type == "input_file") {
    ReadFilePart(part, request, message);
  } else if (type == "file") {
    if (const ordered_json* inner = part.Object("file")) {
      Fields file(*inner, part.PathOf("file"));
      ReadFilePart(file, request, message);
      part.Adopt(file);
    } else {
      part.Fail("file", "is missing");
    }
  } else {
    part.Fail("type", "must be 'text', 'image_url' or 'file': the model reads text and pictures");
  }
  fields.Adopt(part);
}

// One call of an assistant's message: {"type": "function", "function": {"name", "arguments"}}, the
// arguments as JSON of an object in a string, or the object.
void ReadToolCall(const ordered_json& from, const std::string& path, ChatMessage* message,
                  Fields& fields) {
  if (!from.is_object()) return fields.Fail(path, "must be an object");
  Fields call(from, path);
  call.Ignore({"id", "type", "index"});
  ToolCall result;
  if (const ordered_json* object = call.Object("function")) {
    Fields function(*object, call.PathOf("function"));
    function.RequiredString("name", &result.name);
    ordered_json arguments = ordered_json::object();
    if (const ordered_json* given = function.Any("arguments")) {
      arguments = *given;
      if (given->is_string()) {
        auto parsed = ParseRequestObject(given->get<std::string>());
        arguments = parsed.ok() ? std::move(*parsed) : ordered_json();
      }
    }
    if (!arguments.is_object()) function.Fail("arguments", "must be a JSON object");
    for (const auto& [name, value] : arguments.items())
      result.arguments.push_back(
          {name, value.is_string() ? value.get<std::string>() : value.dump()});
    call.Adopt(function);
  } else {
    call.Fail("function", "is missing");
  }
  message->tool_calls.push_back(std::move(result));
  fields.Adopt(call);
}

void ReadMessage(const ordered_json& from, const std::string& path, TextRequest* request,
                 Fields& fields) {
  if (!from.is_object()) return fields.Fail(path, "must be an object");
  Fields member(from, path);
  member.Ignore({"name", "tool_call_id", "refusal", "annotations", "audio"});
  ChatMessage message;
  ReadRole(member, &message.role);
  if (message.role == ChatRole::kAssistant) {
    if (member.Any("reasoning_content") != nullptr)
      member.String("reasoning_content", &message.reasoning.emplace());
    if (const ordered_json* calls = member.Array("tool_calls")) {
      for (size_t i = 0; i < calls->size(); ++i)
        ReadToolCall((*calls)[i], path + ".tool_calls[" + std::to_string(i) + "]", &message,
                     fields);
    }
  }
  if (const ordered_json* content = member.Any("content")) {
    ReadContent(*content, path + ".content", request, &message, fields);
  } else if (message.role != ChatRole::kAssistant) {
    member.Fail("content", "must be a string or an array of parts");
  }
  request->chat.messages.push_back(std::move(message));
  fields.Adopt(member);
}

void ReadBiases(Fields& fields, SamplingParams* sampling) {
  const ordered_json* biases = fields.Object("logit_bias");
  if (biases == nullptr) return;
  if (biases->size() > kMaxBiases) return fields.Fail("logit_bias", "has too many members");
  for (const auto& [token, bias] : biases->items()) {
    const bool is_id = !token.empty() && token.size() <= 7 &&
                       token.find_first_not_of("0123456789") == std::string::npos;
    if (!is_id || !bias.is_number() || !(std::abs(bias.get<double>()) <= 100)) {
      return fields.Fail("logit_bias", "must map token ids to numbers between -100 and 100");
    }
    sampling->logit_bias.emplace_back(std::stoi(token), bias.get<float>());
  }
}

void ReadChatTemplateArguments(Fields& fields, ChatRequest* chat) {
  const ordered_json* kwargs = fields.Object("chat_template_kwargs");
  if (kwargs == nullptr) return;
  Fields inner(*kwargs, "chat_template_kwargs");
  if (inner.Any("enable_thinking") != nullptr) {
    bool thinking = true;
    inner.Bool("enable_thinking", &thinking);
    chat->thinking = thinking ? Thinking::kEnabled : Thinking::kDisabled;
  }
  fields.Adopt(inner);
}

// What the model cannot do, asked for in a way that promises that it is done.
void RefuseTools(Fields& fields) {
  for (const char* name : {"tools", "functions"}) {
    const ordered_json* tools = fields.Array(name);
    if (tools != nullptr && !tools->empty())
      fields.Fail(name, "is not supported: this server calls no tools");
  }
  fields.Ignore({"tool_choice", "function_call", "parallel_tool_calls"});
}

}  // namespace

std::string AsDataUri(const std::string& base64) {
  return base64.find(':') == std::string::npos ? "data:;base64," + base64 : base64;
}

void ReadRole(Fields& message, ChatRole* role) {
  std::string name;
  message.RequiredString("role", &name);
  if (name == "system" || name == "developer") {
    *role = ChatRole::kSystem;
  } else if (name == "user") {
    *role = ChatRole::kUser;
  } else if (name == "assistant") {
    *role = ChatRole::kAssistant;
  } else if (name == "tool") {
    *role = ChatRole::kTool;
  } else {
    message.Fail("role", "must be 'system', 'user', 'assistant' or 'tool'");
  }
}

void ReadContent(const ordered_json& content, const std::string& path, TextRequest* request,
                 ChatMessage* message, Fields& fields) {
  if (content.is_string()) {
    message->content.push_back(ChatPart::Text(content.get<std::string>()));
  } else if (content.is_array()) {
    for (size_t i = 0; i < content.size() && !fields.error(); ++i)
      ReadPart(content[i], path + "[" + std::to_string(i) + "]", request, message, fields);
  } else {
    fields.Fail(path, "must be a string or an array of parts");
  }
}

void CheckCounts(const TextRequest& request, const ServerConfig& config, const char* field,
                 Fields& fields) {
  if (request.chat.messages.size() > kMaxMessages)
    fields.Fail(field, "must have at most " + std::to_string(kMaxMessages) + " items");
  if (request.media.size() > static_cast<size_t>(config.max_images))
    fields.Fail(field, "must hold at most " + std::to_string(config.max_images) + " pictures");
}

void ReadStop(Fields& fields, GenerationOptions* generation) {
  const ordered_json* stop = fields.Any("stop");
  if (stop == nullptr) return;
  const ordered_json list = stop->is_array() ? *stop : ordered_json::array({*stop});
  for (const ordered_json& s : list) {
    if (!s.is_string()) return fields.Fail("stop", "must be a string or an array of strings");
    const auto& text = s.get_ref<const std::string&>();
    if (text.empty() || text.size() > kMaxStopBytes)
      return fields.Fail("stop", "must hold strings of 1 to 1024 bytes");
    generation->stop_strings.push_back(text);
  }
  if (generation->stop_strings.size() > kMaxStops)
    fields.Fail("stop", "must have at most 16 strings");
}

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
  if (fields.Any("seed") != nullptr) {
    fields.Integer("seed", &seed, INT64_MIN, INT64_MAX);
    sampling.seed = static_cast<uint64_t>(seed);
  } else {
    // The device itself is a system call or two.
    thread_local std::mt19937_64 random = [] {
      std::random_device device;
      return std::mt19937_64(static_cast<uint64_t>(device()) << 32 | device());
    }();
    sampling.seed = random();
  }
  ReadBiases(fields, &sampling);
  generation->max_new_tokens = std::min(kDefaultMaxTokens, config.max_tokens);
  ReadStop(fields, generation);
}

void ReadStream(Fields& fields, TextRequest* request) {
  fields.Bool("stream", &request->stream);
  const ordered_json* options = fields.Object("stream_options");
  if (options == nullptr) return;
  if (!request->stream) return fields.Fail("stream_options", "needs 'stream': true");
  Fields inner(*options, "stream_options");
  inner.Ignore({"include_obfuscation"});
  inner.Bool("include_usage", &request->include_usage);
  fields.Adopt(inner);
}

void ReadGlmOcr(Fields& fields, TextRequest* request) {
  const ordered_json* object = fields.Object("glmocr");
  if (object == nullptr) return;
  Fields inner(*object, "glmocr");
  if (inner.Any("layout") != nullptr) {
    bool layout = false;
    inner.Bool("layout", &layout);
    request->layout = layout;
  }
  for (const std::string& name : inner.Unknown())
    fields.Fail(name, "is not known: 'glmocr' may hold 'layout'");
  if (inner.error()) fields.Adopt(inner);
}

void ReadChoices(Fields& fields, const ServerConfig& config, TextRequest* request) {
  int64_t n = 1;
  fields.Integer("n", &n, 1, config.max_choices);
  request->n = static_cast<int>(n);
}

std::variant<TextRequest, ApiError> ParseChatRequest(const ordered_json& body,
                                                     const ServerConfig& config) {
  TextRequest request;
  Fields fields(body, "");
  fields.String("model", &request.model);
  if (const ordered_json* messages = fields.Array("messages")) {
    if (messages->empty()) fields.Fail("messages", "must not be empty");
    for (size_t i = 0; i < messages->size() && i <= kMaxMessages && !fields.error(); ++i)
      ReadMessage((*messages)[i], "messages[" + std::to_string(i) + "]", &request, fields);
    CheckCounts(request, config, "messages", fields);
  } else {
    fields.Fail("messages", "is missing");
  }
  ReadSampling(fields, config, &request.generation);
  int64_t& max_tokens = request.generation.max_new_tokens;
  fields.Integer("max_tokens", &max_tokens, 1, config.max_tokens);
  fields.Integer("max_completion_tokens", &max_tokens, 1, config.max_tokens);
  request.names_max_tokens =
      fields.Any("max_tokens") != nullptr || fields.Any("max_completion_tokens") != nullptr;
  ReadChoices(fields, config, &request);
  fields.Bool("logprobs", &request.logprobs);
  int64_t top_logprobs = 0;
  fields.Integer("top_logprobs", &top_logprobs, 0, 20);
  if (top_logprobs > 0 && !request.logprobs) fields.Fail("top_logprobs", "needs 'logprobs': true");
  if (request.logprobs)
    request.generation.sampling.n_top_logprobs = static_cast<int32_t>(top_logprobs);
  ReadStream(fields, &request);
  ReadResponseFormat(fields, &request.format);
  ReadChatTemplateArguments(fields, &request.chat);
  ReadGlmOcr(fields, &request);
  RefuseTools(fields);
  fields.Ignore({"user", "safety_identifier", "store", "metadata", "service_tier"});
  if (fields.error()) return *fields.error();
  request.unknown = fields.Unknown();
  return request;
}

}  // namespace glmocr::server
