// Where parse puts what it read: one file per input in a folder, or standard output.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "pipeline/page.h"

namespace glmocr::cli {

class Output {
 public:
  // `folder` empty: standard output. Creates the folder.
  static Result<Output> Open(const std::string& folder, OutputFormat format);

  // The pages of one input, complete: written as one file named after it ("scans/a.png" -> "a.md"; a second "a" -> "a-2.md"), or printed. Nothing
  // is left under the final name when writing fails.
  Status Write(const std::string& input, const std::string& text);

  // Text of several pages of one input: form feeds between pages of text, a rule between pages of Markdown, lines of JSON.
  static std::string JoinPages(const std::vector<ReadPage>& pages, OutputFormat format);

 private:
  std::filesystem::path FileFor(const std::string& input);

  std::filesystem::path folder_;
  OutputFormat format_ = OutputFormat::kText;
  bool to_stdout_ = true;
  bool printed_ = false;
  std::map<std::string, int> used_names_;
};

}  // namespace glmocr::cli
