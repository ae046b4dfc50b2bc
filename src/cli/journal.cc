#include "cli/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/bounded_json.h"
#include "base/file.h"

namespace glmocr::cli {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMaxJournalBytes = size_t{1} << 30;
constexpr const char* kName = "journal.jsonl";

std::string StringOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string JournalEntry::ToJson() const {
  nlohmann::ordered_json out;
  out["status"] = !error.empty() ? "failed" : failed_pages.empty() ? "ok" : "partial";
  out["input"] = input;
  out["folder"] = folder;
  out["hash"] = hash;
  out["options"] = options;
  out["pages"] = pages;
  if (!error.empty()) out["error"] = error;
  for (const auto& [page, message] : failed_pages)
    out["failed_pages"].push_back({{"page", page}, {"error", message}});
  out["files"] = files;
  out["seconds"] = seconds;
  // File names need not be UTF-8.
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<JournalEntry> JournalEntry::FromJson(std::string_view line) {
  GLM_ASSIGN(const nlohmann::json json, ParseBoundedJson(line, kName));
  if (!json.is_object()) return Error{ErrorCode::kCorrupt, "a journal line is not an object"};
  JournalEntry entry = {.input = StringOf(json, "input"),
                        .folder = StringOf(json, "folder"),
                        .hash = StringOf(json, "hash"),
                        .options = StringOf(json, "options"),
                        .error = StringOf(json, "error")};
  const std::string status = StringOf(json, "status");
  if (status == "failed" && entry.error.empty()) entry.error = "failed";
  if (status == "partial") entry.failed_pages.emplace_back(0, "failed");
  if (status.empty()) return Error{ErrorCode::kCorrupt, "a journal line has no status"};
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
  std::error_code none;
  bool torn = false;
  if (fs::exists(path, none)) {
    GLM_ASSIGN(const std::string text, ReadFile(path, kMaxJournalBytes));
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      auto entry = JournalEntry::FromJson(std::string_view(text).substr(begin, end - begin));
      if (entry.ok()) journal.last_[entry->folder] = std::move(*entry);
      begin = end + 1;
    }
    torn = !text.empty() && text.back() != '\n';
  }
  journal.fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (journal.fd_ < 0 || (torn && ::write(journal.fd_, "\n", 1) != 1)) {
    return Error{ErrorCode::kIo, "cannot write '" + path.string() + "': " + std::strerror(errno) +
                                     " (choose another folder with -o)"};
  }
  return journal;
}

Journal::Journal(Journal&& other) noexcept
    : folder_(std::move(other.folder_)),
      last_(std::move(other.last_)),
      fd_(std::exchange(other.fd_, -1)) {}

Journal& Journal::operator=(Journal&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(last_, other.last_);
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
  const std::string line = entry.ToJson() + "\n";
  if (::write(fd_, line.data(), line.size()) == static_cast<ssize_t>(line.size()))
    return OkStatus();
  return Error{ErrorCode::kIo, "cannot write '" + (folder_ / kName).string() +
                                   "': " + std::strerror(errno) +
                                   " (the input is done, but --resume would read it again)"};
}

}  // namespace glmocr::cli
