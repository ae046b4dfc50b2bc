// The record of a bulk run in its output folder: one JSON object a line per finished input, so that
// a later run with --resume skips what is done. Lines are appended with one write each; a line that
// was torn by a crash is ignored.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace glmocr::cli {

struct JournalEntry {
  std::string input;    // as the user named it
  std::string folder;   // below the output folder, where its files are
  std::string hash;     // of the input's bytes, 32 hex digits
  std::string options;  // of what else decides about the output, 32 hex digits
  int pages = 0;
  std::vector<std::pair<int, std::string>> failed_pages;  // page from 1, message
  std::string error;                                      // of the whole input: nothing was written
  std::vector<std::string> files;                         // relative to the output folder
  double seconds = 0;

  bool complete() const { return error.empty() && failed_pages.empty(); }
  // One line of JSON, without the newline.
  std::string ToJson() const;
  static Result<JournalEntry> FromJson(std::string_view line);
};

class Journal {
 public:
  // Reads `folder`/journal.jsonl if there is one, and opens it for appending.
  static Result<Journal> Open(const std::filesystem::path& folder);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&& other) noexcept;
  ~Journal();

  // Whether the last entry of that output folder is complete, of the same input bytes and options,
  // and all its files are still there.
  bool IsDone(const std::string& folder, const std::string& hash, const std::string& options) const;
  Status Append(const JournalEntry& entry);

 private:
  Journal() = default;
  std::filesystem::path folder_;
  std::map<std::string, JournalEntry> last_;  // by output folder
  int fd_ = -1;
};

}  // namespace glmocr::cli
