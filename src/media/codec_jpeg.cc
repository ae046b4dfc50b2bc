// JPEG through libjpeg-turbo's libjpeg API (TurboJPEG hides the warnings that tell a truncated
// file).
#include <csetjmp>
#include <cstdio>
#include <cstring>

// jpeglib.h needs stdio's FILE and size_t before it, and without it jerror.h declares nothing.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <fmt/core.h>

#include "media/codec.h"

namespace glmocr::codec {
namespace {

// A progressive file may repeat scans for ever; each costs a pass over all pixels. Real files have
// about 10.
constexpr int kMaxScans = 500;

struct Jpeg {
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  jpeg_decompress_struct cinfo;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  bool created = false;
  bool ended_early = false;  // the data ran out before the end-of-image marker
  bool damaged = false;      // entropy-coded data broke off or made no sense

  Jpeg() = default;
  Jpeg(const Jpeg&) = delete;
  ~Jpeg() {
    if (created) jpeg_destroy_decompress(&cinfo);
  }
};

Jpeg& Self(j_common_ptr cinfo) { return *static_cast<Jpeg*>(cinfo->client_data); }

[[noreturn]] void ErrorExit(j_common_ptr cinfo) {
  Jpeg& self = Self(cinfo);
  (*cinfo->err->format_message)(cinfo, self.message);
  std::longjmp(self.jump, 1);
}

void EmitMessage(j_common_ptr cinfo, int level) {
  if (level >= 0) return;  // trace
  switch (cinfo->err->msg_code) {
    case JWRN_JPEG_EOF:
      Self(cinfo).ended_early = true;
      break;
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
      Self(cinfo).damaged = true;
      break;
    default:
      break;  // junk between segments, odd version numbers: the pixels are unharmed
  }
}

void OutputMessage(j_common_ptr) {}

void CheckScans(j_common_ptr cinfo) {
  auto* dinfo = reinterpret_cast<j_decompress_ptr>(cinfo);
  if (dinfo->input_scan_number <= kMaxScans) return;
  Jpeg& self = Self(cinfo);
  std::snprintf(self.message, sizeof self.message, "more than %d scans", kMaxScans);
  std::longjmp(self.jump, 1);
}

// Functions with setjmp hold no objects with destructors: longjmp would skip them.
bool Open(Jpeg& j, const Input& in) {
  j.cinfo.err = jpeg_std_error(&j.errors);
  j.errors.error_exit = ErrorExit;
  j.errors.emit_message = EmitMessage;
  j.errors.output_message = OutputMessage;
  j.cinfo.client_data = &j;
  if (setjmp(j.jump) != 0) return false;
  jpeg_create_decompress(&j.cinfo);
  j.created = true;
  j.cinfo.client_data = &j;  // jpeg_create_decompress keeps it, older versions did not promise to
  j.progress.progress_monitor = CheckScans;
  j.cinfo.progress = &j.progress;
  jpeg_mem_src(&j.cinfo, in.data(), static_cast<unsigned long>(in.size()));
  jpeg_save_markers(&j.cinfo, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&j.cinfo, TRUE);
  return true;
}

// Decodes into `out`: [h, w, 3], or [h, w, 4] inverted CMYK when `cmyk`. Rows before a failure
// stay.
bool ReadPixels(Jpeg& j, uint8_t* out, bool cmyk) {
  if (setjmp(j.jump) != 0) return false;
  j.cinfo.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&j.cinfo);
  const size_t row_bytes = static_cast<size_t>(j.cinfo.output_width) * (cmyk ? 4 : 3);
  while (j.cinfo.output_scanline < j.cinfo.output_height) {
    JSAMPROW row = out + row_bytes * j.cinfo.output_scanline;
    jpeg_read_scanlines(&j.cinfo, &row, 1);
  }
  return true;
}

int OrientationOf(const Jpeg& j) {
  for (jpeg_saved_marker_ptr m = j.cinfo.marker_list; m != nullptr; m = m->next) {
    if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 &&
        std::memcmp(m->data, "Exif\0\0", 6) == 0) {
      return ExifOrientation(m->data, m->data_length);
    }
  }
  return 1;
}

Status OpenChecked(Jpeg& j, const Input& in, const DecodeOptions& options) {
  if (!Open(j, in)) {
    return Fail(ErrorCode::kCorrupt, in, fmt::format("damaged JPEG header: {}", j.message));
  }
  GLM_RETURN_IF_ERROR(CheckSize(in, j.cinfo.image_width, j.cinfo.image_height, options));
  if (j.cinfo.num_components != 1 && j.cinfo.num_components != 3 && j.cinfo.num_components != 4) {
    return Fail(ErrorCode::kUnsupported, in,
                fmt::format("JPEG with {} colour components", j.cinfo.num_components));
  }
  return OkStatus();
}

}  // namespace

Result<ImageInfo> JpegInfo(const Input& in, const DecodeOptions& options) {
  Jpeg j;
  GLM_RETURN_IF_ERROR(OpenChecked(j, in, options));
  ImageInfo info;
  info.width_px = static_cast<int>(j.cinfo.image_width);
  info.height_px = static_cast<int>(j.cinfo.image_height);
  info.orientation = OrientationOf(j);
  return info;
}

Result<Surface> JpegDecode(const Input& in, const DecodeOptions& options) {
  Jpeg j;
  GLM_RETURN_IF_ERROR(OpenChecked(j, in, options));
  const bool cmyk = j.cinfo.num_components == 4;
  const int width = static_cast<int>(j.cinfo.image_width);
  const int height = static_cast<int>(j.cinfo.image_height);
  Surface s = MakeSurface(width, height, cmyk ? 4 : 3);
  s.orientation = OrientationOf(j);
  j.message[0] = 0;
  const bool done = ReadPixels(j, s.pixels.data(), cmyk);
  // A missing end-of-image marker alone harms a baseline file in nothing: its last rows were there.
  // In a file of several scans it may mean that refinements are missing.
  const bool multi_scan = done && jpeg_has_multiple_scans(&j.cinfo);
  const bool broken = !done || j.damaged || (multi_scan && j.ended_early);
  if (broken && options.truncated == TruncatedMode::kReject) {
    if (!done) return Fail(ErrorCode::kCorrupt, in, fmt::format("damaged JPEG: {}", j.message));
    return Fail(ErrorCode::kCorrupt, in,
                fmt::format("the JPEG {}; {}",
                            j.ended_early ? "is truncated: its data ends before the last row"
                                          : "data is damaged",
                            kGetItWhole));
  }
  if (cmyk) {
    // Adobe writes CMYK inverted, and so does everything that writes CMYK JPEG; Pillow assumes it
    // as well.
    const size_t n = static_cast<size_t>(width) * height;
    for (size_t i = 0; i < n; ++i) {
      uint8_t ink[4];
      for (int c = 0; c < 4; ++c) ink[c] = static_cast<uint8_t>(255 - s.pixels[i * 4 + c]);
      CmykToRgb(ink, 1, s.pixels.data() + i * 3);
    }
    s.pixels.resize(n * 3);
    s.channels = 3;
  }
  return s;
}

}  // namespace glmocr::codec
