#include "server/jobs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>

#include "base/file.h"
#include "base/untrusted_text.h"
#include "format/warning_json.h"
#include "jobs/fingerprint.h"
#include "jobs/output_files.h"
#include "jobs/page_checkpoints.h"
#include "media/encode.h"
#include "media/resize.h"
#include "pipeline/inputs.h"
#include "server/archive.h"
#include "server/document_request.h"
#include "server/json_call.h"
#include "server/page_format.h"
#include "server/request_id.h"

namespace glmocr::server {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kPageImageSide = 1600;  // px
constexpr int kPageImageQuality = 85;
// Beside the kept pages of a finished job: what they were kept under.
constexpr const char* kFingerprintFile = "fingerprint";
constexpr size_t kMaxFingerprintBytes = size_t{1} << 20;
// Before a job's id: the folder of one that is being made or deleted.
constexpr std::string_view kNew = "new-", kOld = "old-";
constexpr auto kTick = std::chrono::seconds(15);

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int64_t BytesIn(const fs::path& folder) {
  int64_t sum = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto size = entry.file_size(error);
    if (!error) sum += static_cast<int64_t>(size);
  }
  return sum;
}

// "17"; nothing for what is no such number.
std::optional<int> WholeNumber(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

constexpr std::string_view kStoreName = "jobs.sqlite3";
constexpr std::string_view kTemporaryName = "glm-ocr-XXXXXX";

// Removes the temporary folders of servers that were killed: those of this user whose lock nobody
// holds.
void RemoveLeftovers(const fs::path& parent) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parent, error)) {
    const std::string name = entry.path().filename().string();
    const std::string_view prefix = kTemporaryName.substr(0, kTemporaryName.find('X'));
    if (name.size() != kTemporaryName.size() || !name.starts_with(prefix)) continue;
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
        info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
      continue;
    // Without a lock it is not known to be a server's.
    const int lock =
        ::open((entry.path() / "lock").c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);  // NOLINT
    if (lock < 0) continue;
    std::error_code ignored;
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0 && fs::exists(entry.path() / kStoreName, ignored))
      fs::remove_all(entry.path(), ignored);
    ::close(lock);
  }
}

// The folder, made private, or the reason why it cannot be used.
Result<fs::path> PrepareDir(const std::string& wanted) {
  if (wanted.empty()) {
    std::error_code error;
    const fs::path parent = fs::temp_directory_path(error);
    if (!error) RemoveLeftovers(parent);
    std::string pattern = (parent / kTemporaryName).string();
    if (error || ::mkdtemp(pattern.data()) == nullptr) {
      return Error{ErrorCode::kIo, fmt::format("cannot make a temporary folder for documents: {} "
                                               "(name one with --data-dir)",
                                               std::strerror(errno))};
    }
    return fs::path(pattern);
  }
  const fs::path dir = fs::absolute(wanted);
  std::error_code error;
  fs::create_directories(dir.parent_path(), error);
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{ErrorCode::kIo, fmt::format("cannot make the data folder '{}': {}", dir.string(),
                                             std::strerror(errno))};
  }
  struct stat info {};
  if (::stat(dir.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the data folder '{}' is not a folder", dir.string())};
  }
  if (info.st_uid != ::geteuid() || (info.st_mode & 077) != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("the data folder '{}' is open to other users of this machine (chmod "
                             "700, and let the server's user own it)",
                             dir.string())};
  }
  return dir;
}

// A picture of at most kPageImageSide pixels a side.
Result<std::string> PageJpeg(const Image& image) {
  const int side = std::max(image.width_px, image.height_px);
  if (side <= kPageImageSide) return EncodeJpeg(image, kPageImageQuality);
  const auto scaled = [&](int px) {
    return std::max(1, static_cast<int>(int64_t{px} * kPageImageSide / side));
  };
  return EncodeJpeg(ResizeBicubic(image, scaled(image.width_px), scaled(image.height_px)),
                    kPageImageQuality);
}

// Words of a page in its event; with more, none are told.
constexpr size_t kMaxEventWords = 20000;

// What a model wrote, word by word: of lines, or of a region that was read whole.
template <typename Function>
void ForEachWord(const ReadRegion& region, const Function& function) {
  if (region.from_text_layer) return;
  for (const ReadWord& word : region.words) function(word);
  for (const ReadLine& line : region.lines) {
    for (const ReadWord& word : line.words) function(word);
  }
}

ordered_json WordsJson(const ReadRegion& region) {
  ordered_json words = ordered_json::array();
  ForEachWord(region, [&](const ReadWord& word) {
    words.push_back(
        {{"text", word.text}, {"confidence", std::round(double{word.confidence} * 1e4) / 1e4}});
  });
  return words;
}

ordered_json RegionJson(const ReadRegion& region, size_t index) {
  ordered_json out = {
      {"index", index},
      {"label", RegionLabelName(region.label)},
      {"bbox_px",
       {region.box_px.x, region.box_px.y, region.box_px.right(), region.box_px.bottom()}},
      {"polygon_px", ordered_json::array()},
      {"content", region.text},
      {"confidence", region.confidence},
      {"heading_level", region.heading_level},
      {"from_text_layer", region.from_text_layer}};
  for (const Point& p : region.polygon_px) out["polygon_px"].push_back({p.x, p.y});
  if (region.error) out["error"] = region.error->message;
  return out;
}

// As JSON, those that a job tells of: the first ones, and how many more there are. Each page's own
// are in its event and in the results.
std::string WarningsText(const std::vector<Warning>& warnings) {
  constexpr size_t kMaxTold = 100;
  const std::span<const Warning> all = warnings;
  ordered_json json = WarningsJson(all.first(std::min(all.size(), kMaxTold)), WarningPages::kTell);
  if (all.size() > kMaxTold) {
    json.push_back({{"kind", WarningKindName(WarningKind::kOutput)},
                    {"message", fmt::format("there are {} more warnings, in the results and in the "
                                            "pages' events",
                                            all.size() - kMaxTold)}});
  }
  return Dump(json);
}

}  // namespace

// A job that is being read; touched by its run's callbacks only.
struct Jobs::Active {
  std::string id;
  DocumentRequest request;
  std::vector<DocumentFormat> formats;
  std::shared_ptr<DocumentSource> source;  // the upload, where a format keeps it
  std::optional<DocumentWriter> writer;
  std::string stem;
  size_t n_pages = 0, n_images = 0;
  int64_t written_bytes = 0;
  std::vector<Warning> warnings;  // of its pages so far, and of the document
  std::string fingerprint;        // of its page checkpoints

  bool Wants(DocumentFormat format) const {
    return std::find(formats.begin(), formats.end(), format) != formats.end();
  }
};

Jobs::Jobs(const Service& service, DocumentThreads& threads, fs::path dir, bool temporary)
    : service_(service), threads_(threads), dir_(std::move(dir)), temporary_(temporary) {}

Result<std::unique_ptr<Jobs>> Jobs::Open(const Service& service, DocumentThreads& threads) {
  GLM_ASSIGN(fs::path dir, PrepareDir(service.config.data_dir));
  std::unique_ptr<Jobs> jobs(
      new Jobs(service, threads, std::move(dir), service.config.data_dir.empty()));
  const fs::path lock = jobs->dir_ / "lock";
  jobs->lock_file_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (jobs->lock_file_ < 0 || ::flock(jobs->lock_file_, LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kInvalidArgument,
                 errno == EWOULDBLOCK
                     ? fmt::format("another server uses the data folder '{}' (choose another one)",
                                   jobs->dir_.string())
                     : fmt::format("cannot use the data folder '{}': {}", jobs->dir_.string(),
                                   std::strerror(errno))};
  }
  GLM_ASSIGN(jobs->store_, JobStore::Open(jobs->dir_ / kStoreName));
  int64_t n_strange = 0;
  GLM_ASSIGN(std::vector<Job> known, jobs->store_->Load(&n_strange));
  if (n_strange > 0) {
    service.log.Warning("rows of the job database that are none of this program's were set aside",
                        {{"rows", n_strange}});
  }
  for (Job& job : known) {
    if (!StoredDocumentRequest(job.request)) {
      service.log.Warning("job set aside: its request is none of this program's",
                          {{"job", job.id}});
      GLM_RETURN_IF_ERROR(jobs->store_->SetAside(job.id));
      continue;
    }
    // A crash came between storing the job and naming its folder.
    std::error_code ignored;
    if (!fs::exists(jobs->Dir(job.id), ignored))
      fs::rename(jobs->NewDir(job.id), jobs->Dir(job.id), ignored);
    if (IsFinal(job.status) && !HasResult(job.status)) jobs->RemoveCheckpoints(job.id);
    jobs->next_number_ = std::max(jobs->next_number_, job.number + 1);
    jobs->jobs_.emplace(job.id, std::move(job));
  }
  jobs->RemoveLeftOvers();
  return jobs;
}

fs::path Jobs::NewDir(const std::string& id) const { return dir_ / (std::string(kNew) + id); }

// Uploads whose job was never stored, jobs that were being deleted, archives that were being sent.
// A folder with a job's name of which the database knows nothing stays: the database may be the one
// that is wrong.
void Jobs::RemoveLeftOvers() {
  std::error_code error;
  std::vector<fs::path> left;
  int64_t n_unknown = 0;
  for (const auto& entry : fs::directory_iterator(dir_, error)) {
    const std::string name = entry.path().filename().string();
    const auto is = [&](std::string_view kind) {
      return name.starts_with(kind) && IsJobId(std::string_view(name).substr(kind.size()));
    };
    if (is(kNew) || is(kOld) || name.starts_with(kArchivePrefix)) left.push_back(entry.path());
    if (IsJobId(name) && jobs_.count(name) == 0) ++n_unknown;
  }
  for (const fs::path& path : left) fs::remove_all(path, error);
  if (!left.empty())
    service_.log.Info("left-overs removed", {{"files", static_cast<int64_t>(left.size())}});
  if (n_unknown > 0) {
    service_.log.Warning("folders of jobs that the database does not know were kept",
                         {{"folders", n_unknown}, {"data_dir", dir_.string()}});
  }
}

// First out of the way under another name, which the next start removes.
void Jobs::RemoveFolder(const std::string& id) {
  std::error_code error;
  const fs::path old = dir_ / (std::string(kOld) + id);
  fs::rename(Dir(id), old, error);
  fs::remove_all(error ? Dir(id) : old, error);
}

Jobs::~Jobs() {
  Stop();
  store_.reset();
  if (lock_file_ >= 0) ::close(lock_file_);
  std::error_code error;
  if (temporary_) fs::remove_all(dir_, error);
}

void Jobs::Start() {
  std::vector<Job> unfinished;
  {
    std::lock_guard lock(mutex_);
    for (auto& [id, job] : jobs_) {
      if (IsFinal(job.status)) continue;
      job.status = JobStatus::kQueued;
      job.n_pages = -1;
      job.pages_done = job.pages_failed = 0;
      job.warnings = "[]";
      unfinished.push_back(job);
    }
  }
  std::sort(unfinished.begin(), unfinished.end(),
            [](const Job& a, const Job& b) { return a.number < b.number; });
  for (const Job& job : unfinished) {
    service_.log.Info("job resumed after a restart", {{"job", job.id}});
    Run(job);
  }
  housekeeper_ = std::thread([this] { KeepHouse(); });
}

void Jobs::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    for (const auto& [id, run] : runs_) run->Cancel();
  }
  wake_.notify_all();
  Tell("", false);
  if (housekeeper_.joinable()) housekeeper_.join();
}

bool Jobs::stopped() const {
  std::lock_guard lock(mutex_);
  return stopped_;
}

Result<Job> Jobs::Add(const std::string& owner, const std::string& name,
                      const DocumentRequest& request, std::string_view bytes) {
  if (!MakeRoom(owner, bytes.size())) {
    return Error{ErrorCode::kUnavailable,
                 "This server holds as many documents as it may. Try again later, or delete some."};
  }
  Job job = {.id = NewRequestId(),
             .owner = owner,
             .name = name,
             .request = Dump(ToJson(request)),
             .created_at = Now(),
             .stored_bytes = static_cast<int64_t>(bytes.size())};
  const auto no_space = [&](const Error& error) {
    std::error_code ignored;
    fs::remove_all(NewDir(job.id), ignored);
    fs::remove_all(Dir(job.id), ignored);
    service_.log.Failure("upload not stored", {{"job", job.id}, {"error", error.message}});
    return Error{ErrorCode::kResourceExhausted,
                 "The document could not be stored: the server's disk is full or not writable."};
  };
  if (::mkdir(NewDir(job.id).c_str(), 0700) != 0)
    return no_space({ErrorCode::kIo, std::strerror(errno)});
  if (const Status written = WriteFileAtomically(NewDir(job.id) / "input", bytes); !written.ok())
    return no_space(written.error());
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return Error{ErrorCode::kCancelled, "The server is stopping."};
    job.number = next_number_++;
    if (const Status saved = store_->Save(job); !saved.ok()) return no_space(saved.error());
    if (::rename(NewDir(job.id).c_str(), Dir(job.id).c_str()) != 0) {
      const Error failed{ErrorCode::kIo, std::strerror(errno)};
      (void)store_->Delete(job.id);
      return no_space(failed);
    }
    jobs_.emplace(job.id, job);
  }
  Run(job);
  return job;
}

std::optional<Job> Jobs::Find(const std::string& owner, const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || found->second.owner != owner) return std::nullopt;
  return found->second;
}

std::vector<Job> Jobs::List(const std::string& owner, const std::string& after,
                            size_t limit) const {
  std::vector<Job> jobs;
  std::lock_guard lock(mutex_);
  int64_t below = next_number_;
  if (!after.empty()) {
    const auto found = jobs_.find(after);
    if (found == jobs_.end()) return jobs;
    below = found->second.number;
  }
  for (const auto& [id, job] : jobs_) {
    if (job.owner == owner && job.number < below) jobs.push_back(job);
  }
  std::sort(jobs.begin(), jobs.end(),
            [](const Job& a, const Job& b) { return a.number > b.number; });
  if (jobs.size() > limit) jobs.resize(limit);
  return jobs;
}

bool Jobs::Cancel(const std::string& owner, const std::string& id) {
  {
    std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || found->second.owner != owner) return false;
    if (IsFinal(found->second.status)) return true;
    if (const auto run = runs_.find(id); run != runs_.end()) run->second->Cancel();
  }
  // At once for those who ask; the run ends a little later.
  Update(id, [](Job& job) {
    if (IsFinal(job.status)) return;
    job.status = JobStatus::kCancelled;
    job.finished_at = Now();
  });
  return true;
}

bool Jobs::Delete(const std::string& owner, const std::string& id) {
  {
    std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || found->second.owner != owner) return false;
  }
  Cancel(owner, id);
  Remove(id);
  return true;
}

// Forgets the job and removes its files; a run that still writes finds its folder gone.
void Jobs::Remove(const std::string& id) {
  {
    std::lock_guard lock(mutex_);
    jobs_.erase(id);
    if (const auto run = runs_.find(id); run != runs_.end()) run->second->Cancel();
  }
  if (const Status deleted = store_->Delete(id); !deleted.ok())
    service_.log.Failure("job not deleted", {{"job", id}, {"error", deleted.error().message}});
  RemoveFolder(id);
}

fs::path Jobs::PageEventPath(const std::string& id, int number) const {
  return Dir(id) / "pages" / (std::to_string(number) + ".json");
}

fs::path Jobs::PageImagePath(const std::string& id, int page) const {
  return Dir(id) / "pages" / (std::to_string(page) + ".jpg");
}

fs::path Jobs::UploadPath(const std::string& id) const { return Dir(id) / "input"; }

fs::path Jobs::ResultPath(const std::string& id, std::string_view name) const {
  return Dir(id) / "out" / name;
}

Result<fs::path> Jobs::Make(const Job& job, const FormatInfo& format) {
  const fs::path path = Dir(job.id) / "made" / std::string(format.name);
  std::error_code error;
  if (fs::is_regular_file(path, error)) return path;
  const auto fingerprint = ReadFile(CheckpointDir(job.id) / kFingerprintFile, kMaxFingerprintBytes);
  const Error not_kept = {ErrorCode::kNotFound, "the pages of this document are not kept"};
  if (!fingerprint.ok()) return not_kept;
  const DocumentRequest request = DocumentRequestOf(job.request);
  DocumentWriter writer({.formats = {format.format},
                         .stem = SdkFileStem(job.name),
                         .pixels_per_inch = request.dpi,
                         .spool_folder = Dir(job.id)});
  const PageCheckpoints kept(CheckpointDir(job.id), *fingerprint, {});
  std::optional<ReadPage> page;
  for (const auto& entry : fs::directory_iterator(CheckpointDir(job.id), error)) {
    const std::string name = entry.path().filename().string();
    if (const auto number = WholeNumber(name); number && (page = kept.Recall(*number))) break;
  }
  if (!page) return not_kept;
  GLM_ASSIGN(const PageSelection selection, SelectPages(request.pages, page->n_pages));
  const int n_pages = page->n_pages;
  int n_recalled = 0;
  for (const int number : selection.pages) {
    page = kept.Recall(number);
    n_recalled += page.has_value();
    // One that could not be loaded is not kept; it is an empty page, whose error JSON tells.
    if (!page) {
      page = ReadPage{.source = job.name, .page = number, .n_pages = n_pages};
      page->error = Error{ErrorCode::kIo, "the page could not be read"};
    }
    GLM_RETURN_IF_ERROR(writer.AddPage(*page));
  }
  if (n_recalled < job.pages_done - job.pages_failed) return not_kept;
  GLM_ASSIGN(const std::vector<OutputFile> files, writer.Finish());
  if (files.empty()) return Error{ErrorCode::kNotFound, "there is nothing to write"};
  fs::create_directory(path.parent_path(), error);
  GLM_ASSIGN(const int64_t written, WriteOutputFile(path, files.front()));
  Update(job.id, [&](Job& stored) { stored.stored_bytes += written; });
  return path;
}

void Jobs::RemoveCheckpoints(const std::string& id) {
  std::error_code ignored;
  fs::remove_all(CheckpointDir(id), ignored);
}

int64_t Jobs::Watch(const std::string& id, Watcher changed) {
  std::lock_guard lock(mutex_);
  const int64_t number = next_watcher_++;
  watchers_.emplace(number, Watching{id, std::move(changed)});
  return number;
}

void Jobs::Unwatch(int64_t watcher) {
  std::lock_guard lock(mutex_);
  watchers_.erase(watcher);
}

void Jobs::Tell(const std::string& id, bool tick) {
  std::vector<Watcher> told;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [number, watching] : watchers_) {
      if (id.empty() || watching.id == id) told.push_back(watching.changed);
    }
  }
  for (const Watcher& changed : told) changed(tick);
}

void Jobs::Update(const std::string& id, const std::function<void(Job&)>& change) {
  {
    std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found != jobs_.end()) {
      change(found->second);
      // Memory says what is true now; what the disk misses is read again after a restart.
      if (const Status saved = store_->Save(found->second); !saved.ok())
        service_.log.Failure("job not stored", {{"job", id}, {"error", saved.error().message}});
    }
  }
  Tell(id, false);
}

void Jobs::Run(const Job& job) {
  auto active = std::make_shared<Active>();
  active->id = job.id;
  active->request = DocumentRequestOf(job.request);
  active->stem = SdkFileStem(job.name);
  for (const std::string& name : active->request.formats) {
    if (const FormatInfo* format = FindFormat(name)) active->formats.push_back(format->format);
  }
  DocumentTask task;
  task.name = job.name;
  task.owner = job.owner;
  task.pages = active->request.pages;
  task.max_pages = service_.config.max_pages;
  task.reader = ReaderOptionsOf(service_, active->request);
  task.reader.keep_image = true;  // for the page's picture and the crops
  task.open = [this, active, name = job.name,
               owner = job.owner]() -> Result<std::unique_ptr<DocumentReader>> {
    std::error_code error;
    for (const char* part : {"out", "pages"}) {
      fs::remove_all(Dir(active->id) / part, error);
      fs::create_directory(Dir(active->id) / part, error);
    }
    Update(active->id, [](Job& job) {
      if (IsFinal(job.status)) return;
      job.status = JobStatus::kRunning;
      job.started_at = Now();
    });
    InputOptions options = InputOptionsOf(service_, active->request, owner);
    options.keep_source = true;
    GLM_ASSIGN(std::unique_ptr<DocumentReader> reader,
               OpenDocument({name, (Dir(active->id) / "input").string(), {}}, options));
    active->source = reader->source();
    return reader;
  };
  task.on_open = [this, active, owner = job.owner](const OpenedDocument& opened) {
    active->writer.emplace(DocumentOptions{.formats = active->formats,
                                           .stem = active->stem,
                                           .pixels_per_inch = active->request.dpi,
                                           .pdf = PdfChoicesOf(active->request),
                                           .source = active->source,
                                           .spool_folder = Dir(active->id)});
    active->warnings = opened.warnings;
    Update(active->id, [&](Job& job) {
      job.n_pages = static_cast<int>(opened.pages.size());
      job.warnings = WarningsText(active->warnings);
    });
    OpenedUse use;
    active->fingerprint = ReadingFingerprint(opened.content_hash, service_.recognizer,
                                             ReaderOptionsOf(service_, active->request),
                                             InputOptionsOf(service_, active->request, owner));
    use.checkpoints.emplace(
        CheckpointDir(active->id), active->fingerprint,
        [this, id = active->id](const std::string& problem) {
          service_.log.Warning("page checkpoint", {{"job", id}, {"problem", problem}});
        });
    return Result<OpenedUse>(std::move(use));
  };
  task.on_page = [this, active](ReadPage page) { return TakePage(*active, std::move(page)); };
  task.on_done = [this, active](const DocumentOutcome& outcome) { Finish(*active, outcome); };
  task.time_s = service_.config.document_timeout_s;
  task.observer = &service_.metrics;
  auto run = std::make_shared<DocumentJob>(service_.recognizer, std::move(task));
  {
    std::lock_guard lock(mutex_);
    if (jobs_.count(job.id) == 0) return;  // deleted meanwhile
    runs_[job.id] = run;
  }
  threads_.Add(std::move(run));
}

// What a client is told of an error of our own disk: the reason is for the log, it names our
// folders.
Error Jobs::Storing(const Active& active, const Error& error) const {
  if (error.code != ErrorCode::kIo && error.code != ErrorCode::kResourceExhausted &&
      error.code != ErrorCode::kNotFound) {
    return error;
  }
  service_.log.Failure("result not stored", {{"job", active.id}, {"error", error.message}});
  return {ErrorCode::kResourceExhausted,
          "The result could not be stored: the server's disk is full or not writable."};
}

Status Jobs::Write(Active& active, const fs::path& path, const OutputFile& file) {
  const auto written = WriteOutputFile(path, file);
  if (!written.ok()) return Storing(active, written.error());
  active.written_bytes += *written;
  return OkStatus();
}

Status Jobs::TakePage(Active& active, ReadPage page) {
  const auto added = active.writer->AddPage(page);
  if (!added.ok()) return Storing(active, added.error());
  const std::vector<OutputFile>& files = *added;
  for (const OutputFile& file : files) {
    const fs::path path = ResultPath(active.id, file.path.substr(file.path.find('/') + 1));
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    GLM_RETURN_IF_ERROR(Write(active, path, file));
  }
  const FormattedPage formatted =
      FormatPage(page, {.number = active.n_pages, .first_image = active.n_images});
  active.n_images += formatted.pictures.size();
  ordered_json event = {{"page", page.page},
                        {"n_pages", page.n_pages},
                        {"width_px", page.width_px},
                        {"height_px", page.height_px},
                        {"layout", page.layout},
                        {"seconds", page.seconds},
                        {"regions", ordered_json::array()},
                        {"markdown", formatted.markdown}};
  size_t n_words = 0;
  for (const ReadRegion& region : page.regions)
    ForEachWord(region, [&](const ReadWord&) { ++n_words; });
  for (size_t i = 0; i < page.regions.size(); ++i) {
    const ReadRegion& region = page.regions[i];
    event["regions"].push_back(RegionJson(region, i));
    if (n_words <= kMaxEventWords && !region.from_text_layer)
      event["regions"].back()["words"] = WordsJson(region);
  }
  if (page.error) event["error"] = page.error->message;
  std::vector<Warning> warnings = page.warnings;
  for (Warning& warning : warnings) warning.page = page.page;
  if (!warnings.empty()) event["warnings"] = WarningsJson(warnings, WarningPages::kTell);
  active.warnings.insert(active.warnings.end(), warnings.begin(), warnings.end());
  if (page.image && !page.image->empty()) {
    GLM_ASSIGN(std::string jpeg, PageJpeg(*page.image));
    GLM_RETURN_IF_ERROR(
        Write(active, PageImagePath(active.id, page.page), {.bytes = std::move(jpeg)}));
  }
  ++active.n_pages;
  GLM_RETURN_IF_ERROR(Write(active, PageEventPath(active.id, static_cast<int>(active.n_pages)),
                            {.bytes = Dump(event)}));
  const bool failed = PageFailure(page).has_value();
  Update(active.id, [&](Job& job) {
    job.pages_done = static_cast<int>(active.n_pages);
    if (failed) ++job.pages_failed;
    job.warnings = WarningsText(active.warnings);
  });
  return OkStatus();
}

Status Jobs::WriteResult(Active& active, const std::vector<Warning>& warnings) {
  for (const Warning& warning : warnings) active.writer->AddWarning(warning);
  const auto finished = active.writer->Finish();
  const std::vector<Warning> more = active.writer->warnings();
  active.warnings.insert(active.warnings.end(), more.begin(), more.end());
  if (!finished.ok()) return Storing(active, finished.error());
  const std::vector<OutputFile>& files = *finished;
  for (const OutputFile& file : files) {
    // "stem/stem.md" -> "result.md"
    const size_t skip = 2 * active.stem.size() + 1;
    GLM_RETURN_IF_ERROR(
        Write(active, ResultPath(active.id, "result" + file.path.substr(skip)), file));
  }
  return OkStatus();
}

void Jobs::Finish(Active& active, const DocumentOutcome& outcome) {
  std::optional<Error> error = outcome.error;
  try {
    if (!error && outcome.pages_failed < outcome.pages_read) {
      if (const Status written = WriteResult(active, outcome.warnings); !written.ok())
        error = written.error();
    }
  } catch (const std::bad_alloc&) {
    error = Error{ErrorCode::kOutOfMemory, "out of memory while the result was written"};
  }
  const bool stopping = stopped();
  {
    std::lock_guard lock(mutex_);
    runs_.erase(active.id);
  }
  if (stopping && outcome.error && outcome.error->code == ErrorCode::kCancelled) {
    return;  // the next process goes on with it
  }
  if (outcome.pages_recalled > 0) {
    service_.log.Info("job resumed", {{"job", active.id},
                                      {"pages_kept", int64_t{outcome.pages_recalled}},
                                      {"pages", int64_t{outcome.pages_read}}});
  }
  std::string message;
  if (error) {
    const bool ours = error->code == ErrorCode::kIo || error->code == ErrorCode::kInternal ||
                      error->code == ErrorCode::kNotFound;
    message =
        ours ? "The server failed. Its log says why, under this document's id." : error->message;
    service_.log.Warning("job failed", {{"job", active.id}, {"error", error->message}});
  }
  // The pages stay, for formats that are asked for later.
  bool keeps_pages = !error && outcome.pages_failed < outcome.pages_read;
  if (keeps_pages) {
    const fs::path file = CheckpointDir(active.id) / kFingerprintFile;
    if (const Status kept = WriteFileAtomically(file, active.fingerprint); !kept.ok()) {
      service_.log.Warning("pages not kept", {{"job", active.id}, {"error", kept.error().message}});
      keeps_pages = false;
    } else {
      active.written_bytes += BytesIn(CheckpointDir(active.id));
    }
  }
  bool exists = false;
  Update(active.id, [&](Job& job) {
    exists = true;
    job.stored_bytes += active.written_bytes;
    job.warnings = WarningsText(active.warnings);
    // The password is needed no more.
    DocumentRequest request = active.request;
    request.password.clear();
    job.request = Dump(ToJson(request));
    if (IsFinal(job.status)) return;  // cancelled
    job.finished_at = Now();
    if (error) {
      job.status = JobStatus::kFailed;
      job.error = message;
    } else if (outcome.pages_failed == outcome.pages_read) {
      job.status = JobStatus::kFailed;
      job.error = outcome.first_failure;
    } else {
      job.status = outcome.pages_failed > 0 ? JobStatus::kPartial : JobStatus::kSucceeded;
      job.error = outcome.first_failure;
    }
  });
  if (!keeps_pages) RemoveCheckpoints(active.id);
  if (!exists) RemoveFolder(active.id);  // deleted while it was read
}

// Removes the oldest finished jobs until one more of `owner` fits: those of the owner who holds
// most, and never of one who holds less than `owner` then would. False: there are none.
bool Jobs::MakeRoom(const std::string& owner, size_t bytes) {
  while (true) {
    std::string oldest;
    {
      std::lock_guard lock(mutex_);
      struct Held {
        int64_t n = 0, bytes = 0;
        int64_t number = INT64_MAX;  // of the oldest finished one
        std::string oldest;
      };
      std::map<std::string, Held> held;
      held[owner] = {.n = 1, .bytes = static_cast<int64_t>(bytes)};
      int64_t sum = static_cast<int64_t>(bytes);
      for (const auto& [id, job] : jobs_) {
        Held& his = held[job.owner];
        sum += job.stored_bytes;
        his.bytes += job.stored_bytes;
        ++his.n;
        if (!IsFinal(job.status) || job.number >= his.number) continue;
        his.number = job.number;
        his.oldest = id;
      }
      const bool few = static_cast<int64_t>(jobs_.size()) < service_.config.max_jobs;
      if (few && sum <= static_cast<int64_t>(service_.config.max_stored_bytes)) return true;
      const auto holds = [&](const Held& his) { return few ? his.bytes : his.n; };
      const Held* most = nullptr;
      for (const auto& [name, his] : held) {
        if (his.oldest.empty() || holds(his) < holds(held[owner])) continue;
        if (most == nullptr || holds(his) > holds(*most)) most = &his;
      }
      if (most != nullptr) oldest = most->oldest;
      if (oldest.empty()) return false;
    }
    service_.log.Info("job removed to make room", {{"job", oldest}});
    Remove(oldest);
  }
}

void Jobs::Expire() {
  std::vector<std::string> old;
  {
    std::lock_guard lock(mutex_);
    const double before = Now() - service_.config.keep_jobs_s;
    for (const auto& [id, job] : jobs_) {
      if (IsFinal(job.status) && job.finished_at < before) old.push_back(id);
    }
  }
  for (const std::string& id : old) {
    service_.log.Info("job expired", {{"job", id}});
    Remove(id);
  }
}

void Jobs::KeepHouse() {
  while (true) {
    Expire();
    {
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, kTick, [this] { return stopped_; })) return;
    }
    Tell("", true);
  }
}

}  // namespace glmocr::server
