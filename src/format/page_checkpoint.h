// A read page as bytes and back, without its picture: what an interrupted reading of a document
// keeps of the pages that are done, so that the next process need not read them again.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "document/page.h"

namespace glmocr {

// `fingerprint` says by what the page was read; any bytes. All members but `image` come back as
// they were, numbers to the bit.
std::string PageToCheckpoint(const ReadPage& page, std::string_view fingerprint);

// Whatever the bytes are: the page, or kCorrupt (damaged, cut, of another fingerprint, of another
// form of checkpoint, with NaN, infinity or a coordinate beyond 2^20), or kOutOfMemory.
Result<ReadPage> PageFromCheckpoint(std::string_view bytes, std::string_view fingerprint);

}  // namespace glmocr
