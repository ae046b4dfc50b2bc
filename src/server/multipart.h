// multipart/form-data (RFC 7578) as its parts. Poco::Net does the parsing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr::server {

struct FormPart {
  std::string name;
  std::string file_name;  // as the client sent it; empty for plain fields
  bool is_file = false;   // it has a file name, even an empty one
  std::string content;
};

// `content_type`: the request's, with the boundary. kInvalidArgument: malformed, cut off, more than
// `max_parts`, a part without a name.
Result<std::vector<FormPart>> ParseMultipart(std::string_view content_type, const std::string& body,
                                             size_t max_parts);

}  // namespace glmocr::server
