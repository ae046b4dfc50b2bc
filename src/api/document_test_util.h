// What the tests of documents share: the starter model, documents made for them, the program's
// reading.
#pragma once

#include <glmocr/glmocr.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>
#include <span>
#include <stdexcept>
#include <vector>

#include "api/api_test_util.h"
#include "pdf/test_pdf.h"

namespace glmocr_test {

namespace fs = std::filesystem;
using glmocr::Document;
using glmocr::DocumentOptions;
using testing::HasSubstr;
using enum glmocr::ErrorCode;

inline const fs::path kReport = kRoot / "samples/report.pdf";
inline const fs::path kTiff = kRoot / "tests/golden/media/tiff_pages3.tif";

inline const glmocr::Model& Starter() {
  static const glmocr::Model model = glmocr::Model::Load(kStarter).value();
  return model;
}

inline Document Open(const fs::path& path, const DocumentOptions& options = {}) {
  auto document = Starter().OpenDocument(path, options);
  if (!document.ok()) throw std::runtime_error(document.error().message);
  return *std::move(document);
}

inline Document OpenBytes(const std::string& bytes, const DocumentOptions& options = {},
                          const std::string& name = "made.pdf") {
  auto document = Starter().OpenDocument(std::as_bytes(std::span(bytes)), name, options);
  if (!document.ok()) throw std::runtime_error(document.error().message);
  return *std::move(document);
}

// All pages that are left.
inline std::vector<glmocr::Page> Rest(Document& document) {
  std::vector<glmocr::Page> pages;
  for (;;) {
    auto page = document.NextPage();
    if (!page.ok()) throw std::runtime_error(page.error().message);
    if (!*page) return pages;
    pages.push_back(**std::move(page));
  }
}

inline std::vector<int> Numbers(const std::vector<glmocr::Page>& pages) {
  std::vector<int> numbers;
  for (const glmocr::Page& page : pages) numbers.push_back(page.number);
  return numbers;
}

// As the command line prints several pages of text.
inline std::string Joined(const std::vector<glmocr::Page>& pages) {
  std::string text;
  for (const glmocr::Page& page : pages) text += (text.empty() ? "" : "\f") + page.text;
  return text;
}

inline std::string Parse(const std::string& arguments) {
  return OutputOf(GLM_OCR_PROGRAM " parse -q " + arguments);
}

// JSON tells how long reading took, which is never the same twice.
inline std::string WithoutSeconds(const std::string& json) {
  static const std::regex seconds("seconds\":[0-9.e-]+");
  return std::regex_replace(json, seconds, "seconds\":0");
}

// `n` small pages; each says which one it is.
inline std::string Pdf(int n) {
  std::vector<glmocr::TestPage> pages;
  for (int i = 1; i <= n; ++i) {
    pages.push_back({.content = glmocr::ShowText(20, 60, 18, "Page number " + std::to_string(i)),
                     .width_pt = 216,
                     .height_pt = 108});
  }
  return glmocr::PdfOfPages(pages);
}

// Three pages, of which the second is none.
inline std::string BrokenPdf() {
  std::string pdf = Pdf(3);
  const std::string kids = "4 0 R 6 0 R 8 0 R";
  return pdf.replace(pdf.find(kids), kids.size(), "4 0 R 1 0 R 8 0 R");
}

class TempFolder {
 public:
  TempFolder() {
    std::string name = (fs::temp_directory_path() / "glmocr-api-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TempFolder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

template <typename T>
void ExpectError(const glmocr::Result<T>& result, glmocr::ErrorCode code, const std::string& part) {
  ASSERT_FALSE(result.ok()) << "wanted an error about: " << part;
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(part));
}

}  // namespace glmocr_test
