// Pictures and documents that a request names or holds, opened under the operator's rules: data:
// URIs always; web addresses and files of this machine only where the configuration says so.
// Foreign files are decoded in limited worker processes.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "pipeline/inputs.h"
#include "server/config.h"
#include "server/log.h"

namespace glmocr::server {

struct MediaReference {
  std::string reference;            // a data: URI, a web address, a file: URI or a path
  std::string name;                 // what messages call it: "messages[0].content[1].image_url.url"
  std::string request_id;           // for the log
  std::string owner;                // name of the sender's API key, or empty
  std::function<bool()> cancelled;  // asked while fetching; may be empty
};

// Any thread.
class MediaSource {
 public:
  MediaSource(const ServerConfig& config, Log& log);

  // The bytes. Errors: those of DecodeDataUri, of Fetch, and kInvalidArgument where the rules say
  // no. Their messages are for the client.
  Result<std::string> Read(const MediaReference& media) const;
  // The document that they are. Errors besides: those of OpenDocumentBytes.
  Result<std::unique_ptr<DocumentReader>> Open(const MediaReference& media) const;

  // The bounds under which documents of `owner` (as above) are opened.
  InputOptions Options(const std::string& owner) const;

 private:
  Result<std::string> ReadBelowMediaPath(const std::string& reference) const;

  const ServerConfig& config_;
  Log& log_;
  const std::filesystem::path picture_worker_;  // found once; empty: when one is needed
  const std::shared_ptr<pdf::WorkerPool> picture_workers_;
};

}  // namespace glmocr::server
