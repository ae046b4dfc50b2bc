#include "format/picture_stream.h"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "media/decode.h"
#include "media/encode.h"
#include "media/lept.h"

namespace glmocr {
namespace {

using Bytes = std::span<const std::byte>;

constexpr double kMinDpi = 10, kMaxDpi = 10'000;
constexpr double kPerMeter = 0.0254, kPerCentimeter = 2.54;
constexpr size_t kMaxPages = 65536;  // of a TIFF
constexpr size_t kMaxIccBytes = size_t{4} << 20;
constexpr size_t kIccHeaderBytes = 128;

uint8_t At(Bytes b, size_t i) { return static_cast<uint8_t>(b[i]); }
uint32_t Big16(Bytes b, size_t i) { return (uint32_t{At(b, i)} << 8) | At(b, i + 1); }
uint32_t Big32(Bytes b, size_t i) { return (Big16(b, i) << 16) | Big16(b, i + 2); }
std::string_view Text(Bytes b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

double Plausible(double dpi) { return dpi >= kMinDpi && dpi <= kMaxDpi ? dpi : 0; }

// --- TIFF, and the EXIF data of a JPEG, which is one (TIFF 6.0) ---

class Tiff {
 public:
  enum Tag : uint32_t {
    kSubfileType = 254,
    kWidth = 256,
    kHeight = 257,
    kBits = 258,
    kCompression = 259,
    kPhotometric = 262,
    kFillOrder = 266,
    kStripOffsets = 273,
    kOrientation = 274,
    kSamples = 277,
    kStripBytes = 279,
    kXResolution = 282,
    kYResolution = 283,
    kUnit = 296,
    kTileWidth = 322,
    kIccProfile = 34675,
    kJpegTables = 347,
  };
  struct Entry {
    uint32_t type = 0, count = 0;
    size_t at = 0;  // of the value in the file
  };
  using Directory = std::map<uint32_t, Entry>;

  explicit Tiff(Bytes bytes) : bytes_(bytes) {
    if (bytes.size() < 8) return;
    big_ = At(bytes, 0) == 'M';
    if (At(bytes, 0) != At(bytes, 1) || (!big_ && At(bytes, 0) != 'I') || U16(2) != 42) return;
    size_t at = U32(4);
    std::map<size_t, bool> seen;
    // Those of an honest file do not overlap.
    size_t left = bytes.size();
    while (at != 0 && directories_.size() < kMaxPages && !std::exchange(seen[at], true)) {
      const size_t size = 2 + 12 * size_t{U16(at)} + 4;
      if (size > left) return;
      left -= size;
      Directory directory;
      at = ReadDirectory(at, &directory);
      if (directory.empty()) return;
      directories_.push_back(std::move(directory));
    }
  }

  // Pages are directories, or those that are no thumbnails.
  const Directory* Page(int page, int n_pages) const {
    if (page < 0) return nullptr;
    const auto index = static_cast<size_t>(page);
    if (directories_.size() == static_cast<size_t>(n_pages))
      return index < directories_.size() ? &directories_[index] : nullptr;
    std::vector<const Directory*> pages;
    for (const Directory& directory : directories_) {
      if ((Number(directory, kSubfileType, 0) & 1) == 0) pages.push_back(&directory);
    }
    return pages.size() == static_cast<size_t>(n_pages) && index < pages.size() ? pages[index]
                                                                                : nullptr;
  }
  const Directory* First() const { return directories_.empty() ? nullptr : &directories_.front(); }

  // A number, the only one of its entry.
  uint32_t Number(const Directory& directory, Tag tag, uint32_t otherwise) const {
    const auto found = directory.find(tag);
    if (found == directory.end() || found->second.count != 1) return otherwise;
    if (found->second.type == 3) return U16(found->second.at);
    if (found->second.type == 4) return U32(found->second.at);
    return otherwise;
  }
  // All samples alike.
  uint32_t BitsOf(const Directory& directory) const {
    const auto found = directory.find(kBits);
    if (found == directory.end()) return 1;
    return found->second.type == 3 && found->second.count > 0 ? U16(found->second.at) : 0;
  }
  Bytes Data(const Directory& directory, Tag tag) const {
    const auto found = directory.find(tag);
    if (found == directory.end() || (found->second.type != 7 && found->second.type != 1)) return {};
    return Part(found->second.at, found->second.count);
  }
  Bytes Part(size_t at, size_t n) const {
    if (at > bytes_.size() || n > bytes_.size() - at) return {};
    return bytes_.subspan(at, n);
  }
  PictureResolution Resolution(const Directory& directory) const {
    PictureResolution r;
    const uint32_t unit = Number(directory, kUnit, 2);
    const double per_inch = unit == 2 ? 1 : unit == 3 ? kPerCentimeter : 0;
    r.x = Plausible(Rational(directory, kXResolution) * per_inch);
    r.y = Plausible(Rational(directory, kYResolution) * per_inch);
    const uint32_t orientation = Number(directory, kOrientation, 1);
    if (orientation >= 1 && orientation <= 8) r.orientation = static_cast<int>(orientation);
    return r;
  }

 private:
  uint32_t U16(size_t i) const {
    if (i + 2 > bytes_.size()) return 0;
    const uint32_t a = At(bytes_, i), b = At(bytes_, i + 1);
    return big_ ? a << 8 | b : b << 8 | a;
  }
  uint32_t U32(size_t i) const {
    const uint32_t a = U16(i), b = U16(i + 2);
    return big_ ? a << 16 | b : b << 16 | a;
  }
  double Rational(const Directory& directory, Tag tag) const {
    const auto found = directory.find(tag);
    if (found == directory.end() || found->second.type != 5 || found->second.count != 1) return 0;
    const double denominator = U32(found->second.at + 4);
    return denominator > 0 ? U32(found->second.at) / denominator : 0;
  }
  size_t ReadDirectory(size_t at, Directory* directory) const {
    constexpr std::array<size_t, 13> kTypeBytes = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    const size_t n = U16(at);
    if (at + 2 + n * 12 + 4 > bytes_.size()) return 0;
    for (size_t i = 0; i < n; ++i) {
      const size_t entry = at + 2 + i * 12;
      Entry read{.type = U16(entry + 2), .count = U32(entry + 4), .at = entry + 8};
      if (read.type == 0 || read.type >= kTypeBytes.size()) continue;
      const uint64_t size = uint64_t{read.count} * kTypeBytes[read.type];
      if (size > 4) read.at = U32(entry + 8);
      if (read.at > bytes_.size() || size > bytes_.size() - read.at) continue;
      directory->emplace(U16(entry), read);
    }
    return U32(at + 2 + n * 12);
  }

  Bytes bytes_;
  bool big_ = false;
  std::vector<Directory> directories_;
};

// --- JPEG (ITU T.81; JFIF; Adobe TN 5116) ---

struct JpegHeader {
  int width_px = 0, height_px = 0, components = 0;
  bool rgb_names = false;  // its components call themselves R, G, B
  bool jfif = false;
  int adobe_transform = -1;  // -1: no such marker
  PictureResolution resolution;
  std::string icc;
};

// Of the kinds that DCTDecode knows: 8 bits, baseline or progressive, Huffman.
std::optional<JpegHeader> ReadJpegHeader(Bytes b) {
  if (b.size() < 4 || Big16(b, 0) != 0xffd8) return std::nullopt;
  JpegHeader header;
  std::map<int, std::string> icc_parts;
  int icc_total = 0;
  PictureResolution exif;
  for (size_t at = 2; at + 4 <= b.size();) {
    if (At(b, at) != 0xff) return std::nullopt;
    const uint8_t marker = At(b, at + 1);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    if (marker == 0xd8 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
      continue;
    }
    const size_t length = Big16(b, at + 2);
    if (length < 2 || length > b.size() - at - 2) return std::nullopt;
    const Bytes body = b.subspan(at + 4, length - 2);
    at += 2 + length;
    if (marker == 0xda || marker == 0xd9) break;  // scan data; end
    if (marker == 0xe0 && body.size() >= 12 &&
        Text(body).substr(0, 5) == std::string_view("JFIF\0", 5)) {
      header.jfif = true;
      const double unit = At(body, 7) == 1 ? 1 : At(body, 7) == 2 ? kPerCentimeter : 0;
      header.resolution.x = Plausible(Big16(body, 8) * unit);
      header.resolution.y = Plausible(Big16(body, 10) * unit);
    } else if (marker == 0xe1 && body.size() > 6 &&
               Text(body).substr(0, 6) == std::string_view("Exif\0\0", 6)) {
      const Tiff tiff(body.subspan(6));
      if (tiff.First() != nullptr) exif = tiff.Resolution(*tiff.First());
    } else if (marker == 0xe2 && body.size() > 14 &&
               Text(body).substr(0, 12) == std::string_view("ICC_PROFILE\0", 12)) {
      icc_parts.emplace(At(body, 12), Text(body.subspan(14)));
      icc_total = At(body, 13);
    } else if (marker == 0xee && body.size() >= 12 && Text(body).substr(0, 5) == "Adobe") {
      header.adobe_transform = At(body, 11);
    } else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
               marker != 0xcc) {
      if (marker > 0xc2 || body.size() < 6 || At(body, 0) != 8 || header.components != 0)
        return std::nullopt;
      header.height_px = static_cast<int>(Big16(body, 1));
      header.width_px = static_cast<int>(Big16(body, 3));
      header.components = At(body, 5);
      if (body.size() < 6 + 3 * static_cast<size_t>(header.components)) return std::nullopt;
      header.rgb_names =
          header.components == 3 && At(body, 6) == 'R' && At(body, 9) == 'G' && At(body, 12) == 'B';
    }
  }
  header.resolution.orientation = exif.orientation;
  if (header.resolution.x == 0 || header.resolution.y == 0) {
    header.resolution.x = exif.x;
    header.resolution.y = exif.y;
  }
  if (static_cast<int>(icc_parts.size()) == icc_total) {
    for (const auto& [index, part] : icc_parts) header.icc += part;
  }
  const bool known = header.components == 1 || header.components == 3 || header.components == 4;
  if (!known || header.width_px <= 0 || header.height_px <= 0) return std::nullopt;
  return header;
}

// The profile, if a reader can use it for so many components: an ICC header of version 2 or 4.
bool UsableIcc(std::string_view icc, int components) {
  if (icc.size() < kIccHeaderBytes || icc.size() > kMaxIccBytes) return false;
  const Bytes b = std::as_bytes(std::span(icc));
  const std::string_view space = icc.substr(16, 4), kind = icc.substr(12, 4);
  const bool matches = (components == 1 && space == "GRAY") ||
                       (components == 3 && space == "RGB ") || (components == 4 && space == "CMYK");
  const bool device = kind == "mntr" || kind == "scnr" || kind == "prtr" || kind == "spac";
  return matches && device && Big32(b, 0) == icc.size() && icc.substr(36, 4) == "acsp" &&
         (At(b, 8) == 2 || At(b, 8) == 4);
}

PictureStream JpegStream(const JpegHeader& header, Bytes bytes) {
  PictureStream out;
  out.width_px = header.width_px;
  out.height_px = header.height_px;
  out.components = header.components;
  out.orientation = header.resolution.orientation;
  out.entries = fmt::format("/Width {} /Height {} /BitsPerComponent 8 /Filter /DCTDecode",
                            header.width_px, header.height_px);
  // Readers without the marker would take three components for YCbCr.
  if (header.adobe_transform < 0 && !header.jfif && header.rgb_names)
    out.entries += " /DecodeParms << /ColorTransform 0 >>";
  // Adobe's programs write ink inverted.
  if (out.cmyk() && header.adobe_transform >= 0) out.entries += " /Decode [ 1 0 1 0 1 0 1 0 ]";
  if (UsableIcc(header.icc, header.components)) out.icc = header.icc;
  out.bytes = Text(bytes);
  return out;
}

// --- PNG (ISO 15948) ---

struct PngHeader {
  uint32_t width_px = 0, height_px = 0;
  int bits = 0, kind = 0;
  bool interlaced = false, transparent = false;
  PictureResolution resolution;
  std::string palette, data;
  Bytes icc;  // as the file has it, compressed
};

std::optional<PngHeader> ReadPng(Bytes b, bool with_data) {
  if (b.size() < 8 || Text(b).substr(0, 8) != std::string_view("\x89PNG\r\n\x1a\n", 8))
    return std::nullopt;
  PngHeader png;
  for (size_t at = 8; at + 12 <= b.size();) {
    const size_t length = Big32(b, at);
    if (length > b.size() - at - 12) return std::nullopt;
    const std::string_view type = Text(b.subspan(at + 4, 4));
    const Bytes body = b.subspan(at + 8, length);
    if (type == "IHDR" && length == 13) {
      png.width_px = Big32(body, 0);
      png.height_px = Big32(body, 4);
      png.bits = At(body, 8);
      png.kind = At(body, 9);
      png.interlaced = At(body, 12) != 0;
    } else if (type == "PLTE") {
      png.palette = Text(body);
    } else if (type == "tRNS") {
      png.transparent = true;
    } else if (type == "pHYs" && length == 9 && At(body, 8) == 1) {
      png.resolution.x = Plausible(Big32(body, 0) * kPerMeter);
      png.resolution.y = Plausible(Big32(body, 4) * kPerMeter);
    } else if (type == "eXIf") {
      const Tiff tiff(body);
      if (tiff.First() != nullptr)
        png.resolution.orientation = tiff.Resolution(*tiff.First()).orientation;
    } else if (type == "iCCP") {
      // A name of up to 79 characters, a zero, the compression's number, which is 0.
      const size_t name = Text(body.subspan(0, std::min<size_t>(body.size(), 80))).find('\0');
      if (name != std::string_view::npos && name + 2 < body.size() && At(body, name + 1) == 0)
        png.icc = body.subspan(name + 2);
    } else if (type == "IDAT" && with_data) {
      png.data += Text(body);
    } else if (type == "IEND") {
      break;
    }
    at += 12 + length;
  }
  if (png.width_px == 0 || png.height_px == 0 || png.width_px > INT32_MAX ||
      png.height_px > INT32_MAX)
    return std::nullopt;
  return png;
}

// What zlib's stream holds, if it is whole and of at most kMaxIccBytes; else nothing.
std::string Inflated(Bytes bytes) {
  z_stream stream = {};
  if (bytes.empty() || bytes.size() > kMaxIccBytes || ::inflateInit(&stream) != Z_OK) return {};
  std::string out(std::min(kMaxIccBytes, 4 * bytes.size() + 1024), '\0');
  // zlib only reads there.
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));  // NOLINT
  stream.avail_in = static_cast<uInt>(bytes.size());
  int result = Z_OK;
  for (size_t at = 0; result == Z_OK;) {
    if (at == out.size()) {
      if (out.size() == kMaxIccBytes) break;
      out.resize(std::min(kMaxIccBytes, 4 * out.size()));
    }
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + at);
    stream.avail_out = static_cast<uInt>(out.size() - at);
    result = ::inflate(&stream, Z_NO_FLUSH);
    at = stream.total_out;
  }
  out.resize(result == Z_STREAM_END ? stream.total_out : 0);
  ::inflateEnd(&stream);
  return out;
}

std::optional<PictureStream> PngStream(Bytes bytes) {
  std::optional<PngHeader> png = ReadPng(bytes, true);
  // Transparency and interlacing are not PDF's.
  if (!png || png->interlaced || png->transparent || png->data.empty()) return std::nullopt;
  if (png->kind != 0 && png->kind != 2 && png->kind != 3) return std::nullopt;
  if (png->bits != 1 && png->bits != 2 && png->bits != 4 && png->bits != 8 && png->bits != 16)
    return std::nullopt;
  PictureStream out;
  out.width_px = static_cast<int>(png->width_px);
  out.height_px = static_cast<int>(png->height_px);
  out.orientation = png->resolution.orientation;
  out.components = png->kind == 0 ? 1 : 3;
  if (png->kind == 3) {
    const size_t n = png->palette.size();
    if (n < 3 || n > 768 || n % 3 != 0) return std::nullopt;
    out.palette = png->palette;
  }
  out.entries = fmt::format(
      "/Width {0} /Height {1} /BitsPerComponent {2} /Filter /FlateDecode /DecodeParms << "
      "/Predictor 15 /Colors {3} /BitsPerComponent {2} /Columns {0} >>",
      out.width_px, out.height_px, png->bits, png->kind == 2 ? 3 : 1);
  std::string icc = Inflated(png->icc);
  if (UsableIcc(icc, out.components)) out.icc = std::move(icc);
  out.bytes = std::move(png->data);
  return out;
}

// --- WebP (RFC 9649): chunks of even length, little-endian ---

std::optional<Bytes> WebpChunk(Bytes b, std::string_view name) {
  for (size_t at = 12; at + 8 <= b.size();) {
    const size_t length = At(b, at + 4) | uint32_t{At(b, at + 5)} << 8 |
                          uint32_t{At(b, at + 6)} << 16 | uint32_t{At(b, at + 7)} << 24;
    if (length > b.size() - at - 8) break;
    if (Text(b.subspan(at, 4)) == name) return b.subspan(at + 8, length);
    at += 8 + length + length % 2;
  }
  return std::nullopt;
}

// --- TIFF as a picture ---

uint8_t Reversed(uint8_t b) {
  b = static_cast<uint8_t>((b & 0xf0) >> 4 | (b & 0x0f) << 4);
  b = static_cast<uint8_t>((b & 0xcc) >> 2 | (b & 0x33) << 2);
  return static_cast<uint8_t>((b & 0xaa) >> 1 | (b & 0x55) << 1);
}

// A page in a single strip of Group 4 fax or of JPEG.
std::optional<PictureStream> TiffStream(Bytes bytes, int page, int n_pages) {
  const Tiff tiff(bytes);
  const Tiff::Directory* found = tiff.Page(page, n_pages);
  if (found == nullptr || found->count(Tiff::kTileWidth) != 0) return std::nullopt;
  const Tiff::Directory& d = *found;
  const uint32_t width = tiff.Number(d, Tiff::kWidth, 0), height = tiff.Number(d, Tiff::kHeight, 0);
  const uint32_t photometric = tiff.Number(d, Tiff::kPhotometric, 99);
  const uint32_t samples = tiff.Number(d, Tiff::kSamples, 1);
  const Bytes strip =
      tiff.Part(tiff.Number(d, Tiff::kStripOffsets, 0), tiff.Number(d, Tiff::kStripBytes, 0));
  if (strip.empty() || width == 0 || height == 0 || width > 65535 || height > 65535)
    return std::nullopt;
  switch (tiff.Number(d, Tiff::kCompression, 1)) {
    case 4: {
      if (tiff.BitsOf(d) != 1 || samples != 1 || photometric > 1) return std::nullopt;
      PictureStream out;
      out.width_px = static_cast<int>(width);
      out.height_px = static_cast<int>(height);
      out.orientation = tiff.Resolution(d).orientation;
      out.entries = fmt::format(
          "/Width {0} /Height {1} /BitsPerComponent 1 /Filter "
          "/CCITTFaxDecode /DecodeParms << /K -1 /Columns {0} /Rows {1}{2} >>",
          width, height, photometric == 1 ? " /BlackIs1 true" : "");
      out.bytes = Text(strip);
      if (tiff.Number(d, Tiff::kFillOrder, 1) == 2) {
        for (char& c : out.bytes) c = static_cast<char>(Reversed(static_cast<uint8_t>(c)));
      }
      return out;
    }
    case 7: {
      std::string jpeg(Text(strip));
      const Bytes tables = tiff.Data(d, Tiff::kJpegTables);
      if (jpeg.size() < 4) return std::nullopt;
      if (tables.size() > 4)  // between their start and end markers
        jpeg.insert(2, Text(tables.subspan(2, tables.size() - 4)));
      const Bytes whole = std::as_bytes(std::span(jpeg));
      std::optional<JpegHeader> header = ReadJpegHeader(whole);
      if (!header || header->width_px != static_cast<int>(width) ||
          header->height_px != static_cast<int>(height) ||
          header->components != static_cast<int>(samples))
        return std::nullopt;
      const bool gray = photometric == 1 && samples == 1;
      const bool rgb = photometric == 2 && samples == 3, ycc = photometric == 6 && samples == 3;
      if (!gray && !rgb && !ycc) return std::nullopt;
      header->rgb_names = rgb;
      header->resolution = tiff.Resolution(d);
      if (const Bytes icc = tiff.Data(d, Tiff::kIccProfile); !icc.empty()) header->icc = Text(icc);
      return JpegStream(*header, whole);
    }
    default:
      return std::nullopt;
  }
}

// --- From pixels ---

struct Colors {
  bool black_and_white = true, gray = true;
  std::vector<uint32_t> palette;  // up to 257: more than PDF's palettes hold
};

Colors Look(const Image& image) {
  Colors colors;
  std::map<uint32_t, bool> seen;
  uint32_t last = UINT32_MAX;
  for (size_t i = 0; i + 2 < image.rgb.size(); i += 3) {
    const uint32_t c =
        uint32_t{image.rgb[i]} << 16 | uint32_t{image.rgb[i + 1]} << 8 | image.rgb[i + 2];
    if (c == last) continue;
    last = c;
    if (c != 0 && c != 0xffffff) colors.black_and_white = false;
    if (image.rgb[i] != image.rgb[i + 1] || image.rgb[i] != image.rgb[i + 2]) colors.gray = false;
    if (colors.palette.size() <= 256 && !std::exchange(seen[c], true)) colors.palette.push_back(c);
  }
  return colors;
}

int Paeth(int a, int b, int c) {
  const int p = a + b - c, pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

// A row as the PNG filter with the smallest sum of differences has it, after the filter's number
// (PNG, 12.8).
void AppendFiltered(std::string& out, const std::vector<uint8_t>& row,
                    const std::vector<uint8_t>& above, size_t pixel_bytes) {
  std::array<std::string, 3> tries;
  constexpr std::array<char, 3> kFilters = {0, 2, 4};
  std::array<int64_t, 3> sums = {0, 0, 0};
  for (size_t k = 0; k < tries.size(); ++k) {
    tries[k].resize(row.size());
    for (size_t i = 0; i < row.size(); ++i) {
      const int left = i >= pixel_bytes ? row[i - pixel_bytes] : 0, up = above[i];
      const int corner = i >= pixel_bytes ? above[i - pixel_bytes] : 0;
      const int guess = k == 0 ? 0 : k == 1 ? up : Paeth(left, up, corner);
      const auto difference = static_cast<int8_t>(row[i] - guess);
      tries[k][i] = static_cast<char>(difference);
      sums[k] += std::abs(int{difference});
    }
  }
  const auto best = static_cast<size_t>(std::min_element(sums.begin(), sums.end()) - sums.begin());
  out += kFilters[best];
  out += tries[best];
}

Result<std::string> Deflate(const std::string& raw) {
  uLongf n = ::compressBound(raw.size());
  std::string out(n, '\0');
  if (::compress2(reinterpret_cast<Bytef*>(out.data()), &n,
                  reinterpret_cast<const Bytef*>(raw.data()), raw.size(), 6) != Z_OK)
    return Error{ErrorCode::kResourceExhausted, "cannot compress a picture: no memory"};
  out.resize(n);
  return out;
}

// `rgb`: gray pixels count colours too, for a profile of RGB.
Result<PictureStream> Flate(const Image& image, const Colors& colors, bool rgb) {
  PictureStream out{.width_px = image.width_px, .height_px = image.height_px};
  const bool gray = colors.gray && !rgb;
  const bool indexed = !gray && colors.palette.size() <= 256;
  std::map<uint32_t, uint8_t> index;
  for (size_t i = 0; indexed && i < colors.palette.size(); ++i) {
    const uint32_t c = colors.palette[i];
    index[c] = static_cast<uint8_t>(i);
    for (const int shift : {16, 8, 0}) out.palette += static_cast<char>(c >> shift & 0xff);
  }
  out.components = gray ? 1 : 3;
  const size_t bytes = gray || indexed ? 1 : 3;
  const auto width = static_cast<size_t>(image.width_px);
  std::vector<uint8_t> row(width * bytes), above(row.size());
  std::string raw;
  for (int y = 0; y < image.height_px; ++y) {
    const uint8_t* from = image.row(y);
    for (size_t x = 0; x < width; ++x) {
      const uint8_t* pixel = from + 3 * x;
      if (bytes == 3) {
        std::copy_n(pixel, 3, row.begin() + static_cast<std::ptrdiff_t>(3 * x));
      } else if (indexed) {
        row[x] = index[uint32_t{pixel[0]} << 16 | uint32_t{pixel[1]} << 8 | pixel[2]];
      } else {
        row[x] = pixel[0];
      }
    }
    if (indexed) {
      raw += '\0';
      raw.append(row.begin(), row.end());
    } else {
      AppendFiltered(raw, row, above, bytes);
    }
    row.swap(above);
  }
  out.entries = fmt::format(
      "/Width {0} /Height {1} /BitsPerComponent 8 /Filter /FlateDecode /DecodeParms << "
      "/Predictor 15 /Colors {2} /BitsPerComponent 8 /Columns {0} >>",
      image.width_px, image.height_px, bytes);
  GLM_ASSIGN(out.bytes, Deflate(raw));
  return out;
}

// leptonica's TIFF writer makes a single strip, which is what a PDF holds.
std::optional<PictureStream> Group4(const Image& image) {
  SilenceLeptonica();
  const PixPtr pix(pixCreate(image.width_px, image.height_px, 1));
  if (!pix) return std::nullopt;
  l_uint32* line = pixGetData(pix.get());
  for (int y = 0; y < image.height_px; ++y, line += pixGetWpl(pix.get())) {
    const uint8_t* rgb = image.row(y);
    for (int x = 0; x < image.width_px; ++x) {
      if (rgb[3 * x] == 0) SET_DATA_BIT(line, x);
    }
  }
  l_uint8* data = nullptr;
  size_t size = 0;
  if (pixWriteMemTiff(&data, &size, pix.get(), IFF_TIFF_G4) != 0) return std::nullopt;
  auto stream = StoredPicture(std::as_bytes(std::span(data, size)), 0, 1);
  lept_free(data);
  return stream;
}

}  // namespace

std::optional<PictureStream> StoredPicture(std::span<const std::byte> bytes, int page,
                                           int n_pages) {
  switch (SniffImageFormat(bytes).value_or(ImageFormat::kBmp)) {
    case ImageFormat::kJpeg: {
      const std::optional<JpegHeader> header = ReadJpegHeader(bytes);
      if (!header) return std::nullopt;
      PictureStream stream = JpegStream(*header, bytes);
      return stream;
    }
    case ImageFormat::kPng:
      return PngStream(bytes);
    case ImageFormat::kTiff:
      return TiffStream(bytes, page, n_pages);
    default:
      return std::nullopt;
  }
}

std::string ProfileOf(std::span<const std::byte> bytes, int page, int n_pages) {
  std::string icc;
  switch (SniffImageFormat(bytes).value_or(ImageFormat::kGif)) {
    case ImageFormat::kJpeg:
      if (auto header = ReadJpegHeader(bytes)) icc = std::move(header->icc);
      break;
    case ImageFormat::kPng:
      if (const auto png = ReadPng(bytes, false)) icc = Inflated(png->icc);
      break;
    case ImageFormat::kTiff: {
      const Tiff tiff(bytes);
      if (const Tiff::Directory* directory = tiff.Page(page, n_pages))
        icc = Text(tiff.Data(*directory, Tiff::kIccProfile));
      break;
    }
    case ImageFormat::kWebp:
      if (const auto chunk = WebpChunk(bytes, "ICCP")) icc = Text(*chunk);
      break;
    default:
      break;
  }
  return icc.size() <= kMaxIccBytes ? icc : std::string();
}

PictureResolution ResolutionOf(std::span<const std::byte> bytes, int page, int n_pages) {
  PictureResolution r;
  switch (SniffImageFormat(bytes).value_or(ImageFormat::kGif)) {
    case ImageFormat::kJpeg:
      if (const auto header = ReadJpegHeader(bytes)) r = header->resolution;
      break;
    case ImageFormat::kPng:
      if (const auto png = ReadPng(bytes, false)) r = png->resolution;
      break;
    case ImageFormat::kTiff: {
      const Tiff tiff(bytes);
      if (const Tiff::Directory* directory = tiff.Page(page, n_pages))
        r = tiff.Resolution(*directory);
      break;
    }
    case ImageFormat::kBmp:
      if (bytes.size() >= 54) {
        const auto little = [&](size_t at) {
          return At(bytes, at) | uint32_t{At(bytes, at + 1)} << 8 |
                 uint32_t{At(bytes, at + 2)} << 16 | uint32_t{At(bytes, at + 3)} << 24;
        };
        if (little(14) >= 40) {
          r.x = Plausible(little(38) * kPerMeter);
          r.y = Plausible(little(42) * kPerMeter);
        }
      }
      break;
    default:
      break;
  }
  // One that is not believed is none.
  if (r.x == 0 || r.y == 0) r.x = r.y = std::max(r.x, r.y);
  return r;
}

Result<PictureStream> PictureFromPixels(const Image& image, PixelCoding coding, int jpeg_quality,
                                        const std::string& icc) {
  const Colors colors = Look(image);
  if (colors.black_and_white) {
    if (auto stream = Group4(image)) return *std::move(stream);
  }
  if (coding == PixelCoding::kLossless || image.width_px > 65500 || image.height_px > 65500) {
    GLM_ASSIGN(PictureStream stream, Flate(image, colors, UsableIcc(icc, 3)));
    if (UsableIcc(icc, stream.components)) stream.icc = icc;
    return stream;
  }
  GLM_ASSIGN(const std::string jpeg, EncodeJpeg(image, jpeg_quality));
  const Bytes bytes = std::as_bytes(std::span(jpeg));
  std::optional<JpegHeader> header = ReadJpegHeader(bytes);
  if (header) header->icc = icc;
  if (!header) return Error{ErrorCode::kInternal, "the JPEG encoder wrote another kind of file"};
  return JpegStream(*header, bytes);
}

bool IsLossyPicture(std::span<const std::byte> bytes) {
  switch (SniffImageFormat(bytes).value_or(ImageFormat::kBmp)) {
    case ImageFormat::kJpeg:
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return true;
    case ImageFormat::kWebp:
      return !WebpChunk(bytes, "VP8L").has_value();
    default:
      return false;
  }
}

}  // namespace glmocr
