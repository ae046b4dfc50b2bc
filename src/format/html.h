// A page of HTML that needs nothing but itself: headings, paragraphs, lists, tables and pictures.
// Formulas stand in elements of class "math" between the dollars that KaTeX's auto-render looks
// for; without KaTeX they show as TeX. No script, no address is loaded from anywhere, and no text
// of the document can become markup.
#pragma once

#include <span>
#include <string>

#include "format/sdk_pages.h"
#include "document/page.h"

namespace glmocr {

// One page as a <section>. `pictures`: per region, the JPEG bytes to show, or "".
std::string HtmlPage(const ReadPage& page, std::span<const std::string> pictures,
                     const PageTextOptions& options);

// The document around its sections.
std::string HtmlDocument(const std::string& title, const std::string& sections);

}  // namespace glmocr
