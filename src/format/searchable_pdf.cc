#include "format/searchable_pdf.h"

#include <fmt/core.h>
#include <qpdf/qpdf-c.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "format/py_text.h"
#include "format/text_geometry.h"

namespace glmocr {
namespace {

// PDF 1.7, annex C.2: no viewer needs to show larger pages.
constexpr double kMaxSidePt = 14400;
// Widths of characters in 1/1000 of the font size; wide ones are East Asian.
constexpr int kNarrow = 500, kWide = 1000;
constexpr double kMinFontPt = 1;
constexpr double kMaxStretch = 1.5;  // of the font's widths

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

// A TrueType font of two glyphs without outlines, with the tables that PDF asks of an embedded one
// (PDF 1.7, 9.9). Layouts: OpenType specification, chapter "font tables".
std::string GlyphlessFont() {
  std::string head, hhea, maxp, hmtx, loca;
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
  Put(hhea, kNarrow, 2);                              // widest advance
  Put(hhea, 0, 2), Put(hhea, 0, 2), Put(hhea, 0, 2);  // bearings, extent
  Put(hhea, 1, 2), Put(hhea, 0, 2), Put(hhea, 0, 2);  // caret
  Put(hhea, 0, 8), Put(hhea, 0, 2), Put(hhea, 1, 2);  // reserved, format, one full metric

  Put(maxp, 0x00010000, 4), Put(maxp, 2, 2);  // two glyphs
  Put(maxp, 0, 8), Put(maxp, 1, 2), Put(maxp, 0, 16);
  Put(hmtx, kNarrow, 2), Put(hmtx, 0, 2), Put(hmtx, 0, 2);
  Put(loca, 0, 6);

  std::vector<std::pair<std::string, std::string>> tables = {{"glyf", std::string(4, 0)},
                                                             {"head", head},
                                                             {"hhea", hhea},
                                                             {"hmtx", hmtx},
                                                             {"loca", loca},
                                                             {"maxp", maxp}};
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

  // Every code shows glyph 1.
  std::string CidToGidMap() const {
    std::string out;
    for (size_t i = 0; i <= characters_.size(); ++i) Put(out, 1, 2);
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

}  // namespace

struct SearchablePdf::State {
  struct Page {
    double width_pt = 0, height_pt = 0;
    int picture = 0, contents = 0;  // their numbers in the spool; 0: an empty page
  };

  State(double points_per_pixel, std::filesystem::path folder)
      : points_per_pixel(points_per_pixel), spool(std::move(folder)) {}

  const double points_per_pixel;
  Spool spool;
  std::vector<Page> pages;
  Characters characters;

  std::string TextLayer(const ReadPage& page, double scale) {
    std::string out;
    for (const ReadRegion& region : page.regions) {
      for (const PlacedLine& line : PlaceLines(region)) {
        std::string codes;
        int width = 0;
        for (const char32_t c : py::Decode(line.text)) {
          codes += fmt::format("{:04X}", characters.Code(c));
          width += Characters::Width(c);
        }
        // PDFium (Chrome) drops strings without extent, and of a single glyph without shape it sees
        // none; a blank behind the line helps.
        codes += fmt::format("{:04X}", characters.Code(U' '));
        const double baseline_y = (line.place.start.y + line.place.end.y) / 2;
        // As high as the letters, but not so small that gaps between words look like columns.
        const double natural_pt = line.box_px.width * scale * 1000 / width;
        const double font_pt =
            std::max({kMinFontPt, (baseline_y - line.box_px.y) * scale, natural_pt / kMaxStretch});
        const double percent = natural_pt / font_pt * 100;
        out += fmt::format("/F0 {:.2f} Tf {:.3f} Tz 1 0 0 1 {:.2f} {:.2f} Tm <{}> Tj\n", font_pt,
                           percent, line.box_px.x * scale, (page.height_px - baseline_y) * scale,
                           codes);
      }
    }
    return out.empty() ? out : "BT 3 Tr\n" + out + "ET\n";
  }

  Status Add(const ReadPage& page, const std::string& jpeg) {
    const double longest = std::max(page.width_px, page.height_px);
    const double scale = std::min(points_per_pixel, kMaxSidePt / longest);
    Page made = {.width_pt = page.width_px * scale, .height_pt = page.height_px * scale};
    GLM_RETURN_IF_ERROR(
        spool.Add(fmt::format("/Type /XObject /Subtype /Image /Width {} /Height {} /ColorSpace "
                              "/DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode",
                              page.width_px, page.height_px),
                  jpeg, &made.picture));
    GLM_RETURN_IF_ERROR(spool.Add(
        "",
        fmt::format("q {:.2f} 0 0 {:.2f} 0 0 cm /Im0 Do Q\n", made.width_pt, made.height_pt) +
            TextLayer(page, scale),
        &made.contents));
    pages.push_back(made);
    return OkStatus();
  }

  static void MakePage(QpdfFile& pdf, const Page& page, qpdf_oh font) {
    const qpdf_oh node = pdf.Indirect(pdf.Parse(
        fmt::format("<< /Type /Page /MediaBox [ 0 0 {:.2f} {:.2f} ] /Resources << /XObject << >> "
                    "/Font << >> >> >>",
                    page.width_pt, page.height_pt)));
    pdf.AddPage(node);
    if (page.picture == 0) return;
    pdf.Put(node, "/Contents", pdf.Object(page.contents));
    const qpdf_oh resources = pdf.Get(node, "/Resources");
    pdf.Put(pdf.Get(resources, "/XObject"), "/Im0", pdf.Object(page.picture));
    pdf.Put(pdf.Get(resources, "/Font"), "/F0", font);
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
};

SearchablePdf::SearchablePdf(double pixels_per_inch, std::filesystem::path spool_folder)
    : state_(std::make_unique<State>(72 / pixels_per_inch, std::move(spool_folder))) {}
SearchablePdf::~SearchablePdf() = default;
SearchablePdf::SearchablePdf(SearchablePdf&&) noexcept = default;
SearchablePdf& SearchablePdf::operator=(SearchablePdf&&) noexcept = default;

Status SearchablePdf::AddPage(const ReadPage& page, const std::string& jpeg) {
  if (page.width_px <= 0 || page.height_px <= 0) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("page {} of '{}' has no size", page.page, page.source)};
  }
  Status added = state_->Add(page, jpeg);
  if (!added.ok())
    return added.error().With(fmt::format("page {} of a PDF of '{}'", page.page, page.source));
  return added;
}

Status SearchablePdf::AddBlankPage() {
  state_->pages.push_back({.width_pt = 595, .height_pt = 842});
  return OkStatus();
}

Result<TempFile> SearchablePdf::Finish() {
  State& s = *state_;
  GLM_ASSIGN(const std::string spooled, s.spool.Close());
  QpdfFile pdf;
  pdf.Read(spooled);
  GLM_RETURN_IF_ERROR(pdf.Check("begin a PDF"));
  const qpdf_oh font = pdf.Indirect(
      pdf.Parse("<< /Type /Font /Subtype /Type0 /BaseFont /Glyphless /Encoding /Identity-H >>"));
  pdf.Put(pdf.Trailer(), "/Info", pdf.Indirect(pdf.Parse("<< /Producer (glm-ocr) >>")));
  for (const State::Page& page : s.pages) State::MakePage(pdf, page, font);
  s.MakeFont(pdf, font);
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
