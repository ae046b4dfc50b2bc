// The pages of a document that are read, kept on disk while the document is not done: a folder with
// a file per page (format/page_checkpoint.h), written whole or not at all. What was read by other
// weights, settings or another version (another fingerprint), or is damaged, is read again.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "document/page.h"

namespace glmocr {

// For one thread at a time.
class PageCheckpoints {
 public:
  // Keeps pages in `folder`, which is made. `fingerprint`: of the document and of all that decides
  // how it is read (fingerprint.h). `on_problem`: told in words why a page was not kept (once) or
  // not recalled; may be empty.
  PageCheckpoints(std::filesystem::path folder, std::string fingerprint,
                  std::function<void(const std::string&)> on_problem);

  // As an earlier process has read the page, without its picture; nothing where it has not.
  std::optional<ReadPage> Recall(int page) const;
  // A page that cannot be kept costs its reading after a crash, nothing before. One that could not
  // be loaded is not kept: it has cost no recognition, and what kept it from being loaded may pass.
  void Keep(const ReadPage& page);

 private:
  std::filesystem::path Path(int page) const;
  void Problem(const std::string& what) const;

  std::filesystem::path folder_;
  std::string fingerprint_;
  std::function<void(const std::string&)> on_problem_;
  bool keep_failed_ = false;
};

}  // namespace glmocr
