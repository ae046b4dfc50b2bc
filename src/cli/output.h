// Where parse puts what it read: standard output, or a folder per input below the output folder.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "document/page.h"
#include "format/document_writer.h"

namespace glmocr::cli {

struct OutputOptions {
  PageTextOptions text;  // strict, pipe tables, furniture
  bool visualize = false;
  double dpi = 200;
  // What of these decides about the files.
  std::string Fingerprint() const;
};

class Output {
 public:
  // `folder` empty: standard output. Creates the folder. `to`: names of formats (format/formats.h);
  // empty for the default.
  static Result<Output> Open(const std::string& folder, const std::vector<std::string>& to,
                             const OutputOptions& options);

  // The folder of an input, named after it as the SDK does ("scans/a.png" -> "a"; a second "a" ->
  // "a-2").
  std::string FolderFor(const std::string& input);
  // Makes the files of one input.
  std::unique_ptr<DocumentWriter> NewWriter(const std::string& folder) const;
  // Nothing is left under the final name when writing fails.
  Status WriteFile(const OutputFile& file) const;

  // The document as standard output gets it.
  Result<std::string> Format(std::span<const ReadPage> pages) const;
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

  bool needs_images() const;
  bool needs_tokens() const;

 private:
  bool Writes(DocumentFormat format) const;
  Status Put(std::string_view text);
  Status BeginStreamedPage();

  std::filesystem::path folder_;
  std::vector<DocumentFormat> formats_;
  OutputOptions options_;
  bool printed_ = false;
  bool streams_ = false;
  // The page being streamed.
  bool in_input_ = false, in_page_ = false, page_has_text_ = false, region_open_ = false;
  size_t region_ = 0;
  std::map<std::string, int> used_names_;
};

}  // namespace glmocr::cli
