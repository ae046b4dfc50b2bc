// The official SDK's result formatter: recognised regions in, the SDK's Markdown and JSON out.
//
// Why: users of the SDK get the same files from this program. Source: glmocr 0.1.5,
// postprocess/result_formatter.py with the label mapping of config.yaml, pipeline/pipeline.py
// (_build_raw_json) and parser_result/base.py (how files are written). tests/golden/format holds
// what the package makes of many inputs; with `strict` the output equals it byte for byte.
//
// Without `strict` two results of the numbering rule that change the text are left out: a number
// with a fraction at the start of a one-line text keeps its form ("3.14", not "3. 14"; "2.1 Method"
// likewise), and so do abbreviations of single letters ("e.g. x", not "e. g. x"). All else is the
// same.
//
// Words broken by a hyphen between two blocks are joined where the SDK without its optional package
// wordfreq joins them (letters, 3 to 31 of them).
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace glmocr {

// A recognised region as the SDK's pipeline hands it to its formatter. Strings are UTF-8;
// ill-formed sequences become U+FFFD.
struct SdkRegion {
  std::string label = "text";              // the layout's class: "text", "doc_title", "table", ...
  std::optional<std::string> content;      // what was read; null for pictures and after failures
  std::optional<std::array<int, 4>> bbox;  // left, top, right, bottom in 1/1000 of the page
  std::optional<std::vector<std::array<int, 2>>> polygon;  // x, y in 1/1000 of the page
  bool has_crop = false;  // a picture of the region exists, so that Markdown may refer to it
  // Of a paragraph_title, where the layout knows it: a level over 2 makes a deeper heading, unless
  // output is strict (the SDK writes all of them as level 2).
  int heading_level = 0;
};
using SdkPage = std::vector<SdkRegion>;  // in reading order

struct SdkOptions {
  bool strict = false;
  bool merge_formula_numbers = true;
  bool merge_text_blocks = true;
  bool format_bullet_points = true;
  std::string page_separator = "\n\n";  // between pages of Markdown
  // Numbers of the first page and picture, for a part of a document.
  size_t first_page = 0, first_image = 0;
  // The Markdown that shows a picture of a page, both by number; empty: as the SDK saves it,
  // "![Image 0-1](imgs/cropped_page0_idx1.jpg)".
  std::function<std::string(size_t page, size_t image, const SdkRegion&)> picture;
};

// A picture that the Markdown refers to: regions[region] of pages[page], as `path` beside the
// Markdown ("imgs/cropped_page0_idx0.jpg").
struct SdkImage {
  size_t page = 0;
  size_t region = 0;
  std::string path;
};

struct SdkDocument {
  std::string markdown;    // no newline at the end
  std::string json;        // the file {stem}.json: pages of blocks, indent 2
  std::string model_json;  // the file {stem}_model.json: what was read, before formatting; empty
                           // for plain pages, of which the SDK writes none
  std::vector<SdkImage> images;
  // Per page of layout, per block of `json`: the region that it came from (of several: the first).
  std::vector<std::vector<size_t>> block_regions;
};

// Formats a document page by page; no rule of the SDK looks across pages.
class SdkDocumentBuilder {
 public:
  explicit SdkDocumentBuilder(const SdkOptions& options = {});
  ~SdkDocumentBuilder();
  SdkDocumentBuilder(SdkDocumentBuilder&&) noexcept;
  SdkDocumentBuilder& operator=(SdkDocumentBuilder&&) noexcept;

  // The pictures of this page that the Markdown refers to.
  std::vector<SdkImage> AddPage(const SdkPage& page);
  // A page read whole, without layout (the SDK's OCR-only mode): it is cleaned only, and a rule
  // divides it from its neighbours.
  void AddPlainPage(const std::string& content);
  // What was added; the builder is empty afterwards.
  SdkDocument Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The page's Markdown in parts, which "\n\n" joins; pictures are left out. With `more_comes` the
// page's further regions are not known yet: only the parts at its beginning that they cannot change
// (by a word broken over two blocks, a formula's number, a bullet between two others), so that
// Markdown can be sent while the page is being read.
std::vector<std::string> SdkMarkdownParts(const SdkPage& page, bool more_comes,
                                          const SdkOptions& options = {});

// The content of one region as its block gets it before blocks are merged. Null stays null.
std::optional<std::string> FormatSdkRegion(const SdkRegion& region, const SdkOptions& options = {});

// A file's name without folder and extension as the SDK names folder and files after it:
// characters that Windows forbids become "_", blanks and dots at the end go; "result" when nothing
// is left.
std::string SdkFileStem(const std::string& path);

}  // namespace glmocr
