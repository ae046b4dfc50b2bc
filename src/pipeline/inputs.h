// What the user names as input, opened: PDF files, and pictures of one or more pages.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "media/decode.h"
#include "pdf/pdf_document.h"

namespace glmocr {

struct DocumentInput {
  std::string name;
};

struct InputOptions {
  DecodeOptions decode;
  PdfOptions pdf;
  std::string Fingerprint() const;
};

struct InputPage {
  Image image;
};

class DocumentReader {
 public:
  virtual ~DocumentReader() = default;
  virtual int n_pages() const = 0;
  virtual Hash128 content_hash() const = 0;
  virtual Result<InputPage> Read(int index) = 0;  // from 0
};

Result<std::vector<DocumentInput>> ExpandInputs(const std::vector<std::string>& names);
Result<std::unique_ptr<DocumentReader>> OpenDocument(const DocumentInput& input,
                                                     const InputOptions& options);
// "1-3,8": pages from 1, in the given order; empty: all.
Result<std::vector<int>> SelectPages(const std::string& ranges, int n_pages);

}  // namespace glmocr
