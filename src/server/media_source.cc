#include "server/media_source.h"

namespace glmocr::server {

InputOptions MediaSource::Options() const {
  InputOptions options;
  options.decode.max_pixels = config_.max_image_pixels;
  options.decode.max_total_pixels = 16 * config_.max_image_pixels;
  options.decode.max_pages = config_.max_pages;
  options.decode.max_encoded_bytes = config_.max_upload_bytes;
  options.pdf.max_pages = config_.max_pages;
  return options;
}

namespace {

Error Refusal(const std::string& reference) {
  if (reference.rfind("http://", 0) == 0 || reference.rfind("https://", 0) == 0) {
    return Error{ErrorCode::kInvalidArgument,
                 "this server does not fetch web addresses: send the file as a data: URI"};
  }
  return Error{ErrorCode::kInvalidArgument,
               "this server reads no files of its machine: send the file as a data: URI"};
}

}  // namespace

Result<std::unique_ptr<DocumentReader>> MediaSource::Open(const std::string& reference,
                                                          const std::string& name) const {
  if (reference.rfind("data:", 0) == 0) return OpenDocument({name, reference, {}}, Options());
  return Refusal(reference);
}

Result<std::string> MediaSource::Read(const std::string& reference, const std::string& name) const {
  if (reference.rfind("data:", 0) != 0) return Refusal(reference);
  return DecodeDataUri(reference, name, config_.max_upload_bytes / 3 * 4 + 1024);
}

Result<Image> MediaSource::OpenImage(const std::string& reference, const std::string& name) const {
  GLM_ASSIGN(std::unique_ptr<DocumentReader> document, Open(reference, name));
  if (document->n_pages() != 1) {
    return Error{ErrorCode::kInvalidArgument,
                 "it has several pages: send each as a picture, or the document to /v1/documents"};
  }
  GLM_ASSIGN(InputPage page, document->Read(0));
  return std::move(page.image);
}

}  // namespace glmocr::server
