/* What libglmocr exports, and the namespace of its C++ names. Included by the other headers;
 * nothing in it is for direct use. */
#ifndef GLMOCR_EXPORT_H_
#define GLMOCR_EXPORT_H_

#if defined(__GNUC__)
#define GLMOCR_API __attribute__((visibility("default")))
#else
#define GLMOCR_API
#endif

/* C++ names are in glmocr::v1, which users see as glmocr. The library's own sources name v1,
 * because their glmocr has an Image, an Error and so on of its own; the linker sees the same names
 * from both sides. */
#if defined(GLMOCR_BUILDING)
#define GLMOCR_INLINE
#else
#define GLMOCR_INLINE inline
#endif

#endif
