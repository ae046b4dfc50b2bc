// What PDF/A-2b (ISO 19005-2) asks for beside the pages: metadata, and what the colours mean.
#pragma once

#include <string>

namespace glmocr {

// An XMP packet that calls the file PDF/A-2b; `title` may be empty.
std::string PdfaMetadata(const std::string& title, const std::string& producer);

// The part of it that says so, for a packet that exists.
std::string PdfaClaim();

// An ICC profile of sRGB (IEC 61966-2-1), version 2.1 (ICC.1:2001-04).
std::string SrgbProfile();

}  // namespace glmocr
