// An open document as the public Document has it: a job (jobs/document_job.h) that goes on within
// the calls of its user, on their thread. Its pages go to NextPage, or all into files by Write.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/internal.h"
#include "format/document_writer.h"
#include "jobs/document_job.h"
#include "pipeline/inputs.h"

namespace glmocr::v1 {
namespace [[gnu::visibility("hidden")]] internal {

class Reading;
using OwnedReading = std::unique_ptr<Reading, DeleteHere<Reading>>;

// Where a document is written.
struct Destination {
  glmocr::DocumentOptions output;  // all but the source
  std::function<Status(const OutputFile&)> take;
  const std::function<void(const Page&)>& on_page;  // WriteOptions'
};

// For one thread at a time, but for Enter, Leave and Cancel. What callbacks throw comes out as
// CallbackException.
class Reading {
 public:
  // `input`: a file, or the name of `bytes` where these are not null. Errors: Model::OpenDocument.
  static Result<OwnedReading> Open(std::shared_ptr<const LoadedModel> model,
                                   const DocumentInput& input, std::optional<std::string> bytes,
                                   const DocumentOptions& options);
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  // One call at a time: false while another one runs.
  bool Enter() { return !busy_.exchange(true); }
  void Leave() { busy_ = false; }

  Result<std::optional<Page>> NextPage();
  Result<WriteResult> Write(Destination to);
  // Runs a callback of the user; false when it threw, which ends the document.
  bool CallUser(const std::function<void()>& callback);
  void Cancel() { stop_.request_stop(); }

  int n_pages() const { return n_pages_; }
  int n_selected() const { return progress_.pages; }
  double dpi() const { return options_.dpi; }
  bool replaces_hidden_text() const { return options_.text_layer == TextLayer::kReplace; }
  const std::vector<Warning>& warnings() const { return warnings_; }

 private:
  using StopCallback = std::stop_callback<std::function<void()>>;

  Reading(std::shared_ptr<const LoadedModel> model, std::string name,
          const DocumentOptions& options)
      : model_(std::move(model)), name_(std::move(name)), options_(options) {}
  void Begin();
  void Step();
  Status TakePage(ReadPage page);
  void Tell();

  const std::shared_ptr<const LoadedModel> model_;
  const std::string name_;
  const DocumentOptions options_;
  PageReaderOptions reader_;
  std::shared_ptr<DocumentSource> source_;
  std::unique_ptr<DocumentReader> document_;  // until the job begins
  int n_pages_ = 0;

  std::atomic<bool> busy_ = false;
  std::stop_source stop_;
  std::optional<StopCallback> on_stop_;  // from the options' token to `stop_`
  std::unique_ptr<DocumentJob> job_;
  std::optional<StopCallback> on_cancel_;      // from `stop_` to the job
  std::function<Status(ReadPage)> for_write_;  // takes pages in place of `ready_`
  std::deque<ReadPage> ready_;
  std::optional<DocumentOutcome> outcome_;
  std::vector<Warning> warnings_;
  DocumentProgress progress_;
  std::exception_ptr thrown_;  // by a callback
};

}  // namespace gnu::visibility("hidden")]]internal
}  // namespace glmocr::v1
