// The searchable PDF of a document: the document itself with its text made searchable.
//
// A PDF stays what it is (pages, fonts, links, outline, metadata) and gets an invisible text layer
// on pages that have no text; a picture goes in as it came, at the size that its resolution says.
// Where the PDF cannot be written anew, pictures of its pages stand in, with a warning. Pages come
// one by one and wait in temporary files.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/temp_file.h"
#include "document/page.h"
#include "document/source.h"
#include "format/searchable_pdf.h"
#include "pdf/rewriter.h"

namespace glmocr {

// What a user may want of it.
struct PdfChoices {
  std::string language;  // BCP 47, "de-CH"; empty: not said (IsLanguageTag)
  bool pdfa = false;     // PDF/A-2b
  bool replace_hidden_text =
      false;            // an OCR program's layer over a scan gives way to what was read
  bool deskew = false;  // pictures straightened
  bool clean = false;   // pictures straightened, dark on white and evenly lit
  bool operator==(const PdfChoices&) const = default;
};

// Whether a text may be PdfChoices::language: 1 to 35 letters, digits and hyphens.
bool IsLanguageTag(std::string_view text);

struct PdfOutputOptions {
  PdfChoices choices;
  std::shared_ptr<DocumentSource> source;  // null: the pages' pictures are all there is
  std::string title;                       // of documents that have none
  double pixels_per_inch = 200;            // of pictures that do not say
  int jpeg_quality = 80;                   // of pages whose source is not at hand
  std::filesystem::path spool_folder;
};

class PdfOutput {
 public:
  explicit PdfOutput(PdfOutputOptions options);

  // Pages in the order of the result. Errors: kIo, kInvalidArgument (a picture is needed and the
  // page has none), those of encoders.
  Status AddPage(const ReadPage& page);
  // Call once. Errors: kIo, kInternal, kNotFound (no worker), kUnsupported (PDF/A is asked for and
  // the document cannot be one, with the reason).
  Result<TempFile> Finish();
  // Of the document; complete after Finish.
  const std::vector<Warning>& warnings() const { return warnings_; }

 private:
  bool keeps_pdf() const {
    return options_.source && options_.source->kind() == DocumentSource::Kind::kPdf;
  }
  Status AddPicture(const ReadPage& page);
  void WarnOfProfile(const ReadPage& page, const std::string& icc, const PictureStream& stream);
  Result<TempFile> Rewrite(DocumentSource& source, const std::optional<TempFile>& layer,
                           std::vector<pdf::RewritePage> pages, bool report);
  Result<TempFile> FromPictures(const std::optional<TempFile>& layer);
  void Report(const pdf::RewriteReport& report);
  void Warn(std::string message, int page = 0) {
    warnings_.push_back({WarningKind::kOutput, page, std::move(message)});
  }

  const PdfOutputOptions options_;
  SearchablePdf pdf_;  // of a PDF: the layer
  bool has_layer_ = false;
  std::vector<pdf::RewritePage> pages_;
  std::vector<Warning> warnings_;
};

}  // namespace glmocr
