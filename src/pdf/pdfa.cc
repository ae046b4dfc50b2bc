#include "pdf/pdfa.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace glmocr {
namespace {

constexpr const char* kDublinCore = "xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";
constexpr const char* kPdf = "xmlns:pdf=\"http://ns.adobe.com/pdf/1.3/\"";
constexpr const char* kXmp = "xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"";

// How XMP says what an entry of the Info dictionary says.
struct Entry {
  const char* key;
  const char* property;
  const char* space;
  const char* before;  // around the value, within the property
  const char* after;
};
constexpr const char* kFirst = "<rdf:Alt><rdf:li xml:lang=\"x-default\">";
constexpr const char* kFirstEnd = "</rdf:li></rdf:Alt>";
constexpr Entry kEntries[] = {
    {"/Title", "dc:title", kDublinCore, kFirst, kFirstEnd},
    {"/Author", "dc:creator", kDublinCore, "<rdf:Seq><rdf:li>", "</rdf:li></rdf:Seq>"},
    {"/Subject", "dc:description", kDublinCore, kFirst, kFirstEnd},
    {"/Keywords", "pdf:Keywords", kPdf, "", ""},
    {"/Creator", "xmp:CreatorTool", kXmp, "", ""},
    {"/Producer", "pdf:Producer", kPdf, "", ""},
    {"/CreationDate", "xmp:CreateDate", kXmp, "", ""},
    {"/ModDate", "xmp:ModifyDate", kXmp, "", ""},
};

// "D:20240203040506+01'00'" as "2024-02-03T04:05:06+01:00"; empty for what is no such date. A date
// that says no more than its day is its beginning, one without a zone Greenwich's.
std::string XmpDate(const std::string& date) {
  std::string digits;
  size_t at = date.compare(0, 2, "D:") == 0 ? 2 : 0;
  for (; at < date.size() && date[at] >= '0' && date[at] <= '9'; ++at) digits += date[at];
  constexpr const char* kRest = "00000101000000";
  if (digits.size() < 4 || digits.size() > 14 || digits.size() % 2 != 0) return "";
  digits += std::string(kRest).substr(digits.size());
  std::string zone = "Z", offset;
  const char sign = at < date.size() ? date[at] : 'Z';
  if (sign == '+' || sign == '-') {
    for (++at; at < date.size(); ++at) {
      if (date[at] >= '0' && date[at] <= '9') offset += date[at];
    }
    if (offset.size() != 2 && offset.size() != 4) return "";
    offset.resize(4, '0');
    zone = sign + offset.substr(0, 2) + ":" + offset.substr(2);
  }
  return digits.substr(0, 4) + "-" + digits.substr(4, 2) + "-" + digits.substr(6, 2) + "T" +
         digits.substr(8, 2) + ":" + digits.substr(10, 2) + ":" + digits.substr(12, 2) + zone;
}

// Whether XML can hold it: no control codes, none of the two that are no characters.
bool IsXmlText(const std::string& text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && c != '\t' && c != '\n') return false;
  }
  return text.find("\xEF\xBF\xBE") == std::string::npos &&
         text.find("\xEF\xBF\xBF") == std::string::npos;
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

void Put(std::string& out, uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

// s15Fixed16Number
void PutFixed(std::string& out, double value) {
  Put(out, static_cast<uint32_t>(static_cast<int32_t>(std::lround(value * 65536))), 4);
}

std::string Xyz(double x, double y, double z) {
  std::string out = "XYZ ";
  Put(out, 0, 4);
  PutFixed(out, x), PutFixed(out, y), PutFixed(out, z);
  return out;
}

std::string Text(const std::string& text) {
  std::string out = "text";
  Put(out, 0, 4);
  return out + text + '\0';
}

std::string Description(const std::string& text) {
  std::string out = "desc";
  Put(out, 0, 4);
  Put(out, static_cast<uint32_t>(text.size() + 1), 4);
  out += text + '\0';
  Put(out, 0, 4), Put(out, 0, 4);  // no Unicode
  Put(out, 0, 2), Put(out, 0, 1);  // no Macintosh script
  return out + std::string(67, '\0');
}

// From device value to light: IEC 61966-2-1, at so many points that straight lines between them
// are within 1e-5 of it.
std::string Curve() {
  constexpr int kPoints = 1024;
  std::string out = "curv";
  Put(out, 0, 4);
  Put(out, kPoints, 4);
  for (int i = 0; i < kPoints; ++i) {
    const double v = static_cast<double>(i) / (kPoints - 1);
    const double light = v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    Put(out, static_cast<uint32_t>(std::lround(light * 65535)), 2);
  }
  return out;
}

}  // namespace

std::string PdfaClaim() {
  return "<rdf:Description rdf:about=\"\" xmlns:pdfaid=\"http://www.aiim.org/pdfa/ns/id/\">\n"
         "<pdfaid:part>2</pdfaid:part>\n<pdfaid:conformance>B</pdfaid:conformance>\n"
         "</rdf:Description>\n";
}

XmpProperty PropertyOf(const std::string& key, const std::string& value) {
  for (const Entry& entry : kEntries) {
    if (key != entry.key) continue;
    const bool date = key.size() > 4 && key.compare(key.size() - 4, 4, "Date") == 0;
    XmpProperty property{entry.property, date ? XmpDate(value) : Escaped(value), ""};
    if (property.value.empty() || !IsXmlText(value)) return {entry.property, "", ""};
    property.description = std::string("<rdf:Description rdf:about=\"\" ") + entry.space + ">\n<" +
                           entry.property + ">" + entry.before + property.value + entry.after +
                           "</" + entry.property + ">\n</rdf:Description>\n";
    return property;
  }
  return {};
}

std::string PdfaMetadata(const InfoEntries& info) {
  std::string out =
      "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
      "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n";
  for (const auto& [key, value] : info) out += PropertyOf(key, value).description;
  return out + PdfaClaim() + "</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>\n";
}

std::string SrgbProfile() {
  // Primaries and white point of sRGB, adapted to D50 (IEC 61966-2-1, annex; Bradford).
  const std::string curve = Curve();
  const std::vector<std::pair<std::string, std::string>> tags = {
      {"desc", Description("sRGB IEC61966-2.1")},
      {"cprt", Text("No copyright, use freely")},
      {"wtpt", Xyz(0.9642, 1.0, 0.8249)},
      {"rXYZ", Xyz(0.4360, 0.2225, 0.0139)},
      {"gXYZ", Xyz(0.3851, 0.7169, 0.0971)},
      {"bXYZ", Xyz(0.1431, 0.0606, 0.7139)},
      {"rTRC", curve},
      {"gTRC", ""},
      {"bTRC", ""},
  };
  std::string table, bodies;
  Put(table, static_cast<uint32_t>(tags.size()), 4);
  const size_t bodies_at = 128 + 4 + 12 * tags.size();
  size_t at = 0, size = 0;
  for (const auto& [name, body] : tags) {
    if (!body.empty()) {  // else the one before, shared
      at = bodies_at + bodies.size();
      size = body.size();
      bodies += body;
      bodies.resize((bodies.size() + 3) / 4 * 4);
    }
    table += name;
    Put(table, static_cast<uint32_t>(at), 4), Put(table, static_cast<uint32_t>(size), 4);
  }
  std::string header;
  Put(header, static_cast<uint32_t>(bodies_at + bodies.size()), 4);
  Put(header, 0, 4);           // no preferred program
  Put(header, 0x02100000, 4);  // version 2.1
  header += "mntrRGB XYZ ";
  for (const uint32_t part : {2024u, 1u, 1u, 0u, 0u, 0u}) Put(header, part, 2);
  header += "acsp";
  Put(header, 0, 4), Put(header, 0, 4), Put(header, 0, 4), Put(header, 0, 4);  // platform ... model
  Put(header, 0, 4), Put(header, 0, 4), Put(header, 0, 4);  // attributes, perceptual
  PutFixed(header, 0.9642), PutFixed(header, 1.0), PutFixed(header, 0.8249);
  header.resize(128, '\0');
  return header + table + bodies;
}

}  // namespace glmocr
