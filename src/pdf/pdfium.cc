#include "pdf/pdfium.h"

#include <dlfcn.h>

namespace glmocr::pdf {
namespace {

template <typename Function>
bool Find(void* library, const char* name, Function** function) {
  *function = reinterpret_cast<Function*>(::dlsym(library, name));
  return *function != nullptr;
}

}  // namespace

bool LoadPdfium(const std::string& library, Pdfium* p) {
  *p = {};
  void* so = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (so == nullptr) return false;
  Find(so, "FPDFText_IsGenerated", &p->TextIsGenerated);
  Find(so, "FPDFText_IsHyphen", &p->TextIsHyphen);
  Find(so, "FPDFText_HasUnicodeMapError", &p->TextHasUnicodeMapError);
  Find(so, "FPDFText_GetTextObject", &p->TextGetTextObject);
  Find(so, "FPDFTextObj_GetTextRenderMode", &p->TextObjGetTextRenderMode);
  Find(so, "FPDFTextObj_SetTextRenderMode", &p->TextObjSetTextRenderMode);
  Find(so, "FPDFTextObj_GetFont", &p->TextObjGetFont);
  Find(so, "FPDFPageObj_GetFillColor", &p->PageObjGetFillColor);
  Find(so, "FPDFPageObj_GetStrokeColor", &p->PageObjGetStrokeColor);
  return Find(so, "FPDF_InitLibraryWithConfig", &p->InitLibraryWithConfig) &&
         Find(so, "FPDF_LoadCustomDocument", &p->LoadCustomDocument) &&
         Find(so, "FPDF_GetLastError", &p->GetLastError) &&
         Find(so, "FPDF_GetPageCount", &p->GetPageCount) &&
         Find(so, "FPDF_LoadPage", &p->LoadPage) && Find(so, "FPDF_ClosePage", &p->ClosePage) &&
         Find(so, "FPDF_GetPageWidthF", &p->GetPageWidthF) &&
         Find(so, "FPDF_GetPageHeightF", &p->GetPageHeightF) &&
         Find(so, "FPDFBitmap_CreateEx", &p->BitmapCreateEx) &&
         Find(so, "FPDFBitmap_FillRect", &p->BitmapFillRect) &&
         Find(so, "FPDFBitmap_GetBuffer", &p->BitmapGetBuffer) &&
         Find(so, "FPDFBitmap_GetStride", &p->BitmapGetStride) &&
         Find(so, "FPDFBitmap_Destroy", &p->BitmapDestroy) &&
         Find(so, "FPDF_RenderPageBitmap", &p->RenderPageBitmap) &&
         Find(so, "FPDF_PageToDevice", &p->PageToDevice) &&
         Find(so, "FPDF_GetFormType", &p->GetFormType) &&
         Find(so, "FPDFDOC_InitFormFillEnvironment", &p->InitFormFillEnvironment) &&
         Find(so, "FPDF_FFLDraw", &p->FFLDraw) && Find(so, "FPDFText_LoadPage", &p->TextLoadPage) &&
         Find(so, "FPDFText_ClosePage", &p->TextClosePage) &&
         Find(so, "FPDFText_CountChars", &p->TextCountChars) &&
         Find(so, "FPDFText_GetUnicode", &p->TextGetUnicode) &&
         Find(so, "FPDFText_GetCharBox", &p->TextGetCharBox);
}

}  // namespace glmocr::pdf
