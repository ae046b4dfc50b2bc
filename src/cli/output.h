// Where parse puts what it read: standard output, or a folder per input below the output
// folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "document/page.h"
#include "format/document_writer.h"

namespace glmocr::cli {

struct OutputOptions {
  PageTextOptions text;  // strict, pipe tables, furniture
  bool visualize = false;
  double dpi = 200;
  PdfChoices pdf;
};

class Output {
 public:
  // `folder` empty: standard output. Creates the folder. `to`: names of formats (format/formats.h);
  // empty for the default.
  static Result<Output> Open(const std::string& folder, const std::vector<std::string>& to,
                             const OutputOptions& options);

  // How the files of a document are made whose folder is `folder` (jobs/output_names.h); for
  // standard output that is its stem.
  // `source`: the document as it came, may be null.
  DocumentOptions WriterOptions(const std::string& folder,
                                std::shared_ptr<DocumentSource> source) const;
  // Writes a file of that document whole or not at all; returns its path below the output folder,
  // which must be the one that was there in the beginning.
  Result<std::string> WriteFile(const std::string& folder, const OutputFile& file) const;
  // Whether the document is wanted as it came in.
  bool needs_source() const;

  // The document as standard output gets it, of the files that the writer has made.
  Result<std::string> TextOf(const std::vector<OutputFile>& files) const;
  Status Print(std::string_view text);

  // Whether text shall appear while it is read: standard output is a terminal, and the format is
  // plain text.
  bool streams() const { return streams_; }
  void DoNotStream() { streams_ = false; }
  // The next text of a page, in reading order; pages of one input follow each other. Control
  // characters are left out.
  Status StreamText(const ReadPage& page, size_t region, std::string_view text);
  // The page is over; with the calls above, the terminal shows what Print(Format) would have.
  Status EndStreamedPage();
  void EndStreamedInput() { in_input_ = false; }

 private:
  bool Writes(DocumentFormat format) const;
  Status Put(std::string_view text);
  Status BeginStreamedPage();

  std::filesystem::path folder_;
  std::pair<uint64_t, uint64_t> identity_;  // of the folder
  std::vector<DocumentFormat> formats_;
  OutputOptions options_;
  bool printed_ = false;
  bool streams_ = false;
  // The page being streamed.
  bool in_input_ = false, in_page_ = false, page_has_text_ = false, region_open_ = false;
  size_t region_ = 0;
};

}  // namespace glmocr::cli
