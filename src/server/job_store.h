// The document jobs that this server knows, in an SQLite database (write-ahead log), so that they
// survive the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct sqlite3;

namespace glmocr::server {

enum class JobStatus { kQueued, kRunning, kSucceeded, kFailed, kCancelled, kPartial };
// "queued", "running", "succeeded", "failed", "cancelled", "partial".
std::string_view JobStatusName(JobStatus status);
inline bool IsFinal(JobStatus status) {
  return status != JobStatus::kQueued && status != JobStatus::kRunning;
}

// Whether there are files to fetch.
inline bool HasResult(JobStatus status) {
  return status == JobStatus::kSucceeded || status == JobStatus::kPartial;
}

// 32 hexadecimal digits: no name of another folder.
bool IsJobId(std::string_view name);

struct Job {
  std::string id;       // 32 hex digits
  std::string owner;    // name of the API key that made it; empty without keys
  std::string name;     // the client's, made safe
  std::string request;  // JSON, as ToJson(DocumentRequest)
  JobStatus status = JobStatus::kQueued;
  int64_t number = 0;      // in the order of creation, from 1
  double created_at = 0;   // Unix seconds
  double started_at = 0;   // 0: not yet
  double finished_at = 0;  // 0: not yet
  int n_pages = -1;        // to be read; -1: not known yet
  int pages_done = 0;
  int pages_failed = 0;  // of those
  int64_t stored_bytes = 0;
  std::string error;
  std::string warnings = "[]";  // a JSON list, as format/warning_json.h with pages
};

// Any thread. Errors: kIo; kResourceExhausted (disk full); kCorrupt (the file is no such database).
class JobStore {
 public:
  static Result<std::unique_ptr<JobStore>> Open(const std::filesystem::path& file);
  ~JobStore();

  // In the order of creation. Rows that this program cannot have written (other types, ids,
  // numbers) are not among them: they are moved to the table set_aside, and counted.
  Result<std::vector<Job>> Load(int64_t* n_set_aside = nullptr);
  // Moves a row to the table set_aside, where nothing reads it.
  Status SetAside(const std::string& id);
  // Inserts, or writes all members again.
  Status Save(const Job& job);
  Status Delete(const std::string& id);

 private:
  explicit JobStore(sqlite3* db) : db_(db) {}
  Error Failure(const char* doing) const;
  Status Move(const std::string& where);
  Status Execute(const char* sql);

  std::mutex mutex_;
  sqlite3* db_ = nullptr;
};

}  // namespace glmocr::server
