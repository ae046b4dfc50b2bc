// TIFF through libtiff, with per-handle message handlers (libtiff >= 4.5; the old ones are global
// to the process).
//
// Rows are converted here, as Pillow's raw modes do (high byte of 16 bits, its CMYK formula, alpha
// kept), because libtiff's own RGBA reader rounds 16-bit samples and premultiplies alpha. That
// reader serves what is left: YCbCr without JPEG, CIELab, LogLuv.
#include <fmt/core.h>
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>
#include <memory>
#include <vector>

#include "media/codec.h"

namespace glmocr::codec {
namespace {

struct Source {
  const uint8_t* data = nullptr;
  uint64_t size = 0, at = 0;
  char message[200] = "";  // the first error
};

tmsize_t Read(thandle_t h, void* out, tmsize_t n) {
  auto* s = static_cast<Source*>(h);
  if (n <= 0 || s->at >= s->size) return 0;
  const uint64_t take = std::min<uint64_t>(static_cast<uint64_t>(n), s->size - s->at);
  std::memcpy(out, s->data + s->at, take);
  s->at += take;
  return static_cast<tmsize_t>(take);
}
tmsize_t Write(thandle_t, void*, tmsize_t) { return 0; }
toff_t Seek(thandle_t h, toff_t offset, int whence) {
  auto* s = static_cast<Source*>(h);
  if (whence == SEEK_CUR) offset += s->at;
  if (whence == SEEK_END) offset += s->size;
  s->at = offset;
  return offset;
}
int CloseSource(thandle_t) { return 0; }
toff_t Size(thandle_t h) { return static_cast<Source*>(h)->size; }
int Map(thandle_t h, void** base, toff_t* size) {
  auto* s = static_cast<Source*>(h);
  *base = const_cast<uint8_t*>(s->data);  // opened read-only: libtiff does not write to it
  *size = s->size;
  return 1;
}
void Unmap(thandle_t, void*, toff_t) {}

int OnError(TIFF*, void* user, const char*, const char* format, va_list args) {
  auto* s = static_cast<Source*>(user);
  if (s->message[0] == 0) std::vsnprintf(s->message, sizeof s->message, format, args);
  return 1;  // handled: nothing is printed
}
int OnWarning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

using Tiff = std::unique_ptr<TIFF, void (*)(TIFF*)>;

Result<Tiff> Open(Source& source, const Input& in, const DecodeOptions& options) {
  source.data = in.data();
  source.size = in.size();
  std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> how(TIFFOpenOptionsAlloc(),
                                                                   TIFFOpenOptionsFree);
  if (how == nullptr) return Fail(ErrorCode::kOutOfMemory, in, "out of memory");
  TIFFOpenOptionsSetErrorHandlerExtR(how.get(), OnError, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(how.get(), OnWarning, &source);
  // Four 16-bit samples per allowed pixel, and room for tags.
  const int64_t most = std::min<int64_t>(options.max_pixels, int64_t{1} << 40) * 8 + (64 << 20);
  TIFFOpenOptionsSetMaxSingleMemAlloc(how.get(), static_cast<tmsize_t>(most));
  Tiff tiff(TIFFClientOpenExt("tiff", "r", &source, Read, Write, Seek, CloseSource, Size, Map,
                              Unmap, how.get()),
            TIFFClose);
  if (tiff == nullptr) {
    return Fail(ErrorCode::kCorrupt, in, fmt::format("damaged TIFF header: {}", source.message));
  }
  return tiff;
}

// The tags of one page that decide how its samples become colours.
struct Page {
  uint32_t width = 0, height = 0;
  uint16_t bits = 1, samples = 1, photometric = 0, planar = PLANARCONFIG_CONTIG, compression = 1;
  uint16_t sample_format = SAMPLEFORMAT_UINT, orientation = 1, extra = EXTRASAMPLE_UNSPECIFIED;
  uint16_t ink_set = INKSET_CMYK;
  bool has_photometric = false;

  int colors() const {
    return photometric == PHOTOMETRIC_SEPARATED                                 ? 4
           : photometric == PHOTOMETRIC_RGB || photometric == PHOTOMETRIC_YCBCR ? 3
                                                                                : 1;
  }
  bool alpha() const {
    return samples > colors() &&
           (extra == EXTRASAMPLE_ASSOCALPHA || extra == EXTRASAMPLE_UNASSALPHA) &&
           photometric != PHOTOMETRIC_SEPARATED;
  }
};

Result<Page> ReadPage(TIFF* tiff, const Input& in, const DecodeOptions& options) {
  Page p;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &p.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &p.height);
  GLM_RETURN_IF_ERROR(CheckSize(in, p.width, p.height, options));
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &p.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &p.samples);
  p.has_photometric = TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &p.photometric) != 0;
  if (!p.has_photometric) p.photometric = PHOTOMETRIC_MINISWHITE;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &p.planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &p.compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &p.sample_format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &p.orientation);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_INKSET, &p.ink_set);
  if (p.orientation < 1 || p.orientation > 8) p.orientation = 1;
  uint16_t n_extra = 0;
  uint16_t* extra = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &n_extra, &extra) != 0 && n_extra > 0) {
    p.extra = extra[0];
  }
  if (p.compression == COMPRESSION_OJPEG) {
    return Fail(ErrorCode::kUnsupported, in,
                "TIFF with the withdrawn old-style JPEG compression; convert it first");
  }
  return p;
}

// Whether Rows below understands the page; TIFFRGBAImage gets the rest.
bool IsPlain(const Page& p) {
  const bool depth = p.bits == 1 || p.bits == 2 || p.bits == 4 || p.bits == 8 || p.bits == 16;
  if (!depth || p.samples < p.colors() || p.samples > 8) return false;
  if (p.sample_format != SAMPLEFORMAT_UINT && p.sample_format != SAMPLEFORMAT_VOID) return false;
  switch (p.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_RGB:
      return true;
    case PHOTOMETRIC_PALETTE:
      return p.bits <= 8;
    case PHOTOMETRIC_SEPARATED:
      return p.ink_set == INKSET_CMYK;
    case PHOTOMETRIC_YCBCR:
      return p.compression == COMPRESSION_JPEG && p.bits == 8 && p.samples == 3 &&
             p.planar == PLANARCONFIG_CONTIG;
    default:
      return false;
  }
}

// Turns rows of samples into rows of RGB or RGBA.
class RowConverter {
 public:
  RowConverter(TIFF* tiff, const Page& page, Gray16Mode gray16) : page_(page), gray16_(gray16) {
    if (page.photometric != PHOTOMETRIC_PALETTE) return;
    uint16_t* map[3] = {nullptr, nullptr, nullptr};
    if (TIFFGetField(tiff, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]) == 0) return;
    const int n = 1 << page.bits;
    bool bytes = true;  // some writers store 8-bit values where 16-bit ones belong
    for (int c = 0; c < 3; ++c)
      bytes &= std::all_of(map[c], map[c] + n, [](int v) { return v < 256; });
    palette_.resize(static_cast<size_t>(n) * 3);
    for (int i = 0; i < n; ++i) {
      for (int c = 0; c < 3; ++c) {
        palette_[i * 3 + c] = static_cast<uint8_t>(bytes ? map[c][i] : map[c][i] >> 8);
      }
    }
  }
  bool ok() const { return page_.photometric != PHOTOMETRIC_PALETTE || !palette_.empty(); }

  // planes[s] and step: sample s of pixel x is number x*step + s (contiguous) or x of its own
  // plane.
  void Convert(const uint8_t* const* planes, bool contiguous, int n, uint8_t* out) const {
    const int step = contiguous ? page_.samples : 1;
    const int channels = page_.alpha() ? 4 : 3;
    for (int x = 0; x < n; ++x, out += channels) {
      auto sample = [&](int s) {
        return Sample(planes[contiguous ? 0 : s], x * int64_t{step} + (contiguous ? s : 0));
      };
      switch (page_.photometric) {
        case PHOTOMETRIC_SEPARATED: {
          uint8_t ink[4];
          for (int s = 0; s < 4; ++s) ink[s] = To8(sample(s));
          CmykToRgb(ink, 1, out);
          break;
        }
        case PHOTOMETRIC_RGB:
        case PHOTOMETRIC_YCBCR:
          for (int s = 0; s < 3; ++s) out[s] = To8(sample(s));
          break;
        case PHOTOMETRIC_PALETTE:
          std::memcpy(out, palette_.data() + sample(0) * 3, 3);
          break;
        default: {
          const uint32_t v = sample(0);
          uint8_t gray = page_.bits == 16 ? Gray16To8(v, gray16_) : To8(v);
          if (page_.photometric == PHOTOMETRIC_MINISWHITE) gray = static_cast<uint8_t>(255 - gray);
          std::memset(out, gray, 3);
        }
      }
      if (channels == 4) {
        const int a = To8(sample(page_.colors()));
        out[3] = static_cast<uint8_t>(a);
        if (page_.extra == EXTRASAMPLE_ASSOCALPHA) {  // undo premultiplication, as Pillow's RGBa
          for (int c = 0; c < 3; ++c) {
            out[c] = static_cast<uint8_t>(a == 0 ? 0 : std::min(255, out[c] * 255 / a));
          }
        }
      }
    }
  }

 private:
  uint32_t Sample(const uint8_t* plane, int64_t i) const {
    switch (page_.bits) {
      case 8:
        return plane[i];
      case 16: {
        uint16_t v;
        std::memcpy(&v, plane + i * 2, 2);
        return v;
      }
      default: {
        const int64_t bit = i * page_.bits;
        return (plane[bit >> 3] >> (8 - page_.bits - (bit & 7))) & ((1u << page_.bits) - 1);
      }
    }
  }
  uint8_t To8(uint32_t v) const {
    switch (page_.bits) {
      case 1:
        return v ? 255 : 0;
      case 2:
        return static_cast<uint8_t>(v * 85);
      case 4:
        return static_cast<uint8_t>(v * 17);
      case 16:
        return static_cast<uint8_t>(v >> 8);
      default:
        return static_cast<uint8_t>(v);
    }
  }

  const Page& page_;
  Gray16Mode gray16_;
  std::vector<uint8_t> palette_;  // [2^bits, 3]
};

int64_t RowBytes(const Page& p, int64_t width) {
  const int64_t samples = p.planar == PLANARCONFIG_CONTIG ? p.samples : 1;
  return (width * samples * p.bits + 7) / 8;
}

// Tiles and strips may say to be larger than their page. Some are (a 256-pixel tile of a small
// page), so there is slack.
bool IsSaneBuffer(tmsize_t bytes, const Page& p) {
  constexpr int64_t kSlack = int64_t{16} << 20;
  return bytes > 0 && bytes <= kSlack + 4 * RowBytes(p, p.width) * p.height;
}

// The three readers return false at the first damage; rows read until then stay in `s`.
bool ReadScanlines(TIFF* tiff, const Page& p, const RowConverter& convert, Surface& s) {
  const tmsize_t size = TIFFScanlineSize(tiff);
  if (size < RowBytes(p, p.width) || !IsSaneBuffer(size, p)) return false;
  std::vector<uint8_t> line(static_cast<size_t>(size));
  for (uint32_t y = 0; y < p.height; ++y) {
    if (TIFFReadScanline(tiff, line.data(), y, 0) < 0) return false;
    const uint8_t* planes[1] = {line.data()};
    convert.Convert(planes, true, s.width_px,
                    s.pixels.data() + static_cast<size_t>(y) * s.width_px * s.channels);
  }
  return true;
}

bool ReadPlanarStrips(TIFF* tiff, const Page& p, const RowConverter& convert, Surface& s) {
  uint32_t rows = p.height;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &rows);
  rows = std::clamp<uint32_t>(rows, 1, p.height);
  const tmsize_t row_bytes = TIFFScanlineSize(tiff), strip_bytes = TIFFStripSize(tiff);
  if (row_bytes < RowBytes(p, p.width) || strip_bytes < row_bytes ||
      !IsSaneBuffer(strip_bytes, p)) {
    return false;
  }
  std::vector<std::vector<uint8_t>> data(p.samples);
  for (uint32_t y0 = 0; y0 < p.height; y0 += rows) {
    const uint32_t n_rows = std::min(rows, p.height - y0);
    if (static_cast<tmsize_t>(n_rows) > strip_bytes / row_bytes) return false;
    const uint8_t* planes[8] = {};
    for (uint16_t k = 0; k < p.samples; ++k) {
      data[k].resize(static_cast<size_t>(strip_bytes));
      if (TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y0, k), data[k].data(), strip_bytes) <
          static_cast<tmsize_t>(n_rows) * row_bytes) {
        return false;
      }
      planes[k] = data[k].data();
    }
    for (uint32_t y = y0; y < y0 + n_rows; ++y) {
      convert.Convert(planes, false, s.width_px,
                      s.pixels.data() + static_cast<size_t>(y) * s.width_px * s.channels);
      for (uint16_t k = 0; k < p.samples; ++k) planes[k] += row_bytes;
    }
  }
  return true;
}

bool ReadTiles(TIFF* tiff, const Page& p, const RowConverter& convert, Surface& s) {
  uint32_t tw = 0, th = 0;
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tw);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &th);
  const tmsize_t tile_bytes = TIFFTileSize(tiff), row_bytes = TIFFTileRowSize(tiff);
  if (tw == 0 || th == 0 || row_bytes < RowBytes(p, tw) || !IsSaneBuffer(tile_bytes, p) ||
      static_cast<tmsize_t>(th) > tile_bytes / row_bytes) {
    return false;
  }
  const bool contiguous = p.planar == PLANARCONFIG_CONTIG;
  const uint16_t n_planes = contiguous ? 1 : p.samples;
  std::vector<std::vector<uint8_t>> data(n_planes);
  for (uint32_t y0 = 0; y0 < p.height; y0 += std::min(th, p.height - y0)) {
    for (uint32_t x0 = 0; x0 < p.width; x0 += std::min(tw, p.width - x0)) {
      const uint8_t* planes[8] = {};
      for (uint16_t k = 0; k < n_planes; ++k) {
        data[k].resize(static_cast<size_t>(tile_bytes));
        if (TIFFReadTile(tiff, data[k].data(), x0, y0, 0, k) < 0) return false;
        planes[k] = data[k].data();
      }
      const int n = static_cast<int>(std::min(tw, p.width - x0));
      for (uint32_t y = y0; y < y0 + std::min(th, p.height - y0); ++y) {
        convert.Convert(planes, contiguous, n,
                        s.pixels.data() + (static_cast<size_t>(y) * s.width_px + x0) * s.channels);
        for (uint16_t k = 0; k < n_planes; ++k) planes[k] += row_bytes;
      }
    }
  }
  return true;
}

// libtiff's own conversion, for photometric interpretations that IsPlain leaves out.
Result<Surface> ReadThroughRgba(TIFF* tiff, const Page& p, const Input& in, const Source& source) {
  char why[1024] = "";
  TIFFRGBAImage image;
  if (TIFFRGBAImageOK(tiff, why) == 0 || TIFFRGBAImageBegin(&image, tiff, 1, why) == 0) {
    return Fail(ErrorCode::kUnsupported, in, fmt::format("TIFF pixel layout: {}", why));
  }
  image.req_orientation = image.orientation;  // as stored; decode.cc turns it
  std::vector<uint32_t> raster(static_cast<size_t>(p.width) * p.height);
  const int ok = TIFFRGBAImageGet(&image, raster.data(), p.width, p.height);
  TIFFRGBAImageEnd(&image);
  if (ok == 0) {
    return Fail(ErrorCode::kCorrupt, in,
                fmt::format("the TIFF is truncated or damaged: {}", source.message));
  }
  Surface s = MakeSurface(static_cast<int>(p.width), static_cast<int>(p.height), 3);
  for (size_t i = 0; i < raster.size(); ++i) {
    s.pixels[i * 3] = static_cast<uint8_t>(TIFFGetR(raster[i]));
    s.pixels[i * 3 + 1] = static_cast<uint8_t>(TIFFGetG(raster[i]));
    s.pixels[i * 3 + 2] = static_cast<uint8_t>(TIFFGetB(raster[i]));
  }
  return s;
}

// What the first tags of a directory say about its place in the file.
struct Directory {
  uint64_t width = 0, height = 0;
  bool reduced = false;  // a smaller copy of another picture, such as a thumbnail
  bool mask = false;     // the transparency of another picture
};

// The file's directories as libtiff counts them. By hand, because libtiff reads every array of a
// directory to tell one tag, and a small file may have thousands that share a large array.
class DirectoryWalk {
 public:
  explicit DirectoryWalk(const Input& in) : data_(in.data()), size_(in.size()) {
    if (size_ < 8) return;
    little_ = data_[0] == 'I';
    big_ = Number(2, 2) == 43;
    at_ = big_ ? Number(8, 8) : Number(4, 4);
  }

  std::vector<Directory> First(int n) {
    std::vector<Directory> out;
    for (; static_cast<int>(out.size()) < n && at_ != 0; Next()) out.push_back(Read());
    out.resize(static_cast<size_t>(n));
    return out;
  }

 private:
  uint64_t Number(uint64_t at, int bytes) const {
    if (at > size_ || size_ - at < static_cast<uint64_t>(bytes)) return 0;
    uint64_t value = 0;
    for (int i = 0; i < bytes; ++i)
      value |= uint64_t{data_[at + i]} << 8 * (little_ ? i : bytes - 1 - i);
    return value;
  }
  uint64_t n_entries() const { return Number(at_, big_ ? 8 : 2); }
  uint64_t Entry(uint64_t i) const { return at_ + (big_ ? 8 + i * 20 : 2 + i * 12); }

  Directory Read() const {
    constexpr uint64_t kOldSubfileType = 255, kOldReduced = 2;
    Directory out;
    // Tags are in ascending order.
    for (uint64_t i = 0; i < std::min<uint64_t>(n_entries(), 4); ++i) {
      const uint64_t tag = Number(Entry(i), 2);
      const int bytes = Number(Entry(i) + 2, 2) == TIFF_SHORT ? 2 : 4;
      const uint64_t value = Number(Entry(i) + (big_ ? 12 : 8), bytes);
      if (tag == TIFFTAG_SUBFILETYPE) {
        out.reduced = (value & FILETYPE_REDUCEDIMAGE) != 0;
        out.mask = (value & FILETYPE_MASK) != 0;
      }
      if (tag == kOldSubfileType) out.reduced = out.reduced || value == kOldReduced;
      if (tag == TIFFTAG_IMAGEWIDTH) out.width = value;
      if (tag == TIFFTAG_IMAGELENGTH) out.height = value;
    }
    return out;
  }
  void Next() {
    // No file holds so many that the product below could overflow.
    const uint64_t n = std::min<uint64_t>(n_entries(), size_);
    at_ = Number(Entry(n), big_ ? 8 : 4);
  }

  const uint8_t* data_;
  uint64_t size_, at_ = 0;
  bool little_ = true, big_ = false;
};

// Numbers of the directories that are pages. A reduced picture is one as well when the file holds
// no larger picture, whatever its tag says: nothing may be lost.
std::vector<int> PageDirectories(TIFF* tiff, const Input& in) {
  const int n = std::max<int>(1, static_cast<int>(TIFFNumberOfDirectories(tiff)));
  const std::vector<Directory> all = DirectoryWalk(in).First(n);
  uint64_t width = 0, height = 0;  // the largest that is no copy
  for (const Directory& d : all) {
    if (d.reduced || d.mask || d.width * d.height < width * height) continue;
    width = d.width;
    height = d.height;
  }
  std::vector<int> pages;
  for (int i = 0; i < n; ++i) {
    const Directory& d = all[static_cast<size_t>(i)];
    const bool copy = d.reduced && d.width < width && d.height < height;
    const bool mask = d.mask && d.width <= width && d.height <= height && width > 0;
    if (!copy && !mask) pages.push_back(i);
  }
  return pages;
}

Status SeekPage(TIFF* tiff, const Input& in, const std::vector<int>& pages, int page) {
  const bool exists = page >= 0 && page < static_cast<int>(pages.size());
  const int directory = exists ? pages[static_cast<size_t>(page)] : 0;
  // The first one is open already.
  if (!exists || (directory != 0 && TIFFSetDirectory(tiff, static_cast<tdir_t>(directory)) == 0))
    return Fail(ErrorCode::kInvalidArgument, in, fmt::format("there is no page {}", page + 1));
  return OkStatus();
}

}  // namespace

Result<ImageInfo> TiffInfo(const Input& in, const DecodeOptions& options) {
  Source source;
  GLM_ASSIGN(Tiff tiff, Open(source, in, options));
  const std::vector<int> pages = PageDirectories(tiff.get(), in);
  GLM_RETURN_IF_ERROR(SeekPage(tiff.get(), in, pages, 0));
  GLM_ASSIGN(Page p, ReadPage(tiff.get(), in, options));
  ImageInfo info;
  info.width_px = static_cast<int>(p.width);
  info.height_px = static_cast<int>(p.height);
  info.orientation = p.orientation;
  info.has_alpha = p.alpha();
  info.pages = static_cast<int>(pages.size());
  return info;
}

Result<Surface> TiffDecode(const Input& in, int page, const DecodeOptions& options) {
  Source source;
  GLM_ASSIGN(Tiff tiff, Open(source, in, options));
  GLM_RETURN_IF_ERROR(SeekPage(tiff.get(), in, PageDirectories(tiff.get(), in), page));
  GLM_ASSIGN(const Page p, ReadPage(tiff.get(), in, options));
  source.message[0] = 0;
  if (!IsPlain(p)) {
    GLM_ASSIGN(Surface s, ReadThroughRgba(tiff.get(), p, in, source));
    s.orientation = p.orientation;
    return s;
  }
  if (p.photometric == PHOTOMETRIC_YCBCR) {
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  }
  const RowConverter convert(tiff.get(), p, options.gray16);
  if (!convert.ok()) return Fail(ErrorCode::kCorrupt, in, "palette TIFF without a palette");
  Surface s = MakeSurface(static_cast<int>(p.width), static_cast<int>(p.height), p.alpha() ? 4 : 3);
  s.orientation = p.orientation;
  const bool done = TIFFIsTiled(tiff.get()) != 0 ? ReadTiles(tiff.get(), p, convert, s)
                    : p.planar == PLANARCONFIG_CONTIG || p.samples == 1
                        ? ReadScanlines(tiff.get(), p, convert, s)
                        : ReadPlanarStrips(tiff.get(), p, convert, s);
  if (!done && options.truncated == TruncatedMode::kReject) {
    return Fail(ErrorCode::kCorrupt, in,
                fmt::format("the TIFF is truncated or damaged{}{}; {}",
                            source.message[0] != 0 ? ": " : "", source.message, kGetItWhole));
  }
  return s;
}

}  // namespace glmocr::codec
