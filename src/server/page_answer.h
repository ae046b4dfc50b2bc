// Pages as the answer of a text API: pictures and documents that a request shows are read through
// the layout, exactly as `glm-ocr parse --to md` reads them (without pictures), and their Markdown
// is the answer's text. Blocks go out in reading order as soon as nothing that follows can change
// them. Reading is greedy: sampling parameters do not count, all choices are equal.
#pragma once

#include <memory>

#include "server/generation.h"

namespace glmocr::server {

// Queues task.pages; `responder`: its client's leaving cancels. Calls back as StartGeneration does,
// from a document thread. A task ends
//   kStop        all is read; with an error when there is ink, but not a single text
//   kStopString  before a stop string; kLength: at max_tokens of the text
//   kDeadline    request_timeout_s is over
//   kCancelled   the client went, or the server stops
//   kError       nothing could be read
// Usage counts the prompts of all crops that were read, and the tokens of the text that is the
// answer; once, however many choices there are.
void StartPages(Service& service, const std::shared_ptr<Responder>& responder, GenerationTask task);

// Whether anything is on the picture, however the layout sees it: an empty text is then no answer.
bool HasInk(const Image& picture);
// "No text was found in the picture", and what to do.
Error NoTextFound();

}  // namespace glmocr::server
