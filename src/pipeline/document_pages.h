// Pages of an open document into a page reader, whatever is wrong with them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "pipeline/inputs.h"
#include "pipeline/page_reader.h"

namespace glmocr {

// "'a.pdf', page 3"; of a document of one page its name alone. For messages.
std::string PageName(const PageSource& source);

// Decodes page source.page and queues it. A page that cannot be decoded or read, or for which there
// is no memory, is queued as broken with the reason. `next`: the page that is read after this one,
// 0 for none. `known`: the page as it was read before, without its picture; it stands in for
// reading if it is of this page. Returns the seconds that the picture was waited for.
double AddDocumentPage(PageReader& reader, DocumentReader& document, const PageSource& source,
                       int next, const std::function<bool()>& keep_going,
                       std::optional<ReadPage> known = {});

}  // namespace glmocr
