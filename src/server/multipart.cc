#include "server/multipart.h"

#include <Poco/Exception.h>
#include <Poco/MemoryStream.h>
#include <Poco/Net/MessageHeader.h>
#include <Poco/Net/MultipartReader.h>
#include <Poco/Net/NameValueCollection.h>

#include <algorithm>
#include <array>

namespace glmocr::server {
namespace {

constexpr size_t kMaxBoundaryBytes = 70;  // RFC 2046, 5.1.1
constexpr int kMaxPartHeaders = 32;

Error Malformed(const char* what) {
  return {ErrorCode::kInvalidArgument, std::string("The form is malformed: ") + what + "."};
}

Result<FormPart> ReadPart(Poco::Net::MultipartReader& reader) {
  Poco::Net::MessageHeader header;
  header.setFieldLimit(kMaxPartHeaders);
  reader.nextPart(header);
  std::string disposition;
  Poco::Net::NameValueCollection parameters;
  Poco::Net::MessageHeader::splitParameters(header.get("Content-Disposition", ""), disposition,
                                            parameters);
  FormPart part;
  part.name = parameters.get("name", "");
  if (part.name.empty()) return Malformed("a part has no name");
  part.is_file = parameters.has("filename");
  part.file_name = parameters.get("filename", "");
  std::array<char, 65536> chunk{};
  std::istream& stream = reader.stream();
  while (stream.read(chunk.data(), chunk.size()) || stream.gcount() > 0)
    part.content.append(chunk.data(), static_cast<size_t>(stream.gcount()));
  return part;
}

}  // namespace

Result<std::vector<FormPart>> ParseMultipart(std::string_view content_type, const std::string& body,
                                             size_t max_parts) {
  try {
    std::string type;
    Poco::Net::NameValueCollection parameters;
    Poco::Net::MessageHeader::splitParameters(std::string(content_type), type, parameters);
    const std::string boundary = parameters.get("boundary", "");
    if (boundary.empty() || boundary.size() > kMaxBoundaryBytes)
      return Malformed("Content-Type names no boundary of 1 to 70 characters");
    // A part whose end is missing reads as one that ends with the body.
    const std::string end = "--" + boundary + "--";
    if (body.rfind(end) == std::string::npos) return Malformed("its last boundary is missing");
    Poco::MemoryInputStream stream(body.data(), static_cast<std::streamsize>(body.size()));
    Poco::Net::MultipartReader reader(stream, boundary);
    std::vector<FormPart> parts;
    while (reader.hasNextPart()) {
      if (parts.size() == max_parts) return Malformed("it has too many parts");
      GLM_ASSIGN(FormPart part, ReadPart(reader));
      parts.push_back(std::move(part));
    }
    return parts;
  } catch (const Poco::Exception&) {
    return Malformed("its parts cannot be told apart");
  }
}

}  // namespace glmocr::server
