// The system's fonts, opened before the worker confines itself.
//
// PDFium looks for a font by path when a page names one that the PDF does not hold, and a confined
// worker may name no path. So all font files are opened beforehand, some 5 ms for a thousand, and
// the C library's functions that PDFium calls (opendir, readdir, stat, fopen) are replaced in the
// worker's program by ones that look into this list once it is sealed: PDFium's own choice of fonts
// stays as it is. PDFium's interface for fonts of the program (FPDF_SYSFONTINFO) would need that
// choice written again, and the headers of all files read for every PDF.
#pragma once

#include <cstddef>

namespace glmocr::pdf {

// More font files than this, or than the process may open, are left out: their fonts are
// substituted as those that are not installed.
inline constexpr size_t kMaxFontFiles = 4096;

// Opens the font files of the folders that PDFium looks into on Linux. Once, with one thread.
void OpenFontFiles();
// From now on the functions named above know nothing but these files, in the whole process.
void SealFontFiles();

}  // namespace glmocr::pdf
