// What PDF/A-2b (ISO 19005-2) asks for beside the pages: metadata, and what the colours mean.
#pragma once

#include <map>
#include <string>

namespace glmocr {

// Entries of a document's Info dictionary and their values: "/Title". UTF-8, but dates as PDF has
// them.
using InfoEntries = std::map<std::string, std::string>;

// What XMP says in place of such an entry.
struct XmpProperty {
  std::string name;         // "dc:title"; empty for other entries
  std::string value;        // as XML; empty for what XMP cannot say
  std::string description;  // an rdf:Description of it alone; empty without a value
};
XmpProperty PropertyOf(const std::string& key, const std::string& value);

// An XMP packet that says the same, and that the file is PDF/A-2b.
std::string PdfaMetadata(const InfoEntries& info);

// The part of it that says so, for a packet that exists.
std::string PdfaClaim();

// An ICC profile of sRGB (IEC 61966-2-1), version 2.1 (ICC.1:2001-04).
std::string SrgbProfile();

}  // namespace glmocr
