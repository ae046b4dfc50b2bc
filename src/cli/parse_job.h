// One run of `glm-ocr parse`: inputs are expanded, opened, read by a few threads that share the
// recogniser, and written in the order they were named (standard output) or as they finish (folder,
// with a journal).
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cli/common_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "jobs/document_job.h"
#include "jobs/journal.h"
#include "jobs/output_names.h"
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
  TextLayerMode text_layer = TextLayerMode::kAuto;
  int jobs = 2;
  bool resume = false;
  bool overwrite = false;
  bool quiet = false;
  bool verbose = false;
  bool stats = false;
};

// The documents of a run as jobs (jobs/document_job.h): which are read when, what becomes of their
// pages, and what the user is told.
class ParseJob : private DocumentObserver {
 public:
  explicit ParseJob(const ParseOptions& options);
  ~ParseJob() override;
  // The exit code.
  int Run();

 private:
  struct Document;

  Status Prepare();
  Status LoadModel();
  PageReaderOptions ReaderOptions();
  // With the lock.
  std::shared_ptr<DocumentJob> NextJob();
  void RunJobs();
  Result<OpenedUse> Open(Document& document, const OpenedDocument& opened);
  Status TakePage(Document& document, ReadPage page);
  void Finish(Document& document, const DocumentOutcome& outcome);
  void Count(const Document& document, int64_t n_pages_read);
  Status WriteFiles(Document& document, const Result<std::vector<OutputFile>>& files);
  Status ReadFiles(const Result<std::vector<OutputFile>>& files, std::string* text) const;
  void ReportDifferences(const ReadPage& page);
  // With the lock:
  void Print(size_t index, std::string text);
  void Report(const std::string& message);
  void Warn(const std::string& name, const std::vector<Warning>& warnings);
  void ShowProgress();
  void PrintStats() const;
  void PrintClosingLine() const;

  void DocumentBegun() override {}
  void DocumentPage(double seconds, bool ok) override;
  void DocumentEnded(std::string_view, double) override {}

  const ParseOptions& options_;
  std::vector<DocumentInput> inputs_;
  std::vector<std::string> not_documents_;
  InputOptions input_options_;
  std::unique_ptr<Recognizer> recognizer_;
  std::shared_ptr<const LayoutEngine> layout_engine_;
  Layout layout_ = Layout::kRegions;
  PageReaderOptions reader_options_;
  Output output_;
  std::optional<Progress> progress_;

  std::mutex mutex_;  // of everything below, the output and the progress line
  std::condition_variable changed_;
  std::optional<Journal> journal_;
  std::optional<OutputNames> names_;
  size_t next_input_ = 0;
  std::map<size_t, std::shared_ptr<DocumentJob>> running_;  // by input
  std::map<size_t, std::string> unprinted_;  // by input: texts that wait for earlier ones
  size_t next_print_ = 0;
  size_t done_ = 0, partial_ = 0, failed_ = 0, skipped_ = 0, with_warnings_ = 0;
  int64_t pages_written_ = 0, pages_failed_ = 0;
  ProgressState state_;
  bool journal_failed_ = false;
  double load_s_ = 0, layout_s_ = 0, write_s_ = 0;  // of the document threads, for --stats
  std::optional<Error> fatal_;
  bool wrong_options_ = false;  // found when the model was loaded
};

}  // namespace glmocr::cli
