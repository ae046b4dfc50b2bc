#include "server/text_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "media/lines.h"
#include "pipeline/task.h"
#include "server/document_request.h"
#include "server/page_answer.h"

namespace glmocr::server {
namespace {

using nlohmann::ordered_json;

// Pictures of this height and of a whole number of windows are lines as the model was trained on.
constexpr int kWindowPx = 28;
constexpr int64_t kMaxLinePixels = 2'000'000;

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

ApiError NotOnePage(const RequestMedia& media, int n_pages) {
  return {.message = fmt::format(
              "'{}' has {} pages: send it as a 'file' part, each page as a picture, or the "
              "document to /v1/documents.",
              media.name, n_pages),
          .param = media.name};
}

ApiError QueueFull(const Service& service) {
  return {.status = 429,
          .message = "Too many pictures are waiting. Try again later.",
          .code = "queue_full",
          .retry_after_s = service.admission.RetryAfterSeconds()};
}

// One picture, or all pages of a document, made ready. `held` gets their memory's tickets.
std::optional<ApiError> AddPictures(Service& service, const HttpRequest& http,
                                    const RequestMedia& media, std::vector<ImageInput>* images,
                                    std::vector<Admission::Ticket>* held) {
  const auto fail = [&](const Error& error) { return ApiErrorOf(error, media.name); };
  const auto too_many = [&](std::string message) {
    return ApiError{.message = std::move(message), .param = media.name};
  };
  auto document = service.media.Open({.reference = media.reference,
                                      .name = media.name,
                                      .request_id = http.id,
                                      .owner = http.key_name});
  if (!document.ok()) return fail(document.error());
  const int n_pages = (*document)->n_pages();
  if (media.kind == RequestMedia::Kind::kPicture && n_pages != 1) return NotOnePage(media, n_pages);
  const int max = service.config.max_images;
  if (static_cast<int>(images->size()) + n_pages > max) {
    return too_many(
        fmt::format("With the {} pages of '{}' there are more than {} pictures. Send "
                    "long documents to /v1/documents.",
                    n_pages, media.name, max));
  }
  for (int i = 0; i < n_pages; ++i) {
    auto page = (*document)->Read(i, i + 1 < n_pages ? i + 1 : -1);
    if (!page.ok()) return fail(page.error());
    auto input = service.recognizer.processor().PrepareImage(page->image);
    if (!input.ok()) return fail(input.error());
    held->push_back(service.prepared_bytes.TryEnter(
        http.Owner(),
        input->patches->rows() * input->patches->cols() * static_cast<int64_t>(sizeof(float))));
    if (!held->back()) return QueueFull(service);
    images->push_back(std::move(*input));
  }
  return std::nullopt;
}

// A picture that has been decoded.
class DecodedPicture : public DocumentReader {
 public:
  explicit DecodedPicture(Image image) : image_(std::move(image)) {}
  int n_pages() const override { return 1; }
  Hash128 content_hash() const override { return {}; }
  Result<InputPage> Read(int, int) override { return InputPage{.image = std::move(image_)}; }

 private:
  Image image_;
};

// "Table Recognition:" of a model that knows text alone.
std::optional<ApiError> RefuseTask(const Service& service, std::string_view prompt) {
  const std::vector<std::string> tasks = SupportedTasks(service);
  std::string words(Trimmed(prompt));
  while (words.ends_with(':') || words.ends_with('.')) words.pop_back();
  for (char& c : words) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* name : {"table", "formula"}) {
    if (words != std::string(name) + " recognition") continue;
    if (std::find(tasks.begin(), tasks.end(), name) != tasks.end()) continue;
    return ApiError{
        .message = "'" + std::string(Trimmed(prompt)) +
                   "' is not possible with this server's model, which reads lines of text. Ask "
                   "'Text Recognition:' and the whole page is read, its tables as HTML; POST "
                   "/v1/documents gives other formats, too.",
        .param = "messages"};
  }
  return std::nullopt;
}

// A request whose pictures go through the layout, made a task. What its client shows since the
// model's last answer is read; of the words only those count that ask for what cannot be done.
class PagePreparation {
 public:
  PagePreparation(Service& service, const HttpRequest& http, TextRequest& request)
      : service_(service), http_(http), request_(request) {}

  std::variant<GenerationTask, ApiError> Run() {
    if (auto error = FindMedia()) return *error;
    if (auto error = RefuseTask(service_, words_)) return *error;
    if (auto error = PrepareOptions(service_, request_, &task_)) return *error;
    for (size_t m = first_; m < request_.media.size(); ++m) {
      if (auto error = Open(request_.media[m])) return *error;
    }
    if (picture_ && !request_.layout) {
      bool done = false;
      if (auto error = TryLine(&done)) return *error;
      if (done) return std::move(task_);
    }
    if (auto error = CheckForm()) return *error;
    if (picture_) {
      const auto image = std::make_shared<Image>(std::move(*picture_));
      pages_.documents[0].open = [image]() -> Result<std::unique_ptr<DocumentReader>> {
        return std::unique_ptr<DocumentReader>(std::make_unique<DecodedPicture>(std::move(*image)));
      };
    }
    if (request_.names_max_tokens) pages_.max_tokens = request_.generation.max_new_tokens;
    task_.pages = std::move(pages_);
    return std::move(task_);
  }

 private:
  // The first picture since the last answer, and the words since then.
  std::optional<ApiError> FindMedia() {
    size_t n = 0;
    for (const ChatMessage& message : request_.chat.messages) {
      if (message.role == ChatRole::kAssistant) {
        first_ = n;
        words_.clear();
      }
      for (const ChatPart& part : message.content) {
        if (part.kind == ChatPart::Kind::kImage) {
          ++n;
        } else if (message.role == ChatRole::kUser) {
          words_ += part.text + "\n";
        }
      }
    }
    if (first_ < n) return std::nullopt;
    return ApiError{.message =
                        "There is no picture since the last answer. This server reads pictures and "
                        "answers no questions about earlier ones: send the picture again.",
                    .param = "messages"};
  }

  // What cannot be had of text that several answers of the model make up.
  std::optional<ApiError> CheckForm() const {
    const auto refuse = [](std::string param, const char* what) {
      return ApiError{.message = "'" + param + "' is not available for pages: " + what +
                                 ". It is for pictures of a single line.",
                      .param = param};
    };
    if (request_.logprobs)
      return refuse("logprobs", "their text is put together from many answers of the model");
    if (request_.format.kind != OutputFormat::Kind::kText)
      return refuse(request_.format.field, "they are read as Markdown");
    if (!request_.generation.sampling.logit_bias.empty())
      return refuse("logit_bias", "they are read as they are printed");
    return std::nullopt;
  }

  std::optional<ApiError> Hold(int64_t bytes) {
    task_.held.push_back(service_.prepared_bytes.TryEnter(http_.Owner(), bytes));
    if (!task_.held.back()) return QueueFull(service_);
    return std::nullopt;
  }

  // Looks whether it can be read at all. A picture that comes alone stays decoded; all else is kept
  // as the file that it is until its turn comes.
  std::optional<ApiError> Open(const RequestMedia& media) {
    const auto fail = [&](const Error& error) { return ApiErrorOf(error, media.name); };
    auto bytes = service_.media.Read({.reference = media.reference,
                                      .name = media.name,
                                      .request_id = http_.id,
                                      .owner = http_.key_name});
    if (!bytes.ok()) return fail(bytes.error());
    const InputOptions options = service_.media.Options(http_.key_name);
    auto document = OpenDocumentBytes(*bytes, media.name, options);
    if (!document.ok()) return fail(document.error());
    const int n_pages = (*document)->n_pages();
    if (media.kind == RequestMedia::Kind::kPicture && n_pages != 1)
      return NotOnePage(media, n_pages);
    n_pages_ += n_pages;
    if (n_pages_ > service_.config.max_pages) {
      return ApiError{
          .message = fmt::format("The request has more than {} pages. Send parts of it.",
                                 service_.config.max_pages),
          .param = media.name};
    }
    PagesToRead::Document& added = pages_.documents.emplace_back();
    added.name = media.name;
    if (media.kind == RequestMedia::Kind::kPicture) {
      auto page = (*document)->Read(0, -1);
      if (!page.ok()) return fail(page.error());
      if (request_.media.size() == first_ + 1) {
        picture_ = std::move(page->image);
        return Hold(int64_t{3} * picture_->width_px * picture_->height_px);
      }
      auto found = LineOf(page->image);
      if (!found.ok()) return fail(found.error());
      added.line = !request_.layout && found->has_value();
    }
    if (auto error = Hold(static_cast<int64_t>(bytes->size()))) return error;
    added.open = [bytes = std::make_shared<std::string>(std::move(*bytes)), name = media.name,
                  options] { return OpenDocumentBytes(std::move(*bytes), name, options); };
    return std::nullopt;
  }

  // The picture's only line, if it has one. Large pictures are pages, whatever is on them.
  static Result<std::optional<LinePage>> LineOf(const Image& picture) {
    if (int64_t{picture.width_px} * picture.height_px > kMaxLinePixels)
      return std::optional<LinePage>();
    GLM_ASSIGN(LinePage found, FindTextLines(picture));
    if (found.lines.size() != 1) return std::optional<LinePage>();
    return std::optional<LinePage>(std::move(found));
  }

  // A picture of one printed line is shown to the model as the lines of a page are. `done`: it is
  // one, and the task is ready.
  std::optional<ApiError> TryLine(bool* done) {
    if (picture_->height_px == kWindowPx && picture_->width_px % kWindowPx == 0) {
      *done = true;
      return Show(*picture_);
    }
    auto found = LineOf(*picture_);
    if (!found.ok()) return ApiErrorOf(found.error(), request_.media.back().name);
    if (!*found) return std::nullopt;
    const std::vector<LinePiece>& pieces = (*found)->lines[0].pieces;
    if (pieces.size() == 1) {
      *done = true;
      return Show(PieceForModel((*found)->image, pieces[0]));
    }
    pages_.documents[0].line = true;
    return std::nullopt;
  }

  // The prompt for one line: as for those of pages, but for an answer in a form that its words
  // speak of.
  std::optional<ApiError> Show(const Image& line) {
    auto input = service_.recognizer.processor().PrepareImage(line);
    if (!input.ok()) return ApiErrorOf(input.error(), request_.media.back().name);
    std::string words(TaskInstruction(Task::kText));
    if (request_.format.kind != OutputFormat::Kind::kText) words = Trimmed(words_);
    ChatRequest chat = {.thinking = request_.chat.thinking};
    chat.messages.push_back({.role = ChatRole::kUser,
                             .content = {ChatPart::Image(), ChatPart::Text(std::move(words))}});
    std::vector<ImageInput> images;
    images.push_back(std::move(*input));
    auto prompt = service_.recognizer.processor().Process(chat, std::move(images));
    if (!prompt.ok()) return ApiErrorOf(prompt.error());
    task_.has_ink = HasInk(line);
    task_.prompts.push_back(std::move(*prompt));
    return std::nullopt;
  }

  Service& service_;
  const HttpRequest& http_;
  TextRequest& request_;
  GenerationTask task_;
  PagesToRead pages_;
  size_t first_ = 0;   // of request_.media
  std::string words_;  // of the messages since the last answer
  int n_pages_ = 0;
  std::optional<Image> picture_;  // the only one, decoded
};

void AppendTokenLogprob(std::string_view bytes, float logprob, std::string* out) {
  *out += "\"token\":";
  AppendJsonBytes(bytes, out);
  // JSON has no infinity; OpenAI's servers say -9999 for what can never be drawn.
  fmt::format_to(std::back_inserter(*out), ",\"logprob\":{},\"bytes\":[",
                 std::max(logprob, -9999.0F));
  for (const char& c : bytes) {
    fmt::format_to(std::back_inserter(*out), "{}{}", &c == bytes.data() ? "" : ",",
                   static_cast<unsigned char>(c));
  }
  *out += ']';
}

}  // namespace

std::optional<ApiError> PrepareOptions(Service& service, const TextRequest& request,
                                       GenerationTask* task) {
  task->options = request.generation;
  task->n = request.n;
  return ApplyOutputFormat(service, request.format, task);
}

std::variant<GenerationTask, ApiError> PrepareChat(Service& service, const HttpRequest& http,
                                                   TextRequest request) {
  LogUnknown(service, http, request.unknown);
  if (!request.media.empty() && request.layout.value_or(service.recognizer.reads_lines()))
    return PagePreparation(service, http, request).Run();
  if (!request.media.empty()) {
    std::string words;
    for (const ChatPart& part : request.chat.messages.back().content) words += part.text + "\n";
    if (auto error = RefuseTask(service, words)) return *error;
  }
  GenerationTask task;
  if (auto error = PrepareOptions(service, request, &task)) return *error;
  std::vector<ImageInput> images;
  size_t next = 0;
  for (ChatMessage& message : request.chat.messages) {
    std::vector<ChatPart> parts;
    for (ChatPart& part : message.content) {
      if (part.kind != ChatPart::Kind::kImage) {
        parts.push_back(std::move(part));
        continue;
      }
      const size_t before = images.size();
      if (auto error = AddPictures(service, http, request.media[next++], &images, &task.held))
        return *error;
      parts.resize(parts.size() + images.size() - before, ChatPart::Image());
    }
    message.content = std::move(parts);
  }
  auto prompt = service.recognizer.processor().Process(request.chat, std::move(images));
  if (!prompt.ok()) return ApiErrorOf(prompt.error());
  task.prompts.push_back(std::move(*prompt));
  return task;
}

std::optional<ApiError> FailureOf(const Choice& choice) {
  if (choice.error) return ApiErrorOf(*choice.error);
  if (choice.finish == FinishReason::kCancelled) {
    return ApiError{.status = 503, .message = "The server is stopping.", .retry_after_s = 5};
  }
  return std::nullopt;
}

std::optional<ApiError> FailureOf(const GenerationResult& result) {
  for (const Choice& choice : result.choices) {
    if (auto error = FailureOf(choice)) return error;
  }
  return std::nullopt;
}

ordered_json UsageJson(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
          {"completion_tokens", usage.completion_tokens},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached_prompt_tokens}}},
          {"completion_tokens_details",
           {{"accepted_prediction_tokens", usage.accepted_tokens},
            {"rejected_prediction_tokens", usage.drafted_tokens - usage.accepted_tokens}}}};
}

std::string StopMembers(const Choice& choice) {
  std::string stop = "null";
  if (choice.finish == FinishReason::kStopString) {
    stop.clear();
    AppendJsonString(choice.stop_string, &stop);
  }
  return ",\"stop_reason\":" + stop + ",\"matched_stop\":" + stop;
}

std::string GlmOcrMember(const Choice& choice) {
  if (choice.warnings.empty()) return {};
  ordered_json warnings = ordered_json::array();
  for (const Warning& warning : choice.warnings) {
    warnings.push_back({{"kind", WarningKindName(warning.kind)},
                        {"page", warning.page},
                        {"message", warning.message}});
  }
  return ",\"glmocr\":" + Dump({{"warnings", std::move(warnings)}});
}

void AppendJsonBytes(std::string_view bytes, std::string* out) {
  AppendJsonString(RepairUtf8(bytes), out);
}

void AppendLogprobs(std::span<const TokenInfo> tokens, std::string* out) {
  *out += '[';
  for (const TokenInfo& token : tokens) {
    *out += &token == tokens.data() ? "{" : ",{";
    AppendTokenLogprob(token.bytes, token.logprob, out);
    *out += ",\"top_logprobs\":[";
    for (const auto& top : token.top) {
      *out += &top == token.top.data() ? "{" : ",{";
      AppendTokenLogprob(top.first, top.second, out);
      *out += '}';
    }
    *out += "]}";
  }
  *out += ']';
}

void AnswerStream::Begin() {
  std::call_once(begun_, [this] {
    responder_->Begin(
        {.content_type = content_type_, .body = first_, .headers = {{"X-Accel-Buffering", "no"}}});
  });
}

std::optional<ApiError> Start(Service& service, const std::shared_ptr<Responder>& responder,
                              GenerationTask task, AnswerStream* stream) {
  if (task.pages) {
    if (stream != nullptr) stream->Begin();
    StartPages(service, responder, std::move(task));
    return std::nullopt;
  }
  const Status status = StartGeneration(service, responder, std::move(task));
  if (!status.ok()) return ApiErrorOf(status.error());
  if (stream != nullptr) stream->Begin();
  return std::nullopt;
}

std::optional<ApiError> StartWhole(Service& service, const std::shared_ptr<Responder>& responder,
                                   GenerationTask task, bool logprobs,
                                   std::function<void(const GenerationResult&)> send) {
  task.on_done = [&service, logprobs, send = std::move(send)](GenerationResult result) {
    Render(service, logprobs, [send, result = std::move(result)] { send(result); });
  };
  return Start(service, responder, std::move(task), nullptr);
}

std::string ServedModel(const Service& service, const TextRequest& request) {
  return request.model.empty() ? service.config.served_model_name : request.model;
}

void Render(Service& service, bool logprobs, std::function<void()> render) {
  if (logprobs) {
    service.work.Post("", std::move(render));
  } else {
    render();
  }
}

}  // namespace glmocr::server
