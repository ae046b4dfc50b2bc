// A PDF whose pages show their pictures and whose text can be searched, selected and extracted: it
// lies over the picture in text rendering mode 3 (invisible), line by line, in a font without
// shapes whose ToUnicode map holds every character of the document. Choice of library:
// docs/decisions/0009-searchable-pdf.md. Right-to-left text lies in reading order from the left of
// its line: it can be found, but selecting it in a viewer marks other letters.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/temp_file.h"
#include "document/page.h"

namespace glmocr {

class SearchablePdf {
 public:
  // `pixels_per_inch` of the pages' pictures, which gives the pages their size. Pages wait in a
  // temporary file in `spool_folder` (TempFile::Create), so that memory does not grow with them.
  explicit SearchablePdf(double pixels_per_inch, std::filesystem::path spool_folder = {});
  ~SearchablePdf();
  SearchablePdf(SearchablePdf&&) noexcept;
  SearchablePdf& operator=(SearchablePdf&&) noexcept;

  // `jpeg` is the page's picture (RGB, width_px x height_px of the page).
  // Errors: kInvalidArgument (a page without size), kIo (no room for the temporary file).
  Status AddPage(const ReadPage& page, const std::string& jpeg);
  // An empty page of A4 in place of one that could not be loaded.
  Status AddBlankPage();
  // The file; the same pages give the same bytes. Call once. Errors: kIo, kInternal.
  Result<TempFile> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace glmocr
