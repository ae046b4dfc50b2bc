#include "pipeline/inputs.h"

#include <span>

#include "base/file.h"

namespace glmocr {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 30;

class PictureReader : public DocumentReader {
 public:
  PictureReader(std::string bytes, std::string name, const DecodeOptions& options, int n_pages)
      : bytes_(std::move(bytes)), name_(std::move(name)), options_(options), n_pages_(n_pages) {}
  int n_pages() const override { return n_pages_; }
  Hash128 content_hash() const override { return HashBytes(bytes_.data(), bytes_.size()); }
  Result<InputPage> Read(int index) override {
    GLM_ASSIGN(Image image, DecodePage(std::as_bytes(std::span(bytes_)), name_, index, options_));
    return InputPage{.image = std::move(image)};
  }

 private:
  std::string bytes_, name_;
  DecodeOptions options_;
  int n_pages_;
};

class PdfReader : public DocumentReader {
 public:
  PdfReader(std::unique_ptr<PdfDocument> pdf, Hash128 hash) : pdf_(std::move(pdf)), hash_(hash) {}
  int n_pages() const override { return pdf_->n_pages(); }
  Hash128 content_hash() const override { return hash_; }
  Result<InputPage> Read(int index) override {
    GLM_ASSIGN(PdfPage page, pdf_->Read(index));
    return InputPage{.image = std::move(page.image)};
  }

 private:
  std::unique_ptr<PdfDocument> pdf_;
  Hash128 hash_;
};

}  // namespace

std::string InputOptions::Fingerprint() const {
  return std::to_string(static_cast<int>(decode.alpha)) +
         std::to_string(static_cast<int>(decode.orientation)) +
         std::to_string(static_cast<int>(decode.truncated));
}

Result<std::vector<DocumentInput>> ExpandInputs(const std::vector<std::string>& names) {
  std::vector<DocumentInput> inputs;
  for (const std::string& name : names) inputs.push_back({name});
  return inputs;
}

Result<std::unique_ptr<DocumentReader>> OpenDocument(const DocumentInput& input,
                                                     const InputOptions& options) {
  GLM_ASSIGN(std::string bytes,
             input.name == "-" ? ReadStdin(kMaxBytes) : ReadFile(input.name, kMaxBytes));
  const std::string name = input.name == "-" ? "standard input" : input.name;
  const auto data = std::as_bytes(std::span(bytes));
  if (LooksLikePdf(data)) {
    const Hash128 hash = HashBytes(bytes.data(), bytes.size());
    GLM_ASSIGN(std::unique_ptr<PdfDocument> pdf, PdfDocument::OpenBytes(data, name, options.pdf));
    return std::unique_ptr<DocumentReader>(std::make_unique<PdfReader>(std::move(pdf), hash));
  }
  GLM_ASSIGN(const ImageInfo info,
             ReadImageInfo(std::as_bytes(std::span(bytes)), name, options.decode));
  return std::unique_ptr<DocumentReader>(
      std::make_unique<PictureReader>(std::move(bytes), name, options.decode, info.pages));
}

Result<std::vector<int>> SelectPages(const std::string&, int n_pages) {
  std::vector<int> pages;
  for (int page = 1; page <= n_pages; ++page) pages.push_back(page);
  return pages;
}

}  // namespace glmocr
