// Documents that are read in the background: uploads in, results and progress out. A job is known
// by its id until it expires or is deleted, also by the next process after this one, which resumes
// what was not finished after the pages that were read.
//
// Below the data folder (0700), per job: <id>/input, the upload; <id>/out, the result's files
// ("result.md", "imgs/..."); <id>/pages, per page what `page` events say and the picture;
// <id>/read, per page what reading it has yielded (jobs/page_checkpoints.h), unless nothing came of
// the job; <id>/made, files of formats that were asked for afterwards, made of `read`. No name on
// disk comes from a client. Files are written whole or not at all.
//
// A job that is resumed writes `out` and `pages` anew: pages of which `read` tells are rendered,
// not recognised. What `read` tells counts only for the same upload, program version, model, layout
// and options (jobs/fingerprint.h); else, or when it is damaged, the page is read again.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "format/document_writer.h"
#include "jobs/document_job.h"
#include "server/api_error.h"
#include "server/job_store.h"
#include "server/service.h"

namespace glmocr::server {

struct DocumentRequest;

// All of it from any thread, unless said otherwise.
class Jobs {
 public:
  // Makes or takes over config.data_dir. Errors: kInvalidArgument (the folder is not private, or
  // another server uses it), kIo, those of JobStore::Open.
  static Result<std::unique_ptr<Jobs>> Open(const Service& service, DocumentThreads& threads);
  ~Jobs();  // Stop

  // Takes what was left unfinished up again, and new jobs from now on.
  void Start();
  // Ends what runs without marking it, so that the next process takes it up.
  // The threads' Stop must have been called, or be called next.
  void Stop();

  // Stores the upload and queues the job. Errors: kUnavailable (too many unfinished jobs),
  // kResourceExhausted (no space).
  Result<Job> Add(const std::string& owner, const std::string& name, const DocumentRequest& request,
                  std::string_view bytes);
  // Nothing for a job of somebody else.
  std::optional<Job> Find(const std::string& owner, const std::string& id) const;
  // Newest first, those older than `after` (an id; empty: from the newest).
  std::vector<Job> List(const std::string& owner, const std::string& after, size_t limit) const;
  // Ends a job that is not finished. False: there is none.
  bool Cancel(const std::string& owner, const std::string& id);
  bool Delete(const std::string& owner, const std::string& id);

  // Files of a job, for those who have found it. The path's existence is not looked at.
  std::filesystem::path PageEventPath(const std::string& id, int number) const;  // from 1
  std::filesystem::path PageImagePath(const std::string& id, int page) const;    // page of the file
  std::filesystem::path UploadPath(const std::string& id) const;
  std::filesystem::path ResultPath(const std::string& id, std::string_view name) const;

  // The file of a format that was not asked for when the job was made, from its kept pages. Not for
  // formats that need pictures or tokens. Errors: kNotFound (the pages are not kept), those of
  // writing.
  Result<std::filesystem::path> Make(const Job& job, const FormatInfo& format);

  // `changed` is called after each change of the job, on any thread, until Unwatch, and `tick` is
  // true each 15 seconds, when nothing need have changed. It must return soon.
  using Watcher = std::function<void(bool tick)>;
  int64_t Watch(const std::string& id, Watcher changed);
  void Unwatch(int64_t watcher);
  bool stopped() const;

 private:
  struct Active;
  Jobs(const Service& service, DocumentThreads& threads, std::filesystem::path dir, bool temporary);

  std::filesystem::path Dir(const std::string& id) const { return dir_ / id; }
  std::filesystem::path NewDir(const std::string& id) const;
  std::filesystem::path CheckpointDir(const std::string& id) const { return Dir(id) / "read"; }
  void Run(const Job& job);
  Error Storing(const Active& active, const Error& error) const;
  Status TakePage(Active& active, ReadPage page);
  Status WriteResult(Active& active, const std::vector<Warning>& warnings);
  void Finish(Active& active, const DocumentOutcome& outcome);
  // Changes the job under the lock, stores it and tells its watchers.
  void Update(const std::string& id, const std::function<void(Job&)>& change);
  // Empty: of all jobs.
  void Tell(const std::string& id, bool tick);
  Status Write(Active& active, const std::filesystem::path& path, const OutputFile& file);
  bool MakeRoom(const std::string& owner, size_t bytes);
  void RemoveLeftOvers();
  void RemoveFolder(const std::string& id);
  void RemoveCheckpoints(const std::string& id);
  void Remove(const std::string& id);
  void Expire();
  void KeepHouse();

  const Service& service_;
  DocumentThreads& threads_;
  const std::filesystem::path dir_;
  const bool temporary_;
  int lock_file_ = -1;
  std::unique_ptr<JobStore> store_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  int64_t next_number_ = 1, next_watcher_ = 1;
  std::map<std::string, Job> jobs_;
  std::map<std::string, std::shared_ptr<DocumentJob>> runs_;  // of unfinished jobs
  struct Watching {
    std::string id;
    Watcher changed;
  };
  std::map<int64_t, Watching> watchers_;
  std::thread housekeeper_;
};

}  // namespace glmocr::server
