#include "media/encode.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

// jpeglib.h needs stdio's FILE and size_t before it.
#include <fmt/core.h>
#include <jpeglib.h>
#include <png.h>

namespace glmocr {
namespace {

struct JpegOut {
  jpeg_error_mgr errors;
  jpeg_compress_struct cinfo;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  unsigned char* bytes = nullptr;  // malloc's, of libjpeg
  unsigned long size = 0;
  bool created = false;

  JpegOut() = default;
  JpegOut(const JpegOut&) = delete;
  ~JpegOut() {
    if (created) jpeg_destroy_compress(&cinfo);
    std::free(bytes);
  }
};

[[noreturn]] void ErrorExit(j_common_ptr cinfo) {
  auto& self = *static_cast<JpegOut*>(cinfo->client_data);
  (*cinfo->err->format_message)(cinfo, self.message);
  std::longjmp(self.jump, 1);
}

void OutputMessage(j_common_ptr) {}

// Holds no objects with destructors: longjmp would skip them.
bool Compress(JpegOut& j, const Image& image, int quality, int pixels_per_inch) {
  j.cinfo.err = jpeg_std_error(&j.errors);
  j.errors.error_exit = ErrorExit;
  j.errors.output_message = OutputMessage;
  j.cinfo.client_data = &j;
  if (setjmp(j.jump) != 0) return false;
  jpeg_create_compress(&j.cinfo);
  j.created = true;
  j.cinfo.client_data = &j;
  jpeg_mem_dest(&j.cinfo, &j.bytes, &j.size);
  j.cinfo.image_width = static_cast<JDIMENSION>(image.width_px);
  j.cinfo.image_height = static_cast<JDIMENSION>(image.height_px);
  j.cinfo.input_components = 3;
  j.cinfo.in_color_space = JCS_RGB;
  jpeg_set_defaults(&j.cinfo);
  jpeg_set_quality(&j.cinfo, quality, TRUE);
  if (pixels_per_inch > 0) {
    j.cinfo.density_unit = 1;
    j.cinfo.X_density = j.cinfo.Y_density = static_cast<UINT16>(pixels_per_inch);
  }
  jpeg_start_compress(&j.cinfo, TRUE);
  while (j.cinfo.next_scanline < j.cinfo.image_height) {
    auto* row = const_cast<JSAMPROW>(image.row(static_cast<int>(j.cinfo.next_scanline)));
    jpeg_write_scanlines(&j.cinfo, &row, 1);
  }
  jpeg_finish_compress(&j.cinfo);
  return true;
}

Status CheckNotEmpty(const Image& image) {
  if (!image.empty()) return OkStatus();
  return Error{ErrorCode::kInvalidArgument, "an empty picture cannot be written"};
}

}  // namespace

Result<std::string> EncodeJpeg(const Image& image, int quality, int pixels_per_inch) {
  GLM_RETURN_IF_ERROR(CheckNotEmpty(image));
  GLM_CHECK(quality >= 1 && quality <= 100);
  if (image.width_px > JPEG_MAX_DIMENSION || image.height_px > JPEG_MAX_DIMENSION) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a picture of {} x {} pixels cannot be written as JPEG, which ends at "
                             "{} a side; make it smaller",
                             image.width_px, image.height_px, JPEG_MAX_DIMENSION)};
  }
  JpegOut j;
  if (!Compress(j, image, quality, pixels_per_inch))
    return Error{ErrorCode::kResourceExhausted, fmt::format("cannot write a JPEG: {}", j.message)};
  return std::string(reinterpret_cast<const char*>(j.bytes), j.size);
}

Result<std::string> EncodePng(const Image& image) {
  GLM_RETURN_IF_ERROR(CheckNotEmpty(image));
  png_image png;
  std::memset(&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width_px);
  png.height = static_cast<png_uint_32>(image.height_px);
  png.format = PNG_FORMAT_RGB;
  const auto failed = [&] {
    Error error{ErrorCode::kResourceExhausted, fmt::format("cannot write a PNG: {}", png.message)};
    png_image_free(&png);
    return error;
  };
  // An upper bound of the size, so that one pass of compression will do.
  std::string out(PNG_IMAGE_PNG_SIZE_MAX(png), 0);
  png_alloc_size_t size = out.size();
  if (png_image_write_to_memory(&png, out.data(), &size, 0, image.rgb.data(), 0, nullptr) == 0)
    return failed();
  out.resize(size);
  out.shrink_to_fit();
  return out;
}

}  // namespace glmocr
