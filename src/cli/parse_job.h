// One run of `glm-ocr parse`: inputs are expanded, opened, read by one or more workers that share
// the recogniser, and written in the order they were named (standard output) or as they finish
// (folder, with a journal).
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/common_options.h"
#include "cli/journal.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "pipeline/inputs.h"
#include "pipeline/page_reader.h"

namespace glmocr::cli {

struct ParseOptions {
  ModelOptions model;
  std::vector<std::string> inputs;
  std::string out;
  std::vector<std::string> to;  // formats; empty: text to standard output, md and json to a folder
  std::string layout = "auto";
  std::string layout_model;
  std::string task = "auto";
  std::string drafts = "auto";
  int64_t batch = 16;
  GenerationOptions generation;
  InputOptions input;
  OutputOptions output;
  std::string pages;
  TextLayerMode text_layer = TextLayerMode::kOff;
  int jobs = 2;
  bool resume = false;
  bool quiet = false;
  bool stats = false;
};

class ParseJob {
 public:
  explicit ParseJob(const ParseOptions& options);
  ~ParseJob();
  // The exit code.
  int Run();

 private:
  struct Document;
  class Worker;
  // What workers spend their time on while the engine reads, for --stats.
  struct WorkerTimes {
    double load_s = 0;    // waiting for a page's picture
    double layout_s = 0;  // finding its regions, cutting them out
    double write_s = 0;   // making its part of the output
  };

  Status Prepare();
  Status LoadModel();
  PageReaderOptions ReaderOptions();
  void Work();
  // The next input to read; null when there is none left or the user wants to stop.
  std::unique_ptr<Document> Next();
  // The document's last page has come, or it cannot be opened.
  void Finish(std::unique_ptr<Document> document);
  Status WriteFiles(const Result<std::vector<OutputFile>>& files, JournalEntry* entry);
  static Status ReadFiles(const Result<std::vector<OutputFile>>& files, std::string* text);
  void ReportWarning(const std::string& input, const Warning& warning);
  void TakePage(Document& document, ReadPage page);
  void ReportDifferences(const ReadPage& page);
  void Print(size_t index, std::string text);
  void Report(const std::string& message);
  bool KeepGoing() const;
  void ShowProgress();
  void PrintStats() const;

  const ParseOptions& options_;
  std::vector<DocumentInput> inputs_;
  std::string options_hash_;
  std::unique_ptr<Recognizer> recognizer_;
  std::shared_ptr<const LayoutEngine> layout_engine_;
  Layout layout_ = Layout::kRegions;
  Output output_;
  std::optional<Journal> journal_;
  std::optional<Progress> progress_;

  mutable std::mutex mutex_;  // of everything below, the journal, the output and the progress line
  std::condition_variable changed_;
  size_t next_input_ = 0;
  std::map<size_t, std::string> unprinted_;  // by input: texts that wait for earlier ones
  size_t next_print_ = 0;
  size_t done_ = 0, partial_ = 0, failed_ = 0, skipped_ = 0;
  int64_t pages_done_ = 0, pages_failed_ = 0;
  WorkerTimes times_;  // of workers that have ended
  int running_workers_ = 0;
  std::optional<Error> fatal_;
  bool wrong_options_ = false;  // found when the model was loaded
};

}  // namespace glmocr::cli
