// Pictures and documents that a request names or holds, opened under the operator's rules.
#pragma once

#include <memory>
#include <string>

#include "media/image.h"
#include "pipeline/inputs.h"
#include "server/config.h"

namespace glmocr::server {

// Any thread.
class MediaSource {
 public:
  explicit MediaSource(const ServerConfig& config) : config_(config) {}

  // What `reference` holds: a data: URI. Everything else is refused: kInvalidArgument. `name` is
  // what messages call it ("messages[0].content[1]").
  Result<std::unique_ptr<DocumentReader>> Open(const std::string& reference,
                                               const std::string& name) const;
  // The same where one picture is wanted. kInvalidArgument when it has several pages.
  Result<Image> OpenImage(const std::string& reference, const std::string& name) const;

  // Its bytes as they are, for what is opened later.
  Result<std::string> Read(const std::string& reference, const std::string& name) const;

  // The bounds under which documents are opened.
  InputOptions Options() const;

 private:
  const ServerConfig& config_;
};

}  // namespace glmocr::server
