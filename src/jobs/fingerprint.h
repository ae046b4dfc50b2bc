// What decides about a result, as one text: results and checkpoints count only where it is equal.
//
// Left out is what the engine promises not to change a single token: batch size, threads, drafts.
// A new setting does not compile until fingerprint.cc says what becomes of it.
#pragma once

#include <string>

#include "base/hash.h"
#include "format/document_writer.h"
#include "pipeline/inputs.h"
#include "pipeline/page_reader.h"

namespace glmocr {

// Of the pages that are read: the document's bytes, this program's version, the model with its
// kernels, the layout and its model, everything that the reader and the decoders are told.
std::string ReadingFingerprint(const Hash128& content, const Recognizer& recognizer,
                               const PageReaderOptions& reader, const InputOptions& input);

// Of the files that are written of them, as 32 hex digits. `pages`: as --pages.
std::string ResultFingerprint(const std::string& reading, const std::string& pages,
                              const DocumentOptions& output);

}  // namespace glmocr
