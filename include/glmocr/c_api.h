/* The C interface of libglmocr (C99), over the C++ one of glmocr.h, which explains options and
 * results in more detail.
 *
 *   glmocr_error* error = NULL;
 *   glmocr_model* model = NULL;
 *   if (glmocr_model_load("models/starter", NULL, &model, &error) != GLMOCR_OK) {
 *     fprintf(stderr, "%s\n", glmocr_error_message(error));
 *     glmocr_error_free(error);
 *   }
 *
 * Status and errors: what can fail returns a glmocr_status and, when `error` is not NULL, stores
 * there an error with a message for people (or NULL after success). The caller frees it. Results go
 * to `out`, which is NULL after a failure. A required pointer that is NULL is
 * GLMOCR_INVALID_ARGUMENT; no C++ exception ever comes out.
 *
 * Ownership: every *_free accepts NULL. Strings are UTF-8 and zero-terminated; those that a result
 * returns live as long as the result, those given to a callback until it returns.
 *
 * Threads: as in glmocr.h, everything may be called from many threads at once, save for freeing
 * what others use; a document is for one thread at a time, but for glmocr_document_cancel. Threads
 * that read with one model share its steps.
 *
 * fork(): in a child process, a model that was loaded before and its documents are
 * GLMOCR_UNSUPPORTED at once; freeing them is allowed. Load the model after fork().
 *
 * Compatibility: structs begin with struct_size, which the caller sets to sizeof (the *_init
 * functions do). New fields are added at the end; a library takes structs of older headers, fills
 * in the rest with defaults, and refuses fields it does not know unless they are zero. */
#ifndef GLMOCR_C_API_H_
#define GLMOCR_C_API_H_

#include <stddef.h> /* NOLINT(modernize-deprecated-headers): C */
#include <stdint.h> /* NOLINT(modernize-deprecated-headers): C */

#include "glmocr/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a program must be built again; glmocr_c_api_version() is the library's. */
#define GLMOCR_C_API_VERSION 1
GLMOCR_API int32_t glmocr_c_api_version(void);
/* "MAJOR.MINOR.PATCH" of the library. */
GLMOCR_API const char* glmocr_version(void);

/* Negative values never occur. Later versions may add codes. */
typedef enum glmocr_status {
  GLMOCR_OK = 0,
  GLMOCR_INVALID_ARGUMENT = 1,
  GLMOCR_NOT_FOUND = 2,
  GLMOCR_CORRUPT = 3,
  GLMOCR_UNSUPPORTED = 4,        /* also: after fork() */
  GLMOCR_RESOURCE_EXHAUSTED = 5, /* memory, context length or a limit */
  GLMOCR_CANCELLED = 6,
  GLMOCR_IO = 7,
  GLMOCR_INTERNAL = 8
} glmocr_status;

typedef struct glmocr_error glmocr_error;
GLMOCR_API const char* glmocr_error_message(const glmocr_error* error); /* "" for NULL */
GLMOCR_API void glmocr_error_free(glmocr_error* error);
/* Lower-case name of a code, e.g. "not found". */
GLMOCR_API const char* glmocr_status_name(glmocr_status status);

/* ---- Pictures ---- */

typedef struct glmocr_image glmocr_image;

typedef struct glmocr_image_options {
  size_t struct_size;
  int32_t page;       /* of a TIFF of several pages, 0-based */
  int32_t drop_alpha; /* 0: transparent pictures are shown on white; 1: the stored colours */
  int32_t ignore_orientation; /* 0: turned as EXIF says; 1: as stored */
  int32_t accept_truncated;   /* 0: a file that ends early is an error; 1: missing rows are white */
  int64_t max_pixels;         /* 1 to 200000000 */
} glmocr_image_options;
/* Defaults. `struct_size`: sizeof(glmocr_image_options), as in all *_init functions. */
GLMOCR_API void glmocr_image_options_init(glmocr_image_options* options, size_t struct_size);

/* `options` may be NULL: defaults. */
GLMOCR_API glmocr_status glmocr_image_from_file(const char* path,
                                                const glmocr_image_options* options,
                                                glmocr_image** out, glmocr_error** error);
/* The bytes of a JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, HEIC or AVIF file. */
GLMOCR_API glmocr_status glmocr_image_from_bytes(const void* bytes, size_t n_bytes,
                                                 const glmocr_image_options* options,
                                                 glmocr_image** out, glmocr_error** error);
/* Copies height_px rows of width_px pixels R, G, B; rows are stride_bytes >= 3 * width_px apart. */
GLMOCR_API glmocr_status glmocr_image_from_rgb(const uint8_t* pixels, int32_t width_px,
                                               int32_t height_px, size_t stride_bytes,
                                               glmocr_image** out, glmocr_error** error);
/* Pages of an encoded file: 1, or more for TIFF. */
GLMOCR_API glmocr_status glmocr_count_pages(const void* bytes, size_t n_bytes, int32_t* out,
                                            glmocr_error** error);
GLMOCR_API int32_t glmocr_image_width(const glmocr_image* image);  /* px; 0 for NULL */
GLMOCR_API int32_t glmocr_image_height(const glmocr_image* image); /* px; 0 for NULL */
GLMOCR_API void glmocr_image_free(glmocr_image* image);

/* ---- Models ---- */

typedef struct glmocr_model glmocr_model;

typedef enum glmocr_precision {
  GLMOCR_PRECISION_AUTO = 0,
  GLMOCR_PRECISION_F32 = 1,
  GLMOCR_PRECISION_BF16 = 2
} glmocr_precision;

typedef struct glmocr_load_options {
  size_t struct_size;
  const char* kernels;  /* NULL or "auto", "avx512_bf16", "avx512", "avx2", "reference" */
  int32_t precision;    /* a glmocr_precision */
  int32_t threads;      /* 0: the processors this process may use */
  int64_t cache_tokens; /* capacity of the key/value cache, 64 to 2^24 */
  int32_t max_batch;    /* regions decoded together, 1 to 1024 */
  int32_t drafts;       /* speculative decoding: -1 while it pays, 0 off, 1 to 3 */
  const char*
      layout_model; /* folder of PP-DocLayoutV3's weights, for GLMOCR_LAYOUT_AUTO; or NULL */
} glmocr_load_options;
GLMOCR_API void glmocr_load_options_init(glmocr_load_options* options, size_t struct_size);

/* `dir` NULL: the starter model that is installed with the library, or what the environment
 * variable GLMOCR_MODEL names. */
GLMOCR_API glmocr_status glmocr_model_load(const char* dir, const glmocr_load_options* options,
                                           glmocr_model** out, glmocr_error** error);
/* No read may be running. */
GLMOCR_API void glmocr_model_free(glmocr_model* model);

/* ---- Cancelling ---- */

/* Stops the reads it was given to, from any thread and from callbacks; they return
 * GLMOCR_CANCELLED. It stays cancelled. */
typedef struct glmocr_canceller glmocr_canceller;
GLMOCR_API glmocr_status glmocr_canceller_new(glmocr_canceller** out, glmocr_error** error);
GLMOCR_API void glmocr_canceller_cancel(glmocr_canceller* canceller);
GLMOCR_API void glmocr_canceller_free(glmocr_canceller* canceller);

/* ---- Reading ---- */

typedef enum glmocr_layout {
  GLMOCR_LAYOUT_AUTO = 0,
  GLMOCR_LAYOUT_NONE = 1,
  GLMOCR_LAYOUT_LINES = 2,
  GLMOCR_LAYOUT_GEOMETRIC = 3 /* as AUTO, without the layout model */
} glmocr_layout;
typedef enum glmocr_task {
  GLMOCR_TASK_TEXT = 0,
  GLMOCR_TASK_TABLE = 1,
  GLMOCR_TASK_FORMULA = 2,
  GLMOCR_TASK_AUTO = 3 /* as the region asks; a whole picture is text */
} glmocr_task;
typedef enum glmocr_finish {
  GLMOCR_FINISH_STOP = 0,   /* the model said that it was done */
  GLMOCR_FINISH_LENGTH = 1, /* the text may be cut short */
  GLMOCR_FINISH_STOP_STRING = 2,
  GLMOCR_FINISH_LOOP = 3 /* endless repetition, cut off */
} glmocr_finish;

typedef struct glmocr_token {
  size_t struct_size;
  const char* text; /* its bytes; several tokens may share a character */
  size_t text_bytes;
  int32_t id;
  float probability;
} glmocr_token;

typedef enum glmocr_text_source {
  GLMOCR_SOURCE_MODEL = 0,     /* read */
  GLMOCR_SOURCE_TEXT_LAYER = 1 /* the PDF's own text */
} glmocr_text_source;

typedef struct glmocr_point {
  int32_t x, y; /* px */
} glmocr_point;

typedef struct glmocr_region {
  size_t struct_size;
  const char* text;
  size_t text_bytes;
  int32_t x, y, width, height; /* px of the picture that was given, after its orientation */
  int32_t column;              /* 0-based, left to right */
  int32_t new_paragraph;       /* 1: a blank line goes before it */
  int32_t finish;              /* a glmocr_finish */
  float confidence;            /* geometric mean of the token probabilities, 0 to 1 */
  size_t n_tokens;
  const char* label; /* "text", "doc_title", "table", "image", ...; zero-terminated */
  /* The outline where that is not the box, n_polygon points; else NULL and 0. */
  const glmocr_point* polygon;
  size_t n_polygon;
  int32_t source; /* a glmocr_text_source */
} glmocr_region;

/* What was not read, read badly, left out or guessed (docs/warnings.md). */
typedef struct glmocr_warning {
  size_t struct_size;
  const char* kind;    /* "low_confidence", "pages_missing", ... */
  const char* message; /* a sentence, for people */
  int32_t page;        /* from 1; 0: of the document as a whole */
} glmocr_warning;

typedef struct glmocr_stats {
  size_t struct_size;
  int64_t prompt_tokens, cached_prompt_tokens, generated_tokens, drafted_tokens, accepted_tokens;
  double prepare_s, first_token_s, total_s;
} glmocr_stats;

typedef struct glmocr_read_options {
  size_t struct_size;
  int32_t layout;           /* a glmocr_layout */
  int32_t task;             /* a glmocr_task */
  const char* prompt;       /* NULL or "": the task's instruction */
  float temperature;        /* 0: greedy */
  int32_t top_k;            /* 0: off */
  float top_p;              /* above 0, at most 1 */
  float min_p;              /* 0 up to below 1 */
  float repetition_penalty; /* 1: off */
  float presence_penalty;
  float frequency_penalty;
  uint64_t seed;
  int64_t max_new_tokens;  /* of a region */
  const char* const* stop; /* n_stop strings before which a region ends */
  size_t n_stop;
  glmocr_canceller* canceller; /* may be NULL; must live as long as the read */
  /* Called on the reading thread when not NULL, with `user`. They must not throw and not jump out.
   * on_text gets the text of a region as it grows (whole characters, not zero-terminated by
   * contract: use text_bytes); on_region gets a complete region. */
  void (*on_text)(void* user, size_t region, const char* text, size_t text_bytes);
  void (*on_region)(void* user, size_t index, const glmocr_region* region);
  void* user;
} glmocr_read_options;
GLMOCR_API void glmocr_read_options_init(glmocr_read_options* options, size_t struct_size);

typedef struct glmocr_page glmocr_page;
/* Reads a picture and waits for it. `options` may be NULL. */
GLMOCR_API glmocr_status glmocr_read(const glmocr_model* model, const glmocr_image* image,
                                     const glmocr_read_options* options, glmocr_page** out,
                                     glmocr_error** error);
GLMOCR_API const char* glmocr_page_text(const glmocr_page* page);     /* "" for NULL */
GLMOCR_API const char* glmocr_page_markdown(const glmocr_page* page); /* "" for NULL */
GLMOCR_API double glmocr_page_skew_degrees(const glmocr_page* page);  /* clockwise positive */
GLMOCR_API int32_t glmocr_page_number(const glmocr_page* page);       /* from 1; 0 for NULL */
/* Of a page of a document: GLMOCR_OK, or why it could not be read, wholly or in part; *message (may
 * be NULL) gets the words, "" when all is well. */
GLMOCR_API glmocr_status glmocr_page_error(const glmocr_page* page, const char** message);
GLMOCR_API size_t glmocr_page_warning_count(const glmocr_page* page);
GLMOCR_API size_t glmocr_page_region_count(const glmocr_page* page);
/* Fill in *out up to out->struct_size. GLMOCR_INVALID_ARGUMENT: NULL, no such region or token,
 * struct_size too small. */
GLMOCR_API glmocr_status glmocr_page_region(const glmocr_page* page, size_t region,
                                            glmocr_region* out);
GLMOCR_API glmocr_status glmocr_page_token(const glmocr_page* page, size_t region, size_t token,
                                           glmocr_token* out);
GLMOCR_API glmocr_status glmocr_page_warning(const glmocr_page* page, size_t warning,
                                             glmocr_warning* out);
GLMOCR_API glmocr_status glmocr_page_stats(const glmocr_page* page, glmocr_stats* out);
GLMOCR_API void glmocr_page_free(glmocr_page* page);

/* ---- Documents ---- */

typedef enum glmocr_text_layer {
  GLMOCR_TEXT_LAYER_AUTO = 0,   /* a PDF's own text where the page shows it and readings agree */
  GLMOCR_TEXT_LAYER_OFF = 1,    /* everything is read */
  GLMOCR_TEXT_LAYER_PREFER = 2, /* where it looks good, without comparing */
  GLMOCR_TEXT_LAYER_REPLACE = 3 /* as OFF; a written PDF loses an OCR program's hidden text */
} glmocr_text_layer;

typedef struct glmocr_progress {
  size_t struct_size;
  int32_t pages, pages_done; /* to be read; read, failed ones included */
  int64_t regions_done;      /* of all pages */
} glmocr_progress;

/* As `glm-ocr parse` has them, with the same defaults. Strings may be NULL. */
typedef struct glmocr_document_options {
  size_t struct_size;
  const char* pages;     /* "1-3,8", "5-", "-2-" for the last two; NULL or "": all */
  const char* password;  /* of an encrypted PDF */
  double dpi;            /* at which PDF pages are rendered, 18 to 2400 */
  double page_timeout_s; /* after which a PDF page is given up, 0.01 to 86400 */
  int32_t text_layer;    /* a glmocr_text_layer */
  int32_t layout;        /* a glmocr_layout */
  int32_t task;          /* a glmocr_task */
  const char* prompt;    /* NULL or "": the task's instruction */
  float temperature;     /* as in glmocr_read_options, to n_stop */
  int32_t top_k;
  float top_p;
  float min_p;
  float repetition_penalty;
  float presence_penalty;
  float frequency_penalty;
  uint64_t seed;
  int64_t max_new_tokens;
  const char* const* stop;
  size_t n_stop;
  const glmocr_image_options* image; /* of pictures; NULL: defaults; its page is not used */
  glmocr_canceller* canceller;       /* may be NULL; works from the opening on */
  /* Called on the reading thread when not NULL, with `user`, after each region and each page. It
   * must not throw and not jump out, and may read with the model, not with this document. */
  void (*on_progress)(void* user, const glmocr_progress* progress);
  void* user;
} glmocr_document_options;
GLMOCR_API void glmocr_document_options_init(glmocr_document_options* options, size_t struct_size);

/* Keeps what it needs of the model, the canceller and the options, which may go before it. */
typedef struct glmocr_document glmocr_document;
/* A PDF, or a picture of one or more pages, told by its content. `options` may be NULL. */
GLMOCR_API glmocr_status glmocr_document_open(const glmocr_model* model, const char* path,
                                              const glmocr_document_options* options,
                                              glmocr_document** out, glmocr_error** error);
/* The same for bytes, which are copied. `name`: for messages, JSON and folders; "report.pdf". */
GLMOCR_API glmocr_status glmocr_document_open_bytes(const glmocr_model* model, const void* bytes,
                                                    size_t n_bytes, const char* name,
                                                    const glmocr_document_options* options,
                                                    glmocr_document** out, glmocr_error** error);
GLMOCR_API int32_t glmocr_document_page_count(const glmocr_document* document); /* of the file */
GLMOCR_API int32_t glmocr_document_selected_count(const glmocr_document* document); /* to be read */
/* The next page, which the caller frees; after the last GLMOCR_OK and NULL. A page that could not
 * be read is a page with glmocr_page_error; an error of this function ends the document. */
GLMOCR_API glmocr_status glmocr_document_next_page(glmocr_document* document, glmocr_page** out,
                                                   glmocr_error** error);
/* Of the pages read so far and of the document as a whole. Their strings live until the next call
 * that reads, writes or frees the document. */
GLMOCR_API size_t glmocr_document_warning_count(const glmocr_document* document);
GLMOCR_API glmocr_status glmocr_document_warning(const glmocr_document* document, size_t warning,
                                                 glmocr_warning* out);
/* Ends the document, from any thread and from callbacks: the running call and all later ones return
 * GLMOCR_CANCELLED. */
GLMOCR_API void glmocr_document_cancel(const glmocr_document* document);
/* Also of a half-read document. No call may be running. */
GLMOCR_API void glmocr_document_free(glmocr_document* document);

typedef struct glmocr_write_options {
  size_t struct_size;
  int32_t strict;           /* flags are 0 or 1: Markdown and SDK JSON as the official SDK's */
  int32_t pipe_tables;      /* Markdown: pipe tables where rows and columns are known */
  int32_t page_furniture;   /* keep headers, footers and page numbers */
  int32_t pdfa;             /* PDF/A-2b */
  int32_t pdf_deskew;       /* pictures straightened */
  int32_t pdf_clean;        /* pictures straightened, dark on white and evenly lit */
  const char* pdf_language; /* BCP 47, "de-CH"; NULL or "": not said */
  /* Each page when it was read, in order, on the calling thread; freed by the library. */
  void (*on_page)(void* user, const glmocr_page* page);
  void* user;
} glmocr_write_options;
GLMOCR_API void glmocr_write_options_init(glmocr_write_options* options, size_t struct_size);

typedef struct glmocr_write_result {
  size_t struct_size;
  int32_t pages, pages_failed; /* written, failed ones included; not read wholly */
} glmocr_write_result;

/* Names of the formats, "md", ...; NULL from the last one's index on. */
GLMOCR_API const char* glmocr_format_name(size_t index);
/* Takes bytes of a file; 0 ends the writing with GLMOCR_CANCELLED. */
typedef int32_t (*glmocr_sink)(void* user, const char* bytes, size_t n_bytes);

/* These read a document, of which no page has been taken, and write it; few pages are in memory at
 * a time. `options` and `result` may be NULL.
 * What `glm-ocr parse --to FORMAT` prints, byte for byte, into a file, whole or not at all: */
GLMOCR_API glmocr_status glmocr_document_write(glmocr_document* document, const char* format,
                                               const char* path,
                                               const glmocr_write_options* options,
                                               glmocr_write_result* result, glmocr_error** error);
/* The same to a function. */
GLMOCR_API glmocr_status glmocr_document_write_to(glmocr_document* document, const char* format,
                                                  glmocr_sink sink, void* user,
                                                  const glmocr_write_options* options,
                                                  glmocr_write_result* result,
                                                  glmocr_error** error);
/* The files that `glm-ocr parse --to FORMATS -o FOLDER` writes, below FOLDER/NAME/. `formats`:
 * names with commas between; "visualize" is as --visualize. Files in the way are replaced. */
GLMOCR_API glmocr_status glmocr_document_write_folder(glmocr_document* document,
                                                      const char* formats, const char* folder,
                                                      const glmocr_write_options* options,
                                                      glmocr_write_result* result,
                                                      glmocr_error** error);

#ifdef __cplusplus
}
#endif

#endif
