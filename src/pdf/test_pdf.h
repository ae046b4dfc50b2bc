// Small PDFs written by tests: objects in, a file with a correct cross-reference table out.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace glmocr {

inline std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Objects 1..n, of which 1 is the catalog. `bodies` without "obj" and "endobj".
inline std::string PdfOfObjects(const std::vector<std::string>& bodies) {
  std::string out = "%PDF-1.7\n", table;
  for (size_t i = 0; i < bodies.size(); ++i) {
    table += fmt::format("{:010} 00000 n \n", out.size());
    out += fmt::format("{} 0 obj\n{}\nendobj\n", i + 1, bodies[i]);
  }
  const size_t at = out.size();
  return out + fmt::format(
                   "xref\n0 {0}\n0000000000 65535 f \n{1}trailer<</Size {0}/Root 1 0 "
                   "R>>\nstartxref\n{2}\n%%EOF\n",
                   bodies.size() + 1, table, at);
}

inline std::string PdfStream(std::string_view content) {
  return fmt::format("<</Length {}>>stream\n{}\nendstream", content.size(), content);
}

struct TestPage {
  std::string content;  // operators; fonts: /F1 is Helvetica
  double width_pt = 300, height_pt = 200;
  std::string extra;  // more entries of the page's dictionary, e.g. "/Rotate 90"
};

inline std::string PdfOfPages(const std::vector<TestPage>& pages) {
  std::vector<std::string> bodies = {"<</Type/Catalog/Pages 2 0 R>>", "",
                                     "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"};
  std::string kids;
  for (const TestPage& page : pages) {
    kids += fmt::format("{} 0 R ", bodies.size() + 1);
    bodies.push_back(
        fmt::format("<</Type/Page/Parent 2 0 R/MediaBox[0 0 {} {}]/Contents {} 0 "
                    "R/Resources<</Font<</F1 3 0 R>>>>{}>>",
                    page.width_pt, page.height_pt, bodies.size() + 2, page.extra));
    bodies.push_back(PdfStream(page.content));
  }
  bodies[1] = fmt::format("<</Type/Pages/Kids[{}]/Count {}>>", kids, pages.size());
  return PdfOfObjects(bodies);
}

// Operators that write `text` (no parentheses) with its baseline's start at x, y points.
inline std::string ShowText(double x, double y, double size, std::string_view text) {
  return fmt::format("BT /F1 {} Tf {} {} Td ({}) Tj ET\n", size, x, y, text);
}

}  // namespace glmocr
