// The files of a read document, in the SDK's folder layout: pages in, named bytes out. What is
// written to disk here are temporary files without names.
//
//   DocumentWriter writer(options);
//   for (const ReadPage& page : pages) Save(writer.AddPage(page));   // pictures of the page
//   Save(writer.Finish());                                           // the document's own files
//
// Files of an input "scans/report.tif", all below "report/":
//   md         report.md, imgs/cropped_page{p}_idx{n}.jpg
//   sdk-json   report.json, report_model.json: what the SDK writes
//   json       report.json, or report_document.json beside the SDK's: docs/json.md
//   text       report.txt      html  report.html      hocr  report.hocr      alto  report.xml
//   pdf        report.pdf      jsonl  report.jsonl, without pages that could not be loaded
//   visualize  layout_vis/report.jpg, of several pages report_page{p}.jpg
// p counts pages from 0 in the order they were added, n the pictures of the document from 0.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/temp_file.h"
#include "document/page.h"
#include "document/source.h"
#include "format/formats.h"
#include "format/pdf_output.h"
#include "format/sdk_pages.h"

namespace glmocr {

struct DocumentOptions {
  std::vector<DocumentFormat> formats = {DocumentFormat::kMarkdown};
  PageTextOptions text;
  // The folder's and the files' name; empty: made of the first page's source as the SDK does.
  std::string stem;
  // Between pages of Markdown. The SDK has "\n\n"; strict output always has.
  std::string page_separator = "\n\n";
  int pdf_jpeg_quality = 80;
  double pixels_per_inch = 200;  // of pictures that do not say, for the size of PDF pages
  PdfChoices pdf;
  // What the pages are of; kPdf keeps it. Null: the pages' pictures are all there is.
  std::shared_ptr<DocumentSource> source;
  std::filesystem::path spool_folder;  // for temporary files; empty: the system's
};

// One format alone, for a terminal or a pipe: the first file that is made is the document.
DocumentOptions AsOneFile(DocumentFormat format, DocumentOptions options);
// Whether the pages must have their pictures (ReadPage::image) or tokens for a writer of these.
bool NeedsPictures(const DocumentOptions& options);
bool NeedsTokens(const DocumentOptions& options);

struct OutputFile {
  std::string path;  // relative, '/' between names, below the stem's folder
  std::string bytes;
  std::shared_ptr<const TempFile> file;  // holds the bytes instead, where they are many
};

class DocumentWriter {
 public:
  explicit DocumentWriter(DocumentOptions options);
  ~DocumentWriter();
  DocumentWriter(DocumentWriter&&) noexcept;
  DocumentWriter& operator=(DocumentWriter&&) noexcept;

  // The files that are complete with this page: its crops and its visualization. Keeps text and
  // boxes; the page may go afterwards.
  // A page that could not be loaded (ReadPage::error) is an empty page everywhere, so that numbers
  // of later pages stay; JSON tells its error. Errors: kInvalidArgument (a format needs the
  // picture, and the page has none), kIo (a PDF's temporary file), kResourceExhausted.
  Result<std::vector<OutputFile>> AddPage(const ReadPage& page);
  // Something about the document as a whole, for the formats that hold warnings; before Finish.
  void AddWarning(Warning warning);
  // The files of the document. Markdown that is blank is not written when output is strict, as the
  // SDK does it. Call once.
  Result<std::vector<OutputFile>> Finish();
  // What a format could not do, beside what the pages' own warnings say; complete after Finish.
  std::vector<Warning> warnings() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A document's file as it goes to a terminal or a pipe, in parts: text ends with a newline. Errors:
// those of `take`, and kIo.
Status ForEachPart(const OutputFile& file, DocumentFormat format,
                   const std::function<Status(std::string_view)>& take);

// The region cut out of its page as a JPEG, as the SDK saves it; "" when it has no pixels. The page
// has its picture. Errors: those of EncodeJpeg.
Result<std::string> RegionJpeg(const ReadPage& page, const ReadRegion& region);

// All files of a document whose pages are in memory. `warnings`: of the document as a whole.
Result<std::vector<OutputFile>> WriteDocument(std::span<const ReadPage> pages,
                                              const DocumentOptions& options,
                                              std::span<const Warning> warnings = {});

// One format's text of pages for a terminal or a pipe: what the file holds (of kMarkdown without
// pictures). Errors: kInvalidArgument for kVisualize.
Result<std::string> DocumentText(std::span<const ReadPage> pages, DocumentFormat format,
                                 const DocumentOptions& options,
                                 std::span<const Warning> warnings = {});

}  // namespace glmocr
