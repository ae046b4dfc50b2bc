// What is compared: the blocks of a document (paragraphs, titles, tables, formulas) in reading
// order, out of Markdown, plain text or JSON.
//
// Markdown is taken apart as OmniDocBench does (utils/extract.py, md_tex_filter): pictures and code
// fences go, then HTML tables, display formulas, inline formulas and pipe tables are taken out, and
// what is left falls into blocks at blank lines. JSON tells the blocks' kinds by their labels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace glmocr {

enum class BlockKind {
  kText,
  kTitle,
  kReference,
  kCaption,    // of figures, tables, formulas: read, but no part of OmniDocBench's text distance
  kFurniture,  // headers, footers, page numbers, footnotes: no part of what is to be read
  kFormula,
  kInlineFormula,  // a copy of what also stands in a text
  kTable,
};

enum class Markup { kPlain, kMarkdown };

struct Block {
  BlockKind kind = BlockKind::kText;
  std::string text;                // of a table HTML, of a formula LaTeX with its delimiters
  Markup markup = Markup::kPlain;  // of text
};

struct Page {
  std::vector<Block> blocks;  // in reading order, inline formulas last
};

enum class SourceFormat { kText, kMarkdown, kJson };

struct Document {
  std::vector<Page> pages;  // Markdown and text have one
};

// `name` is for messages. JSON may be: what `glm-ocr parse --format json` writes (an object a
// line), ground truth as in samples/ ("glm-ocr.truth/1"), the official SDK's list of pages. Errors:
// kCorrupt (no UTF-8, no such JSON).
Result<Document> ParseDocument(std::string_view bytes, SourceFormat format, std::string_view name);

// What a reader sees of a block, without markup; cells and rows of a table separated by spaces.
// Empty for furniture and inline formulas (which stand in their text).
std::string ShownText(const Block& block);

}  // namespace glmocr
