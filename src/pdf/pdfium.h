// The part of PDFium's C interface that the worker uses, loaded from libpdfium.so at run time.
//
// Why at run time: PDFium has no Debian package and its wheel has no headers; a program without the
// library still reads pictures. Signatures are those of PDFium's public headers fpdfview.h,
// fpdf_text.h, fpdf_edit.h and fpdf_formfill.h; the worker loads one pinned version
// (scripts/pdfium_requirements.txt). Used by the worker process alone: never load PDFium into the
// main program.
#pragma once

#include <string>

namespace glmocr::pdf {

struct FpdfDocument;
struct FpdfPage;
struct FpdfTextPage;
struct FpdfBitmap;
struct FpdfPageObject;
struct FpdfFont;
struct FpdfFormHandle;

struct FpdfLibraryConfig {  // FPDF_LIBRARY_CONFIG, version 2
  int version;
  const char** user_font_paths;  // null: the system's font folders
  void* isolate;
  unsigned int v8_embedder_slot;
};

struct FpdfFileAccess {  // FPDF_FILEACCESS
  unsigned long size;    // NOLINT(google-runtime-int)
  // Nonzero on success: fills buffer[0..n) from `position`.
  int (*read)(void* param, unsigned long position,      // NOLINT(google-runtime-int)
              unsigned char* buffer, unsigned long n);  // NOLINT(google-runtime-int)
  void* param;
};

// FPDF_FORMFILLINFO: its version, then callbacks, all null as for a viewer that only shows. The
// true struct has 34 more members; PDFium keeps its address and reads only what `version` implies.
struct FpdfFormFillInfo {
  int version;
  void* callbacks[63];
};

// FPDF_GetLastError
enum FpdfError {
  kFpdfUnknown = 1,
  kFpdfFile = 2,
  kFpdfFormat = 3,
  kFpdfPassword = 4,
  kFpdfSecurity = 5,
  kFpdfPage = 6
};
inline constexpr int kFpdfBitmapBgrx = 3;      // 4 bytes a pixel, the last unused
inline constexpr int kFpdfAnnotations = 0x01;  // render flag: with annotations
// FPDF_TEXT_RENDERMODE
inline constexpr int kFpdfRenderModeStroke = 1;
inline constexpr int kFpdfRenderModeInvisible = 3;
inline constexpr int kFpdfFormNone = 0;

struct Pdfium {
  // Function pointers, one per symbol. All but those marked optional are set after Load.
  void (*InitLibraryWithConfig)(const FpdfLibraryConfig*);
  FpdfDocument* (*LoadCustomDocument)(FpdfFileAccess*, const char* password);
  unsigned long (*GetLastError)();  // NOLINT(google-runtime-int)
  int (*GetPageCount)(FpdfDocument*);
  FpdfPage* (*LoadPage)(FpdfDocument*, int index);
  void (*ClosePage)(FpdfPage*);
  float (*GetPageWidthF)(FpdfPage*);  // points, after rotation
  float (*GetPageHeightF)(FpdfPage*);
  FpdfBitmap* (*BitmapCreateEx)(int width, int height, int format, void* buffer, int stride);
  int (*BitmapFillRect)(FpdfBitmap*, int left, int top, int width, int height,
                        unsigned long color);  // NOLINT(google-runtime-int)
  void* (*BitmapGetBuffer)(FpdfBitmap*);
  int (*BitmapGetStride)(FpdfBitmap*);
  void (*BitmapDestroy)(FpdfBitmap*);
  void (*RenderPageBitmap)(FpdfBitmap*, FpdfPage*, int x, int y, int width, int height, int rotate,
                           int flags);
  int (*PageToDevice)(FpdfPage*, int x, int y, int width, int height, int rotate, double page_x,
                      double page_y, int* device_x, int* device_y);
  int (*GetFormType)(FpdfDocument*);
  FpdfFormHandle* (*InitFormFillEnvironment)(FpdfDocument*, FpdfFormFillInfo*);
  void (*FFLDraw)(FpdfFormHandle*, FpdfBitmap*, FpdfPage*, int x, int y, int width, int height,
                  int rotate, int flags);
  FpdfTextPage* (*TextLoadPage)(FpdfPage*);
  void (*TextClosePage)(FpdfTextPage*);
  int (*TextCountChars)(FpdfTextPage*);
  unsigned int (*TextGetUnicode)(FpdfTextPage*, int index);
  int (*TextGetCharBox)(FpdfTextPage*, int index, double* left, double* right, double* bottom,
                        double* top);
  // Optional: newer versions have them.
  int (*TextIsGenerated)(FpdfTextPage*, int index);
  int (*TextIsHyphen)(FpdfTextPage*, int index);
  int (*TextHasUnicodeMapError)(FpdfTextPage*, int index);
  FpdfPageObject* (*TextGetTextObject)(FpdfTextPage*, int index);
  int (*TextObjGetTextRenderMode)(FpdfPageObject*);
  int (*TextObjSetTextRenderMode)(FpdfPageObject*, int mode);
  FpdfFont* (*TextObjGetFont)(FpdfPageObject*);
  int (*PageObjGetFillColor)(FpdfPageObject*, unsigned int* red, unsigned int* green,
                             unsigned int* blue, unsigned int* alpha);
  int (*PageObjGetStrokeColor)(FpdfPageObject*, unsigned int* red, unsigned int* green,
                               unsigned int* blue, unsigned int* alpha);
};

// Loads the library and fills `pdfium`; false when it cannot be loaded or lacks a needed function.
// It stays loaded.
bool LoadPdfium(const std::string& library, Pdfium* pdfium);

}  // namespace glmocr::pdf
