// What was not read, read badly, left out or guessed, said to the user: on stderr, in the journal,
// in the JSON of a document and in the server's job. A warning never changes what was read.
#pragma once

#include <string>
#include <string_view>

namespace glmocr {

enum class WarningKind {
  kNoText,             // ink, but no text was found
  kUncoveredInk,       // ink that no region covers, or that lies in a picture as large as the page
  kLowConfidence,      // the model was unsure: turned, a script it does not know, noise
  kTextCut,            // a repetition was cut, or an answer reached its limit of tokens
  kLowResolution,      // the letters are too small to be read well
  kFramesSkipped,      // of an animation the first frame alone was read
  kTaskUnsupported,    // the model cannot do what was asked
  kPagesMissing,       // pages were asked for that the document does not have
  kTextLayerRejected,  // the PDF's own text is not what its pages show
  kPictureDamaged,     // a picture that ends early or is damaged was read as far as it goes
  kOutput,             // a format cannot hold what was asked of it
};

// "no_text", "uncovered_ink", "low_confidence", "text_cut", "low_resolution", "frames_skipped",
// "task_unsupported", "pages_missing", "text_layer_rejected", "picture_damaged", "output".
std::string_view WarningKindName(WarningKind kind);
// The inverse; kOutput for other names.
WarningKind WarningKindFromName(std::string_view name);

struct Warning {
  WarningKind kind = WarningKind::kOutput;
  int page = 0;         // from 1; 0: of the document as a whole
  std::string message;  // a sentence without the file's name and the page's number
  bool operator==(const Warning&) const = default;
};

}  // namespace glmocr
