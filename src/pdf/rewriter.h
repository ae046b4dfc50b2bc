// A PDF written anew with text laid invisibly under its pages' contents, and all else as it was.
// Runs in the worker process only.
//
// qpdf reads and writes the file: objects that nothing here touches pass through it unchanged, so
// fonts, links, outlines, metadata and attachments stay. This header and its source are C++17: the
// C++ headers of qpdf 11.3 do not compile with clang as C++20.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace glmocr {
namespace pdf {

struct RewritePage {
  uint32_t index = 0;  // in the source, from 0
  int32_t layer = -1;  // its page of the layer file, -1: none
};

struct RewriteOptions {
  std::string password, language;  // UTF-8; language empty: as it is
  bool replace_hidden_text = false;
  bool pdfa = false;
  std::vector<RewritePage> pages;  // of the result, in order
};

// What became of a page.
enum class RewrittenPage : uint8_t {
  kLayerAdded = 1,  // it had no text
  kTextKept,        // it holds text, and nothing was added
  kHiddenReplaced,  // its old hidden text gave way to the layer
  kHiddenKept,      // asked to replace its hidden text, which visible text or the lack of a
                    // page-sized picture forbade
  kNoLayer,         // none was given
};
inline constexpr uint8_t kMaxRewrittenPage = 5;

// Why a file cannot be PDF/A-2b by metadata and an output intent alone: clauses of ISO 19005-2.
enum class PdfaProblem : uint32_t {
  kNone = 0,
  kFontNotEmbedded,
  kJavaScript,
  kForbiddenAction,
  kXfa,
  kEmbeddedFile,
  kExternalStream,
  kLzw,
  kPostScript,
  kInterpolate,
  kCmyk,
  kForbiddenAnnotation,
  kAnnotationHidden,
  kAnnotationAppearance,
  kNeedAppearances,
  kTransferFunction,
  kOptionalContent,
  kOtherOutputIntent,
  kTooDeep,  // too complex to be checked
  kOperator,
  kResource,
  kLimit,
  kPageSize,
  kOutputProfile,
  kHalftone,
  kIntent,
  kAlternates,
  kReference,
  kBlendMode,
  kFontMap,
  kPresentation,
  kRequirements,
};
inline constexpr uint32_t kMaxPdfaProblem = 31;

struct RewriteReport {
  bool changed = false;  // the result is not the source itself, and was written
  bool encrypted = false, is_signed = false;
  bool repaired = false;                          // qpdf found it damaged, and read what it could
  PdfaProblem pdfa_problem = PdfaProblem::kNone;  // then nothing was written
  std::vector<RewrittenPage> pages;
};

// Reads the source from descriptor `source` and the layer from `layer` (-1: no page has one): its
// page's MediaBox is the source's page as shown, its contents use the font /GlmOcrText. The result
// goes to `sink` in parts, which is not called when it equals the source. Throws what qpdf throws
// (derived from std::exception) for files that it cannot read or write.
RewriteReport Rewrite(int source, int layer, const RewriteOptions& options,
                      const std::function<void(const void*, size_t)>& sink);

// Sizes of user space units: PDF 1.7, 14.11.2, UserUnit. PDFium does not know it.
class UserUnits {
 public:
  UserUnits(int fd, std::string password);
  ~UserUnits();
  // Of page `index`, from 0; 1 where the file is damaged or does not say. The descriptor is read
  // from, wherever it stands.
  double Of(uint32_t index);

 private:
  struct State;
  const int fd_;
  const std::string password_;
  bool tried_ = false;
  std::unique_ptr<State> state_;
};

}  // namespace pdf
}  // namespace glmocr
