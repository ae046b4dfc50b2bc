#include "jobs/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/bounded_json.h"
#include "base/file.h"
#include "format/warning_json.h"

namespace glmocr {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMaxJournalBytes = size_t{1} << 30;
// Every line says by its schema what wrote it: "glm-ocr.journal/2". Lines without one are older.
constexpr std::string_view kSchema = "glm-ocr.journal/";
constexpr int kVersion = 2;

std::string StringOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string JournalEntry::ToJson() const {
  nlohmann::ordered_json out;
  out["schema"] = fmt::format("{}{}", kSchema, kVersion);
  out["status"] = !error.empty() ? "failed" : failed_pages.empty() ? "ok" : "partial";
  out["input"] = input;
  out["key"] = key;
  out["folder"] = folder;
  out["hash"] = hash;
  out["options"] = options;
  out["pages"] = pages;
  if (!error.empty()) out["error"] = error;
  for (const auto& [page, message] : failed_pages)
    out["failed_pages"].push_back({{"page", page}, {"error", message}});
  if (!warnings.empty()) out["warnings"] = WarningsJson(warnings, WarningPages::kTell);
  out["files"] = files;
  out["seconds"] = seconds;
  // File names need not be UTF-8.
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<JournalEntry> JournalEntry::FromJson(std::string_view line) {
  GLM_ASSIGN(const nlohmann::json json, ParseBoundedJson(line, Journal::kName));
  if (!json.is_object()) return Error{ErrorCode::kCorrupt, "a journal line is not an object"};
  if (const std::string schema = StringOf(json, "schema"); schema.starts_with(kSchema)) {
    int version = 0;
    const char* end = schema.data() + schema.size();
    const auto parsed = std::from_chars(schema.data() + kSchema.size(), end, version);
    if (parsed.ec == std::errc() && version > kVersion)
      return Error{ErrorCode::kUnsupported, "of a newer version"};
  }
  JournalEntry entry = {.input = StringOf(json, "input"),
                        .key = StringOf(json, "key"),
                        .folder = StringOf(json, "folder"),
                        .hash = StringOf(json, "hash"),
                        .options = StringOf(json, "options"),
                        .error = StringOf(json, "error")};
  const std::string status = StringOf(json, "status");
  if (status == "failed" && entry.error.empty()) entry.error = "failed";
  if (status == "partial") entry.failed_pages.emplace_back(0, "failed");
  if (status.empty()) return Error{ErrorCode::kCorrupt, "a journal line has no status"};
  if (const auto pages = json.find("pages"); pages != json.end() && pages->is_number_integer())
    entry.pages = pages->get<int>();
  if (const auto warnings = json.find("warnings"); warnings != json.end())
    entry.warnings = WarningsFromJson(*warnings);
  if (const auto files = json.find("files"); files != json.end() && files->is_array()) {
    for (const auto& file : *files) {
      if (file.is_string()) entry.files.push_back(file.get<std::string>());
    }
  }
  return entry;
}

Result<Journal> Journal::Open(const fs::path& folder) {
  Journal journal;
  journal.folder_ = folder;
  const fs::path path = folder / kName;
  const auto cannot_write = [&] {
    return Error{ErrorCode::kIo, "cannot write '" + path.string() + "': " + std::strerror(errno) +
                                     " (choose another folder with -o)"};
  };
  journal.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (journal.fd_ < 0) return cannot_write();
  // File systems without locks (some network ones) go without.
  if (::flock(journal.fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return Error{ErrorCode::kUnavailable,
                 "another run of glm-ocr is writing into '" + folder.string() +
                     "' (wait until it has ended, or choose another folder with -o)"};
  }
  GLM_ASSIGN(const std::string text, ReadFile(path, kMaxJournalBytes));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    auto entry = JournalEntry::FromJson(std::string_view(text).substr(begin, end - begin));
    if (entry.ok()) {
      journal.last_[entry->folder] = std::move(*entry);
    } else if (entry.error().code == ErrorCode::kUnsupported) {
      return Error{ErrorCode::kUnsupported,
                   "'" + path.string() +
                       "' was written by a newer version of glm-ocr (use that version, or choose "
                       "another folder with -o)"};
    } else if (end > begin) {
      ++journal.n_ignored_;
    }
    begin = end + 1;
  }
  const bool torn = !text.empty() && text.back() != '\n';
  if (torn && ::write(journal.fd_, "\n", 1) != 1) return cannot_write();
  return journal;
}

Journal::Journal(Journal&& other) noexcept
    : folder_(std::move(other.folder_)),
      last_(std::move(other.last_)),
      n_ignored_(other.n_ignored_),
      fd_(std::exchange(other.fd_, -1)) {}

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(last_, other.last_);
  std::swap(n_ignored_, other.n_ignored_);
  std::swap(fd_, other.fd_);
  return *this;
}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

bool Journal::IsDone(const std::string& folder, const std::string& hash,
                     const std::string& options) const {
  const auto found = last_.find(folder);
  if (found == last_.end()) return false;
  const JournalEntry& entry = found->second;
  if (!entry.complete() || entry.hash != hash || entry.options != options) return false;
  std::error_code none;
  for (const std::string& file : entry.files) {
    if (!fs::exists(folder_ / file, none)) return false;
  }
  return true;
}

Status Journal::Append(const JournalEntry& entry) {
  const fs::path path = folder_ / kName;
  const auto failed = [&](const std::string& why, ErrorCode code = ErrorCode::kIo) {
    std::string message = "cannot write '" + path.string() + "': " + why;
    if (entry.error.empty()) message += " (the input is done, but --resume would read it again)";
    return Error{code, std::move(message)};
  };
  struct stat ours {
  }, there{};
  if (::fstat(fd_, &ours) != 0) return failed(std::strerror(errno));
  if (::stat(path.c_str(), &there) != 0 || ours.st_ino != there.st_ino ||
      ours.st_dev != there.st_dev)
    return failed("it was removed or replaced during the run", ErrorCode::kNotFound);
  const std::string line = entry.ToJson() + "\n";
  const ssize_t wrote = ::write(fd_, line.data(), line.size());
  if (wrote == static_cast<ssize_t>(line.size())) return OkStatus();
  const std::string why = wrote < 0 ? std::strerror(errno) : "no space left";
  // What got there is no line.
  if (wrote > 0 && ::ftruncate(fd_, ours.st_size) != 0)
    return failed(why + ", a torn line is left");
  return failed(why);
}

}  // namespace glmocr
