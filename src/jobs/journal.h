// The record of a bulk run in its output folder, journal.jsonl: one JSON object a line per finished
// input, so that a later run with --resume skips what is done, and knows whose each folder is.
// Lines are appended with one write each; a line that was torn by a crash is ignored. While it is
// open no other run may open it.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "document/warning.h"

namespace glmocr {

struct JournalEntry {
  std::string input;    // as the user named it
  std::string key;      // of the input, 32 hex digits: OutputNames::KeyOf; empty in old journals
  std::string folder;   // below the output folder, where its files are
  std::string hash;     // of the input's bytes, 32 hex digits
  std::string options;  // of all that decides about the output, 32 hex digits: ResultFingerprint
  int pages = 0;
  std::vector<std::pair<int, std::string>> failed_pages;  // page from 1, message
  std::vector<Warning> warnings;
  std::string error;               // of the whole input: nothing was written
  std::vector<std::string> files;  // relative to the output folder
  double seconds = 0;

  bool complete() const { return error.empty() && failed_pages.empty(); }
  // One line of JSON, without the newline.
  std::string ToJson() const;
  // kUnsupported: of a newer version of this program. kCorrupt: no line of a journal.
  static Result<JournalEntry> FromJson(std::string_view line);
};

class Journal {
 public:
  static constexpr const char* kName = "journal.jsonl";

  // Reads `folder`/journal.jsonl if there is one, and opens it for appending. Errors: kUnavailable
  // (another run has it open), kUnsupported (a newer version has written it; it is left as it is),
  // kIo.
  static Result<Journal> Open(const std::filesystem::path& folder);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&& other) noexcept;
  ~Journal();

  // Whether the last entry of that output folder is complete, of the same input bytes and options,
  // and all its files are still there.
  bool IsDone(const std::string& folder, const std::string& hash, const std::string& options) const;
  // The last entry of each output folder, as they were when it was opened.
  const std::map<std::string, JournalEntry>& last() const { return last_; }
  // How many lines were no entries (torn, or not ours) and do not count.
  int n_ignored() const { return n_ignored_; }
  // An error when the file was removed or replaced (kNotFound: no later entry can be kept either),
  // or cannot be written: the line is there whole or not at all.
  Status Append(const JournalEntry& entry);

 private:
  Journal() = default;
  std::filesystem::path folder_;
  std::map<std::string, JournalEntry> last_;  // by output folder
  int n_ignored_ = 0;
  int fd_ = -1;
};

}  // namespace glmocr
