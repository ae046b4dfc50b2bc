#include "server/documents_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/file.h"
#include "base/untrusted_text.h"
#include "format/formats.h"
#include "media/decode.h"
#include "pdf/pdf_document.h"
#include "server/archive.h"
#include "server/document_request.h"
#include "server/file_body.h"
#include "server/json_call.h"
#include "server/multipart.h"
#include "server/request_id.h"
#include "tokenizer/stream_decoder.h"

namespace glmocr::server {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMaxNameBytes = 200;
constexpr size_t kFormOverheadBytes = size_t{1} << 20;
constexpr int64_t kMaxListed = 1000;
constexpr size_t kMaxResultBytes = size_t{2} << 30;
constexpr int64_t kMaxArchives = 8;  // on their way to clients: each has its copy on disk

using Request = std::shared_ptr<const HttpRequest>;
using Reply = std::shared_ptr<Responder>;
// Answers, or returns what is wrong.
using Work = std::function<std::optional<ApiError>(const Request&, const Reply&)>;

// Runs on a worker: all of it may touch the disk.
HttpHandler OnWorker(Service& service, Work work) {
  return [&service, work = std::move(work)](const Request& request, const Reply& reply) {
    AnswerOnWorker(service, ErrorShape::kOpenAi, request, reply,
                   [work, request, reply] { return work(request, reply); });
  };
}

ApiError NoSuchDocument() {
  return {.status = 404,
          .message = "There is no document with this id, or it has expired.",
          .code = "document_not_found"};
}

// The last part of what the client calls its file, as one line of UTF-8 of bounded length.
std::string SafeName(std::string_view name) {
  const size_t slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string safe;
  for (const char c : RepairUtf8(name)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) safe += c;
  }
  if (safe.size() > kMaxNameBytes) {
    // The end keeps the extension; no character is cut.
    size_t begin = safe.size() - kMaxNameBytes;
    while (begin < safe.size() && (static_cast<unsigned char>(safe[begin]) & 0xc0) == 0x80) ++begin;
    safe.erase(0, begin);
  }
  if (safe.find_first_not_of(". ") == std::string::npos) return "document";
  return safe;
}

// For a header: printable ASCII without quotes.
std::string AsciiName(const std::string& stem, std::string_view ending) {
  std::string name;
  for (const char c : stem) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '.' || c == '-' || c == '_' || c == ' ';
    if (plain) name += c;
    if (!plain && (name.empty() || name.back() != '_')) name += '_';
  }
  return name + std::string(ending);
}

ordered_json WarningsOf(const Job& job) {
  ordered_json warnings = ordered_json::parse(job.warnings, nullptr, false);
  return warnings.is_array() ? warnings : ordered_json::array();
}

ordered_json JobJson(const Job& job, double keep_s) {
  const std::string url = "/v1/documents/" + job.id;
  const bool timed = job.started_at > 0 && job.finished_at > 0;
  const auto time_or_null = [](double time) {
    return time > 0 ? ordered_json(static_cast<int64_t>(time)) : ordered_json();
  };
  ordered_json out = {
      {"id", job.id},
      {"object", "document"},
      {"status", JobStatusName(job.status)},
      {"created_at", static_cast<int64_t>(job.created_at)},
      {"started_at", time_or_null(job.started_at)},
      {"finished_at", time_or_null(job.finished_at)},
      {"seconds", timed ? ordered_json(std::round((job.finished_at - job.started_at) * 100) / 100)
                        : ordered_json()},
      {"expires_at", time_or_null(job.finished_at > 0 ? job.finished_at + keep_s : 0)},
      {"name", job.name},
      {"pages", job.n_pages < 0 ? ordered_json() : ordered_json(job.n_pages)},
      {"pages_done", job.pages_done},
      {"pages_failed", job.pages_failed},
      {"error", job.error.empty() ? ordered_json() : ordered_json(job.error)},
      {"warnings", WarningsOf(job)},
      {"urls",
       {{"self", url},
        {"events", url + "/events"},
        {"result", url + "/result"},
        {"cancel", url + "/cancel"}}}};
  const json request = json::parse(job.request, nullptr, false);
  if (request.is_object() && request.contains("formats")) out["formats"] = request["formats"];
  return out;
}

// The value of "name=" in a query; values that our routes take need no decoding.
std::string QueryValue(const std::string& query, std::string_view name) {
  for (size_t begin = 0; begin < query.size();) {
    const size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view item = std::string_view(query).substr(begin, end - begin);
    const size_t equals = item.find('=');
    if (equals != std::string_view::npos && item.substr(0, equals) == name)
      return std::string(item.substr(equals + 1));
    begin = end + 1;
  }
  return {};
}

std::optional<int64_t> WholeNumber(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct Upload {
  std::string name;
  std::string bytes;
};

// What a POST of either kind of body asks for.
struct Submission {
  std::vector<Upload> uploads;
  DocumentRequest request = {.formats = {"md", "json"}};
};

std::optional<ApiError> ReadOptions(const Service& service, const HttpRequest& request,
                                    const ordered_json& object, Submission* submission) {
  Fields fields(object, "");
  fields.Ignore({"file"});
  fields.Ignore({"name"});
  ReadDocumentFields(service, fields, &submission->request);
  if (fields.error()) return fields.error();
  LogUnknown(service, request, fields.Unknown());
  return std::nullopt;
}

std::optional<ApiError> ReadForm(const Service& service, const HttpRequest& request,
                                 Submission* submission) {
  constexpr size_t kMaxFields = 64;
  auto parts =
      ParseMultipart(request.Header("content-type"), request.body,
                     kMaxFields + static_cast<size_t>(std::max(1, service.config.max_images)));
  if (!parts.ok()) return ApiErrorOf(parts.error());
  ordered_json object = ordered_json::object();
  for (FormPart& part : *parts) {
    if (part.name == "file" && part.is_file) {
      submission->uploads.push_back({SafeName(part.file_name), std::move(part.content)});
      continue;
    }
    if (object.contains(part.name) || part.name == "file") {
      return ApiError{.message = part.name == "file" ? "'file' must be a file, with a file name."
                                                     : "A field is in the form twice.",
                      .param = part.name.substr(0, kMaxNameBytes)};
    }
    double number = 0;
    const char* end = part.content.data() + part.content.size();
    const bool is_flag = part.name == "pdfa" || part.name == "deskew" || part.name == "clean";
    if (is_flag && (part.content == "true" || part.content == "false")) {
      object[part.name] = part.content == "true";
    } else if (part.name == "dpi" && std::from_chars(part.content.data(), end, number).ptr == end &&
               !part.content.empty()) {
      object[part.name] = number;
    } else if (!part.content.empty()) {
      object[part.name] = std::move(part.content);
    }
  }
  return ReadOptions(service, request, object, submission);
}

std::optional<ApiError> ReadJson(const Service& service, const HttpRequest& request,
                                 Submission* submission) {
  auto body = ParseRequestObject(request.body, service.config.max_json_values);
  if (!body.ok()) return ApiErrorOf(body.error());
  Fields fields(*body, "");
  std::string file, name = "document";
  fields.String("file", &file);
  fields.String("name", &name);
  if (fields.error()) return fields.error();
  if (file.empty()) {
    return ApiError{.message = "'file' is missing: send it as a data: URI.", .param = "file"};
  }
  auto bytes = service.media.Read({.reference = file, .name = "file", .request_id = request.id});
  if (!bytes.ok()) return ApiErrorOf(bytes.error(), "file");
  submission->uploads.push_back({SafeName(name), std::move(*bytes)});
  return ReadOptions(service, request, *body, submission);
}

std::optional<ApiError> CheckUploads(const Service& service, const Submission& submission) {
  const auto bad = [](int status, const std::string& message) {
    return ApiError{.status = status, .message = message, .param = "file"};
  };
  if (submission.uploads.empty())
    return bad(400, "'file' is missing: send one or more files in the form.");
  if (submission.uploads.size() > static_cast<size_t>(service.config.max_images)) {
    return bad(400, "At most " + std::to_string(service.config.max_images) +
                        " files go into one request.");
  }
  for (const Upload& upload : submission.uploads) {
    const std::string name = QuoteUntrusted(upload.name);
    const auto bytes = std::as_bytes(std::span(upload.bytes));
    if (bytes.empty()) return bad(400, name + " is empty (0 bytes).");
    if (bytes.size() > service.config.max_upload_bytes) {
      return bad(413, name + " is larger than " + std::to_string(service.config.max_upload_bytes) +
                          " bytes.");
    }
    if (!LooksLikePdf(bytes) && !SniffImageFormat(bytes)) {
      return bad(400, name +
                          " is neither a PDF nor a picture that this server reads (JPEG, PNG, "
                          "WebP, TIFF, BMP, GIF, PNM, HEIC, AVIF).");
    }
  }
  return std::nullopt;
}

std::optional<ApiError> Create(Service& service, Jobs& jobs, const Request& request,
                               const Reply& reply) {
  Submission submission;
  const std::string type = request->MediaType();
  std::optional<ApiError> error;
  if (type == "multipart/form-data") {
    error = ReadForm(service, *request, &submission);
  } else if (type == "application/json") {
    error = ReadJson(service, *request, &submission);
  } else {
    error = ApiError{.status = 415,
                     .message = "Send a form (multipart/form-data) with the file, or JSON."};
  }
  if (!error) error = CheckUploads(service, submission);
  if (error) return error;
  ordered_json objects = ordered_json::array();
  for (const Upload& upload : submission.uploads) {
    const auto job = jobs.Add(request->key_name, upload.name, submission.request, upload.bytes);
    if (!job.ok()) {
      for (const ordered_json& made : objects)
        jobs.Delete(request->key_name, made["id"].get<std::string>());
      ApiError failed = ApiErrorOf(job.error());
      if (job.error().code == ErrorCode::kResourceExhausted) failed.status = 507;
      return failed;
    }
    objects.push_back(JobJson(*job, service.config.keep_jobs_s));
  }
  HttpResponse response = {.status = 202};
  if (objects.size() == 1) {
    response.headers.emplace_back("Location",
                                  "/v1/documents/" + objects[0]["id"].get<std::string>());
    response.body = Dump(objects[0]);
  } else {
    response.body = Dump({{"object", "list"}, {"data", std::move(objects)}});
  }
  reply->Send(std::move(response));
  return std::nullopt;
}

std::optional<ApiError> List(Service& service, Jobs& jobs, const Request& request,
                             const Reply& reply) {
  int64_t limit = 100;
  if (const std::string text = QueryValue(request->query, "limit"); !text.empty()) {
    const auto number = WholeNumber(text);
    if (!number || *number < 1 || *number > kMaxListed) {
      return ApiError{
          .message = "'limit' must be between 1 and " + std::to_string(kMaxListed) + ".",
          .param = "limit"};
    }
    limit = *number;
  }
  const std::vector<Job> found = jobs.List(request->key_name, QueryValue(request->query, "after"),
                                           static_cast<size_t>(limit) + 1);
  ordered_json data = ordered_json::array();
  for (const Job& job : found) {
    if (static_cast<int64_t>(data.size()) < limit)
      data.push_back(JobJson(job, service.config.keep_jobs_s));
  }
  reply->Send({.body = Dump({{"object", "list"},
                             {"data", std::move(data)},
                             {"has_more", static_cast<int64_t>(found.size()) > limit}})});
  return std::nullopt;
}

// One client that listens. Pumps run on workers, one at a time.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(Service& service, Jobs& jobs, std::string owner, std::string id, Reply reply,
              int n_known)
      : service_(service),
        jobs_(jobs),
        owner_(std::move(owner)),
        id_(std::move(id)),
        reply_(std::move(reply)),
        n_sent_(n_known) {}

  void Begin() {
    reply_->Begin({.content_type = "text/event-stream", .headers = {{"X-Accel-Buffering", "no"}}});
    watcher_ = jobs_.Watch(id_, [weak = weak_from_this()](bool tick) {
      if (const auto stream = weak.lock()) stream->Wake(tick);
    });
    // The connection keeps the stream until the answer's end.
    reply_->OnGone([self = shared_from_this()] { self->jobs_.Unwatch(self->watcher_); });
    Wake(false);
  }

 private:
  void Wake(bool tick) {
    {
      std::lock_guard lock(mutex_);
      if (ended_) return;
      tick_ = tick_ || tick;
      wanted_ = true;
      if (pumping_) return;
      pumping_ = true;
    }
    service_.work.Post(owner_, [self = shared_from_this()] { self->Pump(); });
  }

  void Pump() {
    while (true) {
      bool tick = false;
      {
        std::lock_guard lock(mutex_);
        pumping_ = wanted_ && !ended_;
        if (!pumping_) return;
        wanted_ = false;
        tick = std::exchange(tick_, false);
      }
      if (reply_->gone() || SendNews(tick)) End();
    }
  }

  // True: that was all.
  bool SendNews(bool tick) {
    bool sent = false;
    const auto send = [&](std::string_view event, int id, const std::string& data) {
      std::string text;
      if (id > 0) text += "id: " + std::to_string(id) + "\n";
      text += "event: " + std::string(event) + "\ndata: " + data + "\n\n";
      reply_->Write(text);
      sent = true;
    };
    const std::optional<Job> job = jobs_.Find(owner_, id_);
    if (!job) {
      send("done", 0, Dump({{"id", id_}, {"object", "document"}, {"status", "deleted"}}));
      return true;
    }
    const std::string object = Dump(JobJson(*job, service_.config.keep_jobs_s));
    if (!std::exchange(begun_, true) || job->status != status_ || job->n_pages != n_pages_) {
      status_ = job->status;
      n_pages_ = job->n_pages;
      send("status", 0, object);
    }
    for (; n_sent_ < job->pages_done; ++n_sent_) {
      const auto page = ReadFile(jobs_.PageEventPath(id_, n_sent_ + 1), kMaxResultBytes);
      if (!page.ok()) break;  // the job was deleted, or begins anew
      send("page", n_sent_ + 1, *page);
    }
    if (IsFinal(job->status)) {
      send("done", 0, object);
      return true;
    }
    if (tick && !sent) reply_->Write(": ping\n\n");
    return jobs_.stopped();
  }

  void End() {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(ended_, true)) return;
    }
    jobs_.Unwatch(watcher_);
    reply_->End();
  }

  Service& service_;
  Jobs& jobs_;
  const std::string owner_, id_;
  const Reply reply_;
  int64_t watcher_ = 0;

  std::mutex mutex_;
  bool wanted_ = false, pumping_ = false, ended_ = false, tick_ = false;

  // The pump's.
  int n_sent_ = 0;
  bool begun_ = false;
  JobStatus status_ = JobStatus::kQueued;
  int n_pages_ = -1;
};

ApiError NotFinished() {
  return {.status = 409,
          .message = "The document is not read yet.",
          .code = "not_finished",
          .retry_after_s = 2};
}

// All that was made of the document, as one file that goes away when it is sent.
std::optional<ApiError> SendArchive(Service& service, Admission& archives, const Jobs& jobs,
                                    const Job& job, const Reply& reply) {
  namespace fs = std::filesystem;
  if (!IsFinal(job.status)) return NotFinished();
  const Admission::Ticket ticket = archives.TryEnter(job.owner);
  if (!ticket) {
    return ApiError{.status = 429,
                    .message = "Too many archives are being sent. Try again later.",
                    .code = "queue_full",
                    .retry_after_s = 2};
  }
  const std::string stem = SdkFileStem(job.name);
  const fs::path out = jobs.ResultPath(job.id, "");
  std::vector<ArchiveFile> files;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(out, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (!at->is_regular_file(error)) continue;
    // "result.md" -> "stem/stem.md"; pictures keep the names that the Markdown has for them.
    const std::string name = at->path().lexically_relative(out).generic_string();
    constexpr std::string_view kResult = "result";
    files.push_back(
        {at->path(),
         stem + "/" + (name.starts_with(kResult) ? stem + name.substr(kResult.size()) : name)});
  }
  if (files.empty()) {
    return ApiError{.status = 404,
                    .message = "There is no result: the document could not be read.",
                    .code = "no_result"};
  }
  std::sort(files.begin(), files.end(),
            [](const ArchiveFile& a, const ArchiveFile& b) { return a.name < b.name; });
  const fs::path path =
      out.parent_path().parent_path() / (std::string(kArchivePrefix) + NewRequestId());
  Status sent = WriteArchive(path, files);
  if (sent.ok()) {
    HttpResponse head = {.content_type = "application/zip",
                         .headers = {{"Content-Disposition",
                                      "attachment; filename=\"" + AsciiName(stem, ".zip") + "\""}}};
    auto file = FileBody::Open(path, ticket);
    if (file.ok()) {
      reply->SendFile(std::move(head), std::move(*file));
    } else {
      sent = file.error();
    }
  }
  fs::remove(path, error);
  if (sent.ok()) return std::nullopt;
  service.log.Failure("archive not made", {{"job", job.id}, {"error", sent.error().message}});
  return ApiError{.status = 507,
                  .message =
                      "The archive could not be made: the server's disk is full or not "
                      "writable."};
}

// Reads the upload once more, with other options or another password.
std::optional<ApiError> Reread(Service& service, Jobs& jobs, const Job& job, const Request& request,
                               const Reply& reply) {
  if (!IsFinal(job.status)) return NotFinished();
  Submission submission;
  submission.request = DocumentRequestOf(job.request);
  if (!request->body.empty()) {
    const auto body = ParseRequestObject(request->body);
    if (!body.ok()) return ApiErrorOf(body.error());
    if (auto error = ReadOptions(service, *request, *body, &submission)) return error;
  }
  const auto bytes = ReadFile(jobs.UploadPath(job.id), service.config.max_upload_bytes);
  if (!bytes.ok()) return NoSuchDocument();
  const auto made = jobs.Add(request->key_name, job.name, submission.request, *bytes);
  if (!made.ok()) {
    ApiError failed = ApiErrorOf(made.error());
    if (made.error().code == ErrorCode::kResourceExhausted) failed.status = 507;
    return failed;
  }
  reply->Send({.status = 202,
               .body = Dump(JobJson(*made, service.config.keep_jobs_s)),
               .headers = {{"Location", "/v1/documents/" + made->id}}});
  return std::nullopt;
}

std::optional<ApiError> SendResult(Jobs& jobs, const Job& job, const Request& request,
                                   const Reply& reply) {
  const DocumentRequest wanted = DocumentRequestOf(job.request);
  const auto made = [&](std::string_view format) {
    return std::find(wanted.formats.begin(), wanted.formats.end(), format) != wanted.formats.end();
  };
  std::string format = QueryValue(request->query, "format");
  if (format.empty() && !wanted.formats.empty()) format = wanted.formats.front();
  const FormatInfo* info = FindFormat(format);
  if (info == nullptr) {
    return ApiError{.message = "There is no such format. GET /capabilities lists them.",
                    .param = "format"};
  }
  const bool stored_format = made(info->name);
  if (!stored_format && (info->needs_picture || info->needs_tokens)) {
    return ApiError{.message = fmt::format("This document was not read for the format {}. POST its "
                                           "/reread with that format, or name it in 'formats' when "
                                           "you upload a document.",
                                           info->name),
                    .param = "format"};
  }
  if (!IsFinal(job.status)) return NotFinished();
  const std::string ending(FormatEnding(info->format, stored_format && made("sdk-json")));
  std::filesystem::path path = jobs.ResultPath(job.id, "result" + ending);
  if (!stored_format && HasResult(job.status)) {
    auto now_made = jobs.Make(job, *info);
    if (!now_made.ok() && now_made.error().code != ErrorCode::kNotFound)
      return ApiErrorOf(now_made.error());
    if (now_made.ok()) path = std::move(*now_made);
  }
  auto file = FileBody::Open(path);
  if (!file.ok()) {
    return ApiError{.status = 404,
                    .message = "There is no result: the document could not be read.",
                    .code = "no_result"};
  }
  reply->SendFile(
      {.content_type = std::string(info->mime_type),
       .headers = {{"Content-Disposition",
                    "attachment; filename=\"" + AsciiName(SdkFileStem(job.name), ending) + "\""}}},
      std::move(*file));
  return std::nullopt;
}

std::optional<ApiError> SendPicture(const std::filesystem::path& path, const Reply& reply) {
  auto file = FileBody::Open(path);
  if (!file.ok()) return ApiError{.status = 404, .message = "There is no such picture."};
  reply->SendFile({.content_type = "image/jpeg"}, std::move(*file));
  return std::nullopt;
}

// "cropped_page0_idx1.jpg"
bool IsCropName(const std::string& name) {
  return name.size() <= 64 && name.front() != '.' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string::npos;
}

}  // namespace

void AddDocumentRoutes(Router& router, Service& service, Jobs& jobs) {
  router.Add({.method = "POST",
              .pattern = "/v1/documents",
              .handler =
                  [&service, &jobs](Request request, Reply reply) {
                    const Admission::Ticket ticket = service.admission.TryEnter(request->Owner());
                    if (!ticket) {
                      return reply->Send(ErrorResponse(
                          {.status = 429,
                           .message = "Too many requests are waiting. Try again later.",
                           .code = "queue_full",
                           .retry_after_s = service.admission.RetryAfterSeconds()},
                          ErrorShape::kOpenAi, *request));
                    }
                    OnWorker(service, [&service, &jobs, ticket](const Request& q, const Reply& r) {
                      return Create(service, jobs, q, r);
                    })(std::move(request), std::move(reply));
                  },
              .body = BodyKind::kAny,
              .max_body_bytes = service.config.max_upload_bytes / 3 * 4 + kFormOverheadBytes});
  router.Add({.method = "GET",
              .pattern = "/v1/documents",
              .handler = OnWorker(service, [&service, &jobs](const Request& q, const Reply& r) {
                return List(service, jobs, q, r);
              })});
  // All others are about one document.
  using JobWork = std::function<std::optional<ApiError>(const Job&, const Request&, const Reply&)>;
  const auto add = [&](const char* method, const char* pattern, JobWork work,
                       BodyKind body = BodyKind::kNone) {
    router.Add(
        {.method = method,
         .pattern = std::string("/v1/documents/{id}") + pattern,
         .handler = OnWorker(service,
                             [&jobs, work = std::move(work)](
                                 const Request& q, const Reply& r) -> std::optional<ApiError> {
                               const auto job = jobs.Find(q->key_name, q->path_values[0]);
                               if (!job) return NoSuchDocument();
                               return work(*job, q, r);
                             }),
         .body = body,
         .max_body_bytes = body == BodyKind::kNone ? 0 : kFormOverheadBytes});
  };
  add("GET", "", [&service](const Job& job, const Request&, const Reply& r) {
    r->Send({.body = Dump(JobJson(job, service.config.keep_jobs_s))});
    return std::nullopt;
  });
  add("DELETE", "", [&jobs](const Job& job, const Request& q, const Reply& r) {
    jobs.Delete(q->key_name, job.id);
    r->Send({.status = 204, .content_type = ""});
    return std::nullopt;
  });
  add("POST", "/cancel",
      [&service, &jobs](const Job& job, const Request& q,
                        const Reply& r) -> std::optional<ApiError> {
        jobs.Cancel(q->key_name, job.id);
        const auto now = jobs.Find(q->key_name, job.id);
        if (!now) return NoSuchDocument();
        r->Send({.body = Dump(JobJson(*now, service.config.keep_jobs_s))});
        return std::nullopt;
      });
  add(
      "POST", "/reread",
      [&service, &jobs](const Job& job, const Request& q, const Reply& r) {
        return Reread(service, jobs, job, q, r);
      },
      BodyKind::kJson);
  add("GET", "/events", [&service, &jobs](const Job& job, const Request& q, const Reply& r) {
    const auto known = WholeNumber(q->Header("last-event-id"));
    const int n_known = static_cast<int>(std::clamp<int64_t>(known.value_or(0), 0, INT32_MAX));
    std::make_shared<EventStream>(service, jobs, q->key_name, job.id, r, n_known)->Begin();
    return std::nullopt;
  });
  const auto archives = std::make_shared<Admission>(kMaxArchives);
  add("GET", "/result",
      [&service, &jobs, archives](const Job& job, const Request& q, const Reply& r) {
        if (QueryValue(q->query, "format") == "zip")
          return SendArchive(service, *archives, jobs, job, r);
        return SendResult(jobs, job, q, r);
      });
  add("GET", "/pages/{n}/image",
      [&jobs](const Job& job, const Request& q, const Reply& r) -> std::optional<ApiError> {
        const auto page = WholeNumber(q->path_values[1]);
        if (!page || *page < 1 || *page > INT32_MAX)
          return ApiError{.status = 404, .message = "There is no such page."};
        return SendPicture(jobs.PageImagePath(job.id, static_cast<int>(*page)), r);
      });
  add("GET", "/files/imgs/{name}",
      [&jobs](const Job& job, const Request& q, const Reply& r) -> std::optional<ApiError> {
        if (!IsCropName(q->path_values[1]))
          return ApiError{.status = 404, .message = "There is no such picture."};
        return SendPicture(jobs.ResultPath(job.id, "imgs/" + q->path_values[1]), r);
      });
}

}  // namespace glmocr::server
