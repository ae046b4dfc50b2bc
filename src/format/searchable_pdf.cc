#include "format/searchable_pdf.h"

#include <fmt/core.h>
#include <qpdf/qpdf-c.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "format/py_text.h"
#include "format/text_geometry.h"
#include "pdf/pdfa.h"

namespace glmocr {
namespace {

// PDF 1.7, annex C.2: no viewer needs to show larger pages.
constexpr double kMaxSidePt = 14400;
constexpr double kMinPdfaSidePt = 3;  // ISO 19005-2, 6.1.13
// Widths of characters in 1/1000 of the font size; wide ones are East Asian.
constexpr int kNarrow = 500, kWide = 1000;
// Of the font size: how far its box reaches above the baseline and below.
constexpr double kAscent = 0.8, kDescent = 0.2;
constexpr double kMinFontPt = 0.5;
// Of the font size: gaps that are narrower get no space of that width, but one beside the next
// word.
constexpr double kMinGap = 0.05;
// poppler takes a word apart whose letters rise by half a point, so words of lines that are turned
// by less than this (3 degrees) are level, each at its own height.
constexpr double kLevelSine = 0.0523;
constexpr const char* kFontName = "/GlmOcrText";

// `value` in `bytes` bytes, big end first.
void Put(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0;) out += static_cast<char>(i < 8 ? value >> (8 * i) & 0xff : 0);
}

uint32_t Checksum(const std::string& table) {
  uint32_t sum = 0;
  for (size_t i = 0; i < table.size(); ++i)
    sum += static_cast<uint32_t>(static_cast<uint8_t>(table[i])) << (24 - 8 * (i % 4));
  return sum;
}

// A TrueType font of three glyphs without area: none, a narrow and a wide one, with the tables
// that PDF asks of an embedded one (PDF 1.7, 9.9). Layouts: OpenType specification, chapter "font
// tables".
std::string GlyphlessFont() {
  std::string head, hhea, maxp, hmtx, loca, glyf;
  Put(head, 0x00010000, 4);                                    // version
  Put(head, 0x00010000, 4);                                    // revision
  Put(head, 0, 4);                                             // checkSumAdjustment, below
  Put(head, 0x5F0F3CF5, 4);                                    // magic
  Put(head, 0, 2);                                             // flags
  Put(head, 1000, 2);                                          // units per em
  Put(head, 0, 16);                                            // created, modified
  Put(head, 0, 2), Put(head, static_cast<uint16_t>(-200), 2);  // lower left of all glyphs
  Put(head, kWide, 2), Put(head, 800, 2);                      // upper right
  Put(head, 0, 2);                                             // style
  Put(head, 8, 2);                                             // smallest readable size
  Put(head, 2, 2), Put(head, 0, 2), Put(head, 0, 2);  // direction, short offsets, glyph format

  Put(hhea, 0x00010000, 4);
  Put(hhea, 800, 2), Put(hhea, static_cast<uint16_t>(-200), 2), Put(hhea, 0, 2);
  Put(hhea, kWide, 2);                                // widest advance
  Put(hhea, 0, 2), Put(hhea, 0, 2), Put(hhea, 0, 2);  // bearings, extent
  Put(hhea, 1, 2), Put(hhea, 0, 2), Put(hhea, 0, 2);  // caret
  Put(hhea, 0, 8), Put(hhea, 0, 2), Put(hhea, 3, 2);  // reserved, format, full metrics

  Put(maxp, 0x00010000, 4), Put(maxp, 3, 2);  // three glyphs
  Put(maxp, 2, 2), Put(maxp, 1, 2), Put(maxp, 0, 4), Put(maxp, 1, 2), Put(maxp, 0, 16);
  for (const int width : {kNarrow, kNarrow, kWide})
    Put(hmtx, static_cast<uint64_t>(width), 2), Put(hmtx, 0, 2);
  // A line from corner to corner, which has no area and is never drawn: PDFium takes a letter's box
  // from it, and drops text on turned pages that has none.
  for (const int width : {kNarrow, kWide}) {
    Put(glyf, 1, 2);  // contours; then the box
    Put(glyf, 0, 2), Put(glyf, static_cast<uint16_t>(-200), 2);
    Put(glyf, static_cast<uint64_t>(width), 2), Put(glyf, 800, 2);
    Put(glyf, 1, 2), Put(glyf, 0, 2), Put(glyf, 0x0101, 2);  // last point, no program, on the curve
    Put(glyf, 0, 2), Put(glyf, static_cast<uint64_t>(width), 2);    // x, and the way from it
    Put(glyf, static_cast<uint16_t>(-200), 2), Put(glyf, 1000, 2);  // y
  }
  for (const size_t at : {size_t{0}, size_t{0}, glyf.size() / 2, glyf.size()}) Put(loca, at / 2, 2);

  std::vector<std::pair<std::string, std::string>> tables = {{"glyf", glyf}, {"head", head},
                                                             {"hhea", hhea}, {"hmtx", hmtx},
                                                             {"loca", loca}, {"maxp", maxp}};
  std::string font, bodies;
  Put(font, 0x00010000, 4);
  Put(font, tables.size(), 2);
  Put(font, 64, 2), Put(font, 2, 2), Put(font, tables.size() * 16 - 64, 2);  // binary search
  size_t head_at = 0;
  const size_t bodies_at = 12 + 16 * tables.size();
  for (const auto& [tag, body] : tables) {
    const size_t at = bodies_at + bodies.size();
    if (tag == "head") head_at = at;
    font += tag;
    Put(font, Checksum(body), 4);
    Put(font, at, 4);
    Put(font, body.size(), 4);
    bodies += body;
    bodies.resize((bodies.size() + 3) / 4 * 4);
  }
  font += bodies;
  std::string adjustment;
  Put(adjustment, 0xB1B0AFBAu - Checksum(font), 4);
  font.replace(head_at + 8, 4, adjustment);
  return font;
}

std::string Utf16Hex(char32_t c) {
  if (c < 0x10000) return fmt::format("{:04X}", static_cast<uint32_t>(c));
  const uint32_t rest = static_cast<uint32_t>(c) - 0x10000;
  return fmt::format("{:04X}{:04X}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3ff));
}

// Characters of the document and the 16-bit codes that stand for them.
class Characters {
 public:
  uint16_t Code(char32_t c) {
    const auto found = codes_.find(c);
    if (found != codes_.end()) return found->second;
    if (characters_.size() == 0xffff) return Code(characters_.front());  // nobody has that many
    characters_ += c;
    const auto code = static_cast<uint16_t>(characters_.size());  // 0 is no character
    codes_.emplace(c, code);
    return code;
  }

  static int Width(char32_t c) {
    return utf8proc_charwidth(static_cast<utf8proc_int32_t>(c)) == 2 ? kWide : kNarrow;
  }

  // PDF 1.7, 9.10.3.
  std::string ToUnicode() const {
    std::string out =
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n";
    constexpr size_t kPerBlock = 100;
    for (size_t begin = 0; begin < characters_.size(); begin += kPerBlock) {
      const size_t end = std::min(characters_.size(), begin + kPerBlock);
      out += fmt::format("{} beginbfchar\n", end - begin);
      for (size_t i = begin; i < end; ++i)
        out += fmt::format("<{:04X}> <{}>\n", i + 1, Utf16Hex(characters_[i]));
      out += "endbfchar\n";
    }
    return out + "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n";
  }

  // The widths that are not kNarrow, as the array W of a CIDFont.
  std::string Widths() const {
    std::string out = "[";
    for (size_t i = 0; i < characters_.size(); ++i) {
      if (Width(characters_[i]) != kNarrow)
        out += fmt::format(" {} [{}]", i + 1, Width(characters_[i]));
    }
    return out + " ]";
  }

  // Every code shows the glyph of its width.
  std::string CidToGidMap() const {
    std::string out;
    Put(out, 0, 2);
    for (const char32_t c : characters_) Put(out, Width(c) == kWide ? 2 : 1, 2);
    return out;
  }

 private:
  std::map<char32_t, uint16_t> codes_;
  py::Text characters_;
};

// A file being made. Through qpdf's C interface: what is wrong comes as an error code, and the
// C++ headers of 11.3 do not compile with clang as C++20. Errors stay until Check; calls after one
// do no harm.
class QpdfFile {
 public:
  QpdfFile() : qpdf_(qpdf_init()) {
    qpdf_silence_errors(qpdf_);
    qpdf_set_suppress_warnings(qpdf_, QPDF_TRUE);
  }
  QpdfFile(const QpdfFile&) = delete;
  QpdfFile& operator=(const QpdfFile&) = delete;
  ~QpdfFile() { qpdf_cleanup(&qpdf_); }

  // Begins with what a file holds. Its streams stay there until Write.
  void Read(const std::string& path) { qpdf_read(qpdf_, path.c_str(), nullptr); }
  qpdf_oh Object(int id) { return qpdf_get_object_by_id(qpdf_, id, 0); }

  // What `text` spells, without references to other objects.
  qpdf_oh Parse(const std::string& text) { return qpdf_oh_parse(qpdf_, text.c_str()); }
  qpdf_oh Indirect(qpdf_oh object) { return qpdf_make_indirect_object(qpdf_, object); }
  void Put(qpdf_oh dictionary, const char* key, qpdf_oh value) {
    qpdf_oh_replace_key(qpdf_, dictionary, key, value);
  }
  qpdf_oh Get(qpdf_oh dictionary, const char* key) {
    return qpdf_oh_get_key(qpdf_, dictionary, key);
  }
  qpdf_oh ArrayOf(qpdf_oh item) {
    const qpdf_oh array = qpdf_oh_new_array(qpdf_);
    qpdf_oh_append_item(qpdf_, array, item);
    return array;
  }
  qpdf_oh Trailer() { return qpdf_get_trailer(qpdf_); }

  // A stream of these bytes, which are copied; `filter` is the name of their encoding, or null.
  qpdf_oh Stream(const std::string& bytes, const char* filter = nullptr) {
    const qpdf_oh stream = qpdf_oh_new_stream(qpdf_);
    const qpdf_oh none = qpdf_oh_new_null(qpdf_);
    qpdf_oh_replace_stream_data(qpdf_, stream, reinterpret_cast<const unsigned char*>(bytes.data()),
                                bytes.size(),
                                filter == nullptr ? none : qpdf_oh_new_name(qpdf_, filter), none);
    return stream;
  }
  // A stream that stays as it is, which programs find that do not know PDF.
  qpdf_oh PlainStream(const std::string& bytes) { return Stream(bytes); }
  qpdf_oh Unicode(const std::string& utf8) {
    return qpdf_oh_new_unicode_string(qpdf_, utf8.c_str());
  }
  qpdf_oh StreamDictionary(qpdf_oh stream) { return qpdf_oh_get_dict(qpdf_, stream); }
  void AddPage(qpdf_oh page) { qpdf_add_page(qpdf_, qpdf_, page, QPDF_FALSE); }

  void Write(const std::string& path) {
    qpdf_init_write(qpdf_, path.c_str());
    qpdf_set_deterministic_ID(qpdf_, QPDF_TRUE);
    qpdf_set_object_stream_mode(qpdf_, qpdf_o_generate);
    qpdf_set_compress_streams(qpdf_, QPDF_TRUE);
    qpdf_write(qpdf_);
  }

  // The first error since the last call.
  Status Check(const std::string& what) {
    if (!qpdf_has_error(qpdf_)) return OkStatus();
    return Error{
        ErrorCode::kInternal,
        fmt::format("cannot {}: {}", what, qpdf_get_error_full_text(qpdf_, qpdf_get_error(qpdf_)))};
  }

 private:
  qpdf_data qpdf_;
};

// The pages' streams in a temporary file, as a PDF of no pages: qpdf's C interface copies into
// memory the streams that it is given, but leaves those that it reads in their file until it writes
// them.
class Spool {
 public:
  explicit Spool(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Adds a stream, with these entries beside its length; `id` becomes its number.
  Status Add(std::string_view entries, std::string_view bytes, int* id) {
    GLM_RETURN_IF_ERROR(Open());
    GLM_RETURN_IF_ERROR(
        Object(fmt::format("<< {} /Length {} >>\nstream\n", entries, bytes.size())));
    GLM_RETURN_IF_ERROR(Append(bytes));
    *id = static_cast<int>(offsets_.size());
    return Append("\nendstream\nendobj\n");
  }

  // The root and the table of objects (PDF 1.7, 7.5.4). Returns the file's name.
  Result<std::string> Close() {
    GLM_RETURN_IF_ERROR(Open());
    GLM_RETURN_IF_ERROR(Object("<< /Type /Pages /Kids [ ] /Count 0 >>\nendobj\n"));
    const size_t pages = offsets_.size();
    GLM_RETURN_IF_ERROR(Object(fmt::format("<< /Type /Catalog /Pages {} 0 R >>\nendobj\n", pages)));
    std::string end = fmt::format("xref\n0 {}\n0000000000 65535 f \n", offsets_.size() + 1);
    for (const int64_t offset : offsets_) end += fmt::format("{:010} 00000 n \n", offset);
    end += fmt::format("trailer\n<< /Size {} /Root {} 0 R >>\nstartxref\n{}\n%%EOF\n",
                       offsets_.size() + 1, offsets_.size(), size_bytes_);
    GLM_RETURN_IF_ERROR(Append(end));
    return file_->path();
  }

  const std::filesystem::path& folder() const { return folder_; }

 private:
  Status Open() {
    if (file_) return OkStatus();
    GLM_ASSIGN(file_, TempFile::Create(folder_));
    return Append("%PDF-1.3\n");
  }
  Status Object(std::string_view body) {
    offsets_.push_back(size_bytes_);
    return Append(fmt::format("{} 0 obj\n{}", offsets_.size(), body));
  }
  Status Append(std::string_view bytes) {
    size_bytes_ += static_cast<int64_t>(bytes.size());
    return file_->Append(bytes);
  }

  const std::filesystem::path folder_;
  std::optional<TempFile> file_;
  int64_t size_bytes_ = 0;
  std::vector<int64_t> offsets_;  // of object 1, 2, ...
};

// A page's text as operators, in points from the page's lower left corner.
class TextOperators {
 public:
  TextOperators(Characters& characters, const ReadPage& page, double x_scale, double y_scale)
      : characters_(characters), page_(page), x_scale_(x_scale), y_scale_(y_scale) {}

  std::string Take() {
    for (const ReadRegion& region : page_.regions) {
      for (const PlacedLine& line : PlaceLines(region)) Add(line);
    }
    return out_.empty() ? out_ : "BT 3 Tr\n" + out_ + "ET\n";
  }

 private:
  PointF ToPoints(double x_px, double y_px) const {
    return {x_px * x_scale_, (page_.height_px - y_px) * y_scale_};
  }

  // Every word by its own matrix, so that no rounding adds up, and between words a space as wide as
  // the gap: what extracts text sees one line with spaces, whatever its rules for gaps are.
  void Add(const PlacedLine& line) {
    const PointF start = ToPoints(line.place.start.x, line.place.start.y);
    const PointF end = ToPoints(line.place.end.x, line.place.end.y);
    const double length = std::hypot(end.x - start.x, end.y - start.y);
    if (!(length > 0)) return;
    const double cosine = (end.x - start.x) / length, sine = (end.y - start.y) / length;
    // A pixel across the line, in points.
    const double across = std::hypot(sine * x_scale_, cosine * y_scale_);
    const double ascent = line.place.ascent_px * across, descent = line.place.descent_px * across;
    const double font_pt = std::max(kMinFontPt, ascent + descent);
    // The font's box lies where the line's does, whatever share of it is below the baseline.
    const double shift = kDescent * font_pt - descent;
    out_ += fmt::format("{} {:.2f} Tf\n", kFontName, font_pt);
    const auto along = [&](const PointF& point) {
      const PointF at = ToPoints(point.x, point.y);
      return (at.x - start.x) * cosine + (at.y - start.y) * sine;
    };
    for (size_t i = 0; i < line.words.size(); ++i) {
      const PlacedWord& word = line.words[i];
      const double from = along(word.place.start);
      const double to = std::max(along(word.place.end), from + 0.01);
      std::string codes;
      int width = 0;
      for (const char32_t c : py::Decode(word.text)) {
        codes += fmt::format("{:04X}", characters_.Code(c));
        width += Characters::Width(c);
      }
      if (width == 0) continue;
      // A blank behind the last word too: PDFium drops strings without extent, and of a single
      // glyph without shape it sees none.
      double gap = kMinGap * font_pt;
      if (i + 1 < line.words.size()) gap = std::max(gap, along(line.words[i + 1].place.start) - to);
      const double x = start.x + from * cosine - shift * sine;
      const double y = start.y + from * sine + shift * cosine;
      const bool level = cosine > 0 && std::abs(sine) < kLevelSine;
      const double rise = level ? (to - from) / 2 * sine : 0;  // to the middle of the word
      const std::string turn =
          level ? "1 0 0 1"
                : fmt::format("{:.4g} {:.4g} {:.4g} {:.4g}", cosine, sine, -sine, cosine);
      out_ += fmt::format("{} {:.2f} {:.2f} Tm {:.2f} Tz <{}> Tj {:.2f} Tz <{:04X}> Tj\n", turn, x,
                          y + rise, (to - from) / font_pt / width * 1e5, codes,
                          gap / font_pt / kNarrow * 1e5, characters_.Code(U' '));
    }
  }

  Characters& characters_;
  const ReadPage& page_;
  const double x_scale_, y_scale_;
  std::string out_;
};

// Where a picture's unit square goes on a page of w x h, turned as EXIF orientation says.
std::string Placement(int orientation, double w, double h) {
  switch (orientation) {
    case 2:
      return fmt::format("{:.2f} 0 0 {:.2f} {:.2f} 0", -w, h, w);
    case 3:
      return fmt::format("{:.2f} 0 0 {:.2f} {:.2f} {:.2f}", -w, -h, w, h);
    case 4:
      return fmt::format("{:.2f} 0 0 {:.2f} 0 {:.2f}", w, -h, h);
    case 5:
      return fmt::format("0 {:.2f} {:.2f} 0 {:.2f} {:.2f}", -h, -w, w, h);
    case 6:
      return fmt::format("0 {:.2f} {:.2f} 0 0 {:.2f}", -h, w, h);
    case 7:
      return fmt::format("0 {:.2f} {:.2f} 0 0 0", h, w);
    case 8:
      return fmt::format("0 {:.2f} {:.2f} 0 {:.2f} 0", h, -w, w);
    default:
      return fmt::format("{:.2f} 0 0 {:.2f} 0 0", w, h);
  }
}

}  // namespace

struct SearchablePdf::State {
  struct Page {
    double width_pt = 0, height_pt = 0;
    int picture = 0, contents = 0;  // their numbers in the spool; 0: none
  };

  explicit State(SearchablePdfOptions o) : options(std::move(o)), spool(options.spool_folder) {}

  const SearchablePdfOptions options;
  Spool spool;
  std::vector<Page> pages;
  Characters characters;
  std::map<std::string, int> profiles;  // ICC profiles and their numbers in the spool

  // A page of this size with the text over the picture, if it has one.
  Status Add(const ReadPage& page, Page made, std::string_view picture) {
    const double x_scale = made.width_pt / page.width_px, y_scale = made.height_pt / page.height_px;
    std::string contents(picture);
    contents += TextOperators(characters, page, x_scale, y_scale).Take();
    GLM_RETURN_IF_ERROR(spool.Add("", contents, &made.contents));
    pages.push_back(made);
    return OkStatus();
  }

  Status AddPicture(const ReadPage& page, const PictureStream& picture,
                    const PictureResolution& resolution) {
    Page made{.width_pt = 72.0 * picture.width_px / resolution.x,
              .height_pt = 72.0 * picture.height_px / resolution.y};
    if (picture.orientation >= 5) std::swap(made.width_pt, made.height_pt);
    const double shrink = std::min(1.0, kMaxSidePt / std::max(made.width_pt, made.height_pt));
    made.width_pt *= shrink;
    made.height_pt *= shrink;
    if (options.pdfa) {
      made.width_pt = std::max(made.width_pt, kMinPdfaSidePt);
      made.height_pt = std::max(made.height_pt, kMinPdfaSidePt);
    }
    std::string entries = "/Type /XObject /Subtype /Image " + picture.entries;
    const char* device = picture.components == 1   ? "/DeviceGray"
                         : picture.components == 3 ? "/DeviceRGB"
                                                   : "/DeviceCMYK";
    std::string space = device;
    if (!picture.icc.empty()) {
      GLM_ASSIGN(const int profile, AddProfile(picture.icc, picture.components, device));
      space = fmt::format("[ /ICCBased {} 0 R ]", profile);
    }
    if (!picture.palette.empty()) {
      std::string hex;
      for (const char c : picture.palette) hex += fmt::format("{:02X}", static_cast<uint8_t>(c));
      const size_t n_colors = picture.palette.size() / static_cast<size_t>(picture.components);
      space = fmt::format("[ /Indexed {} {} <{}> ]", space, n_colors - 1, hex);
    }
    entries += " /ColorSpace " + space;
    GLM_RETURN_IF_ERROR(spool.Add(entries, picture.bytes, &made.picture));
    return Add(page, made,
               fmt::format("q {} cm /Im0 Do Q\n",
                           Placement(picture.orientation, made.width_pt, made.height_pt)));
  }

  Result<int> AddProfile(const std::string& icc, int components, const char* space) {
    const auto found = profiles.find(icc);
    if (found != profiles.end()) return found->second;
    int number = 0;
    GLM_RETURN_IF_ERROR(
        spool.Add(fmt::format("/N {} /Alternate {}", components, space), icc, &number));
    profiles.emplace(icc, number);
    return number;
  }

  static void MakePage(QpdfFile& pdf, const Page& page, qpdf_oh font) {
    const qpdf_oh node = pdf.Indirect(pdf.Parse(
        fmt::format("<< /Type /Page /MediaBox [ 0 0 {:.2f} {:.2f} ] /Resources << /XObject << >> "
                    "/Font << >> >> >>",
                    page.width_pt, page.height_pt)));
    pdf.AddPage(node);
    if (page.contents == 0) return;
    pdf.Put(node, "/Contents", pdf.Object(page.contents));
    const qpdf_oh resources = pdf.Get(node, "/Resources");
    if (page.picture != 0)
      pdf.Put(pdf.Get(resources, "/XObject"), "/Im0", pdf.Object(page.picture));
    pdf.Put(pdf.Get(resources, "/Font"), kFontName, font);
  }

  void MakeFont(QpdfFile& pdf, qpdf_oh font) const {
    const std::string shapes = GlyphlessFont();
    const qpdf_oh file = pdf.Stream(shapes);
    pdf.Put(pdf.StreamDictionary(file), "/Length1", pdf.Parse(std::to_string(shapes.size())));
    const qpdf_oh descriptor = pdf.Parse(
        "<< /Type /FontDescriptor /FontName /Glyphless /Flags 4 /FontBBox [ 0 -200 1000 800 ] "
        "/ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 800 /StemV 80 >>");
    pdf.Put(descriptor, "/FontFile2", file);
    const qpdf_oh cid_font = pdf.Parse(
        fmt::format("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Glyphless /CIDSystemInfo << "
                    "/Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW {} /W {} >>",
                    kNarrow, characters.Widths()));
    pdf.Put(cid_font, "/FontDescriptor", pdf.Indirect(descriptor));
    pdf.Put(cid_font, "/CIDToGIDMap", pdf.Stream(characters.CidToGidMap()));
    pdf.Put(font, "/DescendantFonts", pdf.ArrayOf(pdf.Indirect(cid_font)));
    pdf.Put(font, "/ToUnicode", pdf.Stream(characters.ToUnicode()));
  }

  // What readers show of the document, and what PDF/A asks for.
  void Describe(QpdfFile& pdf) const {
    const qpdf_oh info = pdf.Parse("<< /Producer (glm-ocr) >>");
    if (!options.title.empty()) pdf.Put(info, "/Title", pdf.Unicode(options.title));
    pdf.Put(pdf.Trailer(), "/Info", pdf.Indirect(info));
    const qpdf_oh root = pdf.Get(pdf.Trailer(), "/Root");
    if (!options.language.empty()) pdf.Put(root, "/Lang", pdf.Unicode(options.language));
    if (!options.pdfa) return;
    const qpdf_oh metadata =
        pdf.PlainStream(PdfaMetadata({{"/Title", options.title}, {"/Producer", "glm-ocr"}}));
    const qpdf_oh dictionary = pdf.StreamDictionary(metadata);
    pdf.Put(dictionary, "/Type", pdf.Parse("/Metadata"));
    pdf.Put(dictionary, "/Subtype", pdf.Parse("/XML"));
    pdf.Put(root, "/Metadata", metadata);
    const qpdf_oh profile = pdf.Stream(SrgbProfile());
    pdf.Put(pdf.StreamDictionary(profile), "/N", pdf.Parse("3"));
    const qpdf_oh intent = pdf.Parse(
        "<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (sRGB) /Info (sRGB) >>");
    pdf.Put(intent, "/DestOutputProfile", profile);
    pdf.Put(root, "/OutputIntents", pdf.ArrayOf(pdf.Indirect(intent)));
  }
};

SearchablePdf::SearchablePdf(SearchablePdfOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
SearchablePdf::~SearchablePdf() = default;
SearchablePdf::SearchablePdf(SearchablePdf&&) noexcept = default;
SearchablePdf& SearchablePdf::operator=(SearchablePdf&&) noexcept = default;

Status SearchablePdf::AddPage(const ReadPage& page, const PictureStream& picture,
                              const PictureResolution& resolution) {
  Status added = page.width_px > 0 && page.height_px > 0
                     ? state_->AddPicture(page, picture, resolution)
                     : Status(Error{ErrorCode::kInvalidArgument, "it has no size"});
  if (!added.ok())
    return added.error().With(fmt::format("page {} of a PDF of '{}'", page.page, page.source));
  return added;
}

Status SearchablePdf::AddLayer(const ReadPage& page) {
  if (page.width_px <= 0 || page.height_px <= 0) return AddBlankPage();
  return state_->Add(page, {.width_pt = 1.0 * page.width_px, .height_pt = 1.0 * page.height_px},
                     "");
}

Status SearchablePdf::AddBlankPage() {
  state_->pages.push_back({.width_pt = 595, .height_pt = 842});
  return OkStatus();
}

int SearchablePdf::n_pages() const { return static_cast<int>(state_->pages.size()); }

Result<TempFile> SearchablePdf::Finish() {
  State& s = *state_;
  GLM_ASSIGN(const std::string spooled, s.spool.Close());
  QpdfFile pdf;
  pdf.Read(spooled);
  GLM_RETURN_IF_ERROR(pdf.Check("begin a PDF"));
  const qpdf_oh font = pdf.Indirect(
      pdf.Parse("<< /Type /Font /Subtype /Type0 /BaseFont /Glyphless /Encoding /Identity-H >>"));
  for (const State::Page& page : s.pages) State::MakePage(pdf, page, font);
  s.MakeFont(pdf, font);
  s.Describe(pdf);
  GLM_RETURN_IF_ERROR(pdf.Check("make a PDF"));
  GLM_ASSIGN(TempFile file, TempFile::Create(s.spool.folder()));
  pdf.Write(file.path());
  GLM_RETURN_IF_ERROR(pdf.Check("write a PDF"));
  // qpdf does not notice when the last of its buffers finds no room.
  if (!file.EndsWith("%%EOF\n"))
    return Error{ErrorCode::kIo, "cannot write a PDF: its end is missing (is the disk full?)"};
  return file;
}

}  // namespace glmocr
