// What the user names as input, found and opened: PDF files and pictures of one or more pages, by
// one interface.
//
// Names become documents in two steps, so that one bad name among thousands costs only itself:
// ExpandInputs says what there is to read, OpenDocument opens one of it and says what is wrong with
// it. Kinds are told by the first bytes, never by a file's name.
//   GLM_ASSIGN(std::vector<DocumentInput> inputs, ExpandInputs(names));
//   for (const DocumentInput& input : inputs) {
//     Result<std::unique_ptr<DocumentReader>> document = OpenDocument(input, options); ...
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "document/source.h"
#include "document/warning.h"
#include "media/decode.h"
#include "pdf/pdf_document.h"
#include "pdf/picture_document.h"
#include "pipeline/page_ranges.h"

namespace glmocr {

// Of inputs that must lie in memory: pictures, pipes, URIs. PDF files are read where they lie.
inline constexpr size_t kMaxInputBytes = size_t{1} << 30;

// One document that may be opened.
struct DocumentInput {
  std::string name;            // for messages, output names and journals: the path, "-", "data-1"
  std::string location;        // a file's path, "-" (standard input), or a data: URI; empty: `name`
  std::optional<Error> error;  // nothing to open here, and why
  // Of a file found in a folder: the folder below that one that it lies in, "" or "sub/deeper".
  std::string subfolder;
};

struct InputOptions {
  DecodeOptions decode;
  PdfOptions pdf;
  // Where pictures are decoded: set, in a worker process of these limits (pdf/picture_document.h),
  // one a document, so that what a codec does wrong costs that document alone. For whoever reads
  // strangers' files. Unset, in this process, which is some milliseconds faster; the pixels are the
  // same.
  std::optional<PictureWorkerOptions> picture_worker;
  // Asked while a pipe or standard input gives nothing; false gives it up (kCancelled). May be
  // empty.
  std::function<bool()> keep_going;
  bool keep_source = false;  // DocumentReader::source() is set
  // What of these options decides about a page's picture; equal for equal pictures.
  std::string Fingerprint() const;
};

struct InputPage {
  Image image;
  std::optional<PdfTextLayer> text;    // of PDF pages, unless PdfOptions::read_text is off
  double width_pt = 0, height_pt = 0;  // of PDF pages, 72 points an inch; else 0
  std::vector<Warning> warnings;       // what of the file is not in the picture
};

// An open document. For one thread at a time.
class DocumentReader {
 public:
  virtual ~DocumentReader() = default;
  virtual int n_pages() const = 0;  // at least 1
  // Of the document's bytes, however they were given.
  virtual Hash128 content_hash() const = 0;
  // Page `index`, from 0. Errors name the input, and the page where it has several; other pages may
  // be read after any of them. `next` is the page that is wanted next, which a PDF renders
  // meanwhile; -1 for none. Without it: the following one.
  virtual Result<InputPage> Read(int index, int next) = 0;
  Result<InputPage> Read(int index) { return Read(index, index + 1); }

  // The document as it came in, for writers that keep it; it outlives this reader. Null unless
  // InputOptions::keep_source was set.
  const std::shared_ptr<DocumentSource>& source() const { return source_; }
  void set_source(std::shared_ptr<DocumentSource> source) { source_ = std::move(source); }

 private:
  std::shared_ptr<DocumentSource> source_;
};

// The documents behind what a user names, in the order of the names:
//   a file or "-"        itself
//   a folder             the files below it whose names end as those of readable kinds do, at any
//                        depth, in natural order (page 2 before page 10); hidden files and folders
//                        are left out, links to folders are not followed
//   a pattern (*, ?, [)  of which no file has the name: the files and folders that match it
//   file: URI            the file or folder
//   data: URI            what it holds
// A name with nothing behind it (an empty folder, a web address) becomes an input with an error.
// kResourceExhausted: more than a million documents.
// `skipped`, if not null: gets the files in folders that are no documents by their names.
Result<std::vector<DocumentInput>> ExpandInputs(const std::vector<std::string>& names,
                                                std::vector<std::string>* skipped = nullptr);

// DocumentReader::content_hash of a regular file, without opening it as a document.
Result<Hash128> HashDocumentFile(const std::string& path);

// Messages call it by its name. Errors are those of the input, of PdfDocument::Open and of
// media/decode.h; kUnsupported when it is neither a PDF nor a picture.
Result<std::unique_ptr<DocumentReader>> OpenDocument(const DocumentInput& input,
                                                     const InputOptions& options);

// The same for bytes that are in memory already, such as an upload. `name` is what the sender
// called them: shown in messages (escaped, one line), never a path.
Result<std::unique_ptr<DocumentReader>> OpenDocumentBytes(std::string bytes, std::string_view name,
                                                          const InputOptions& options);
// The bytes of a data: URI in base64. `name` is what messages call it. kInvalidArgument;
// kResourceExhausted over `limit_bytes` of text.
Result<std::string> DecodeDataUri(std::string_view uri, const std::string& name,
                                  size_t limit_bytes);

// PageRanges::Parse and Select in one.
Result<PageSelection> SelectPages(const std::string& ranges, int n_pages);

}  // namespace glmocr
