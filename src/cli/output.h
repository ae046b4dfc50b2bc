// Where parse puts what it read: one file per input in a folder, or standard output.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "pipeline/page.h"

namespace glmocr::cli {

class Output {
 public:
  // `folder` empty: standard output. Creates the folder.
  static Result<Output> Open(const std::string& folder, OutputFormat format);

  // The pages of one input, complete: written as one file named after it ("scans/a.png" -> "a.md";
  // a second "a" -> "a-2.md"), or printed. Nothing is left under the final name when writing fails.
  Status Write(const std::string& input, const std::string& text);

  // Text of several pages of one input: form feeds between pages of text, a rule between pages of
  // Markdown, lines of JSON.
  static std::string JoinPages(const std::vector<ReadPage>& pages, OutputFormat format);

  // Whether text shall appear while it is read: standard output is a terminal, and the format has
  // no frame around the text.
  bool streams() const { return streams_; }
  // The next text of a page, in reading order; pages of one input follow each other. Control
  // characters are left out.
  Status StreamText(const ReadPage& page, size_t region, std::string_view text);
  // The page is over; with the calls above, the terminal shows what Write would have printed.
  Status EndStreamedPage(const ReadPage& page);

 private:
  Status Print(std::string_view text);
  Status BeginStreamedPage(const ReadPage& page);
  Status EndStreamedRegion();
  std::filesystem::path FileFor(const std::string& input);

  std::filesystem::path folder_;
  OutputFormat format_ = OutputFormat::kText;
  bool to_stdout_ = true;
  bool printed_ = false;
  bool streams_ = false;
  // The page being streamed.
  bool in_page_ = false, page_has_text_ = false;
  size_t region_ = 0;
  bool region_open_ = false;
  std::string
      region_markdown_;  // held until the region ends: how a line is escaped depends on all of it
  std::map<std::string, int> used_names_;
};

}  // namespace glmocr::cli
