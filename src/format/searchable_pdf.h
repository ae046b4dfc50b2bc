// A PDF whose pages show their pictures and whose text can be searched, selected and extracted: it
// is in text rendering mode 3 (invisible), word by word where the ink is, in a font without shapes
// whose ToUnicode map holds every character of the document. Choice of library:
// docs/decisions/0009-searchable-pdf.md. Right-to-left text lies in reading order from the left of
// its line: it can be found, but selecting it in a viewer marks other letters.
//
// Pages without a picture are the layer that pdf/rewrite.h puts under the pages of another PDF.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/temp_file.h"
#include "document/page.h"
#include "format/picture_stream.h"

namespace glmocr {

struct SearchablePdfOptions {
  // Pages wait in a temporary file in this folder (TempFile::Create), so that memory does not grow
  // with them.
  std::filesystem::path spool_folder;
  std::string title, language;  // UTF-8; empty: none
  bool pdfa = false;            // PDF/A-2b; the pictures are gray or RGB then
};

class SearchablePdf {
 public:
  explicit SearchablePdf(SearchablePdfOptions options = {});
  ~SearchablePdf();
  SearchablePdf(SearchablePdf&&) noexcept;
  SearchablePdf& operator=(SearchablePdf&&) noexcept;

  // `picture` turned as its orientation says is the page's picture; `resolution` is of it as
  // stored, not 0, and gives the page its size, at most 14,400 points a side.
  // Errors: kInvalidArgument (a page without size), kIo (no room for the temporary file).
  Status AddPage(const ReadPage& page, const PictureStream& picture,
                 const PictureResolution& resolution);
  // The page's text alone.
  Status AddLayer(const ReadPage& page);
  // An empty page of A4 in place of one that could not be loaded.
  Status AddBlankPage();
  int n_pages() const;
  // The file; the same pages give the same bytes. Call once. Errors: kIo, kInternal.
  Result<TempFile> Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace glmocr
