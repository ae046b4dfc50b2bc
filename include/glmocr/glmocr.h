// The C++ interface of libglmocr: documents and pictures in, their text out. docs/library.md is the
// guide.
//
//   glmocr::Result<glmocr::Model> model = glmocr::Model::Load("models/starter");
//   if (!model.ok()) ...
//   glmocr::Result<glmocr::Document> document = model->OpenDocument("report.pdf");
//   if (!document.ok()) ...
//   for (;;) {
//     glmocr::Result<std::optional<glmocr::Page>> page = document->NextPage();
//     if (!page.ok() || !*page) break;
//     std::cout << (*page)->text;
//   }
//
// Errors are values: what can fail returns a Result whose Error says what is wrong with which input
// and what to do. Nothing here throws, except that a callback's exception comes out of the Read
// that called it, and that asking a failed Result for its value throws std::bad_variant_access.
//
// Threads: everything may be called from any number of threads at once, on the same objects, save
// for moving, assigning and destroying an object that others use; a Document is for one thread at a
// time, but for Cancel. Several threads that read with one Model share its steps (continuous
// batching), which is much faster than one after the other: decoding reads the weights from memory
// once for all of them. One picture's text does not depend on what else is read.
//
// fork(): a Model has threads, which a child process does not get. In the child, everything that
// would read with it, or with its documents, is kUnsupported at once; destroying them is allowed
// and does nothing. Load the model after fork().
//
// Linking: the C++ types below hold standard containers, so a program needs the standard library
// the library was built with, and is built again for a new minor version. c_api.h has neither
// limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "glmocr/export.h"

namespace glmocr::GLMOCR_INLINE v1 {

// "MAJOR.MINOR.PATCH" of the library that is linked.
GLMOCR_API const char* Version();

enum class ErrorCode {
  kInvalidArgument = 1,    // an option or argument is malformed
  kNotFound = 2,           // a file or directory does not exist
  kCorrupt = 3,            // a file breaks its own format
  kUnsupported = 4,        // well-formed, but not something this library does; after fork()
  kResourceExhausted = 5,  // memory, context length or a limit
  kCancelled = 6,          // by a stop token, Document::Cancel or a sink
  kIo = 7,                 // the operating system said no
  kInternal = 8,           // a library beneath failed without a better reason
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // for people: names the input, what is wrong, what to do
};

// A value or an Error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

// ---- Pictures ----

enum class Alpha {
  kOnWhite,  // transparent pictures are shown on white, as on paper
  kDrop,     // the stored colours, whatever their transparency
};
enum class Orientation {
  kApply,   // turned as EXIF or TIFF orientation says
  kIgnore,  // as stored
};
enum class Truncated {
  kReject,  // a file that ends early is kCorrupt
  kAccept,  // JPEG, PNG, GIF, TIFF: what there is of it; missing rows are white
};

struct ImageOptions {
  int page = 0;  // of a TIFF of several pages, 0-based
  Alpha alpha = Alpha::kOnWhite;
  Orientation orientation = Orientation::kApply;
  Truncated truncated = Truncated::kReject;
  int64_t max_pixels =
      200'000'000;  // larger pictures are refused from their header alone; 1 to 200,000,000
};

// A decoded RGB picture. Copies share the pixels.
class GLMOCR_API Image {
 public:
  // JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, HEIC and AVIF, told apart by their content. Errors:
  // kNotFound, kIo (the file), kUnsupported (no known format), kCorrupt, kResourceExhausted (too
  // large), kInvalidArgument (empty file, no such page, bad options).
  static Result<Image> FromFile(const std::filesystem::path& path,
                                const ImageOptions& options = {});
  static Result<Image> FromBytes(std::span<const std::byte> encoded,
                                 const ImageOptions& options = {});
  // A copy of `height_px` rows of `width_px` pixels, three bytes R, G, B each; a row begins
  // `stride_bytes` (at least 3 * width_px) behind the one before. kInvalidArgument: null, a side
  // below 1, a stride too small; kResourceExhausted: over 200,000,000 pixels.
  static Result<Image> FromRgb(const uint8_t* pixels, int width_px, int height_px,
                               size_t stride_bytes);

  // Pages of a file: 1, or more for TIFF. Only the header is read; errors as above.
  static Result<int> CountPages(std::span<const std::byte> encoded);

  int width_px() const;
  int height_px() const;

 private:
  friend class Model;
  struct Impl;
  explicit Image(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

// ---- Models ----

enum class Precision {
  kAuto,  // bf16 where the processor multiplies it natively, else f32
  kF32,
  kBf16,
};

struct LoadOptions {
  // What computes: "auto" (the fastest this machine can run, or what the environment variable
  // GLMOCR_KERNELS names), "avx512_bf16", "avx512", "avx2", or "reference" (plain scalar code, very
  // slow, to compare with). What cannot run here is kUnsupported, and the message lists what can.
  std::string kernels = "auto";
  Precision precision = Precision::kAuto;
  int threads = 0;  // 0: the processors this process may use; at most 1024
  int64_t cache_tokens =
      16384;  // capacity of the key/value cache, all reads together; 64 to 2^24. Allocated at once
  int max_batch = 16;  // regions decoded together, 1 to 1024
  int drafts = -1;  // speculative decoding: -1 while it pays, 0 off, 1 to 3 drafts a step. Changes
                    // speed, never greedy text
  // A folder with PP-DocLayoutV3's weights, which finds the regions of pages for Layout::kAuto.
  // Empty: none.
  std::filesystem::path layout_model;
};

struct ModelInfo {
  std::string kernels;                    // the ones chosen
  Precision precision = Precision::kF32;  // kF32 or kBf16
  bool reads_lines = false;               // its regions are read line by line
  bool has_draft_layer = false;
  int64_t max_context_tokens = 0;  // picture, prompt and answer of one region
};

enum class Layout {
  kAuto,       // the page's regions: titles, paragraphs, tables, pictures; by the network of
               // LoadOptions::layout_model where there is one
  kNone,       // the whole picture is one region
  kLines,      // the text lines of the page, one region each
  kGeometric,  // regions, without the network
};
enum class Task {
  kText,
  kTable,
  kFormula,
  kAuto,  // as the region asks; a whole picture is text
};

struct Generation {
  float temperature = 0;         // 0: greedy, and all below but the penalties is ignored
  int top_k = 0;                 // 0: off
  float top_p = 1;               // above 0, at most 1
  float min_p = 0;               // 0 up to below 1
  float repetition_penalty = 1;  // above 0; of tokens of prompt and answer
  float presence_penalty = 0;
  float frequency_penalty = 0;
  uint64_t seed = 0;              // same seed, same text
  int64_t max_new_tokens = 8192;  // of a region; at least 1, and cut to what the context holds
  std::vector<std::string> stop;  // a region ends before the first of these; none may be empty
};

// A rectangle: columns [x, x + width), rows [y, y + height), in pixels.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
};

struct Point {
  int x = 0, y = 0;
};

enum class FinishReason {
  kStop = 0,        // the model said that it was done
  kLength = 1,      // max_new_tokens, context or cache: the text may be cut short
  kStopString = 2,  // one of Generation::stop
  kLoop = 3,        // the model began to repeat itself without end; the repetition is cut off
};

struct Token {
  int32_t id = 0;
  std::string text;  // its bytes; several tokens may share a character
  float probability =
      0;  // of this token in the model's own distribution, before any sampling option
};

enum class TextSource {
  kModel,      // read
  kTextLayer,  // the PDF's own text
};

struct Region {
  Box box;                     // pixels of the page's picture, after its orientation
  int column = 0;              // 0-based, left to right
  bool new_paragraph = false;  // a blank line goes before it
  std::string text;            // UTF-8
  std::vector<Token> tokens;
  float confidence = 0;  // geometric mean of the token probabilities, 0 to 1
  FinishReason finish = FinishReason::kStop;
  // "text", "doc_title", "paragraph_title", "table", "image", ...: the 25 classes of
  // PP-DocLayoutV3. Pictures have no text; a table whose cells were found is HTML.
  std::string label;
  // The outline, in pixels as `box`, where that is not the box: of a page that was turned the four
  // corners, from the text's upper left one clockwise. Else empty.
  std::vector<Point> polygon;
  TextSource source = TextSource::kModel;
};

// What was not read, read badly, left out or guessed (docs/warnings.md).
struct Warning {
  std::string kind;     // "low_confidence", "pages_missing", ...
  std::string message;  // a sentence, for people
  int page = 0;         // from 1; 0: of the document as a whole
};

struct ReadStats {
  int64_t prompt_tokens = 0;         // of all regions, pictures included
  int64_t cached_prompt_tokens = 0;  // of these, known from earlier reads
  int64_t generated_tokens = 0;      // end-of-text tokens included
  int64_t drafted_tokens = 0;        // by the draft layer
  int64_t accepted_tokens = 0;       // of these
  double prepare_s = 0;              // finding the regions, scaling their pixels
  double first_token_s = 0;  // from the call to the first token of any region; 0 without tokens
  double total_s = 0;        // from the call to the end of the last region
};

struct Page {
  int number = 1;  // in its file, from 1
  // Of a page of a document: it could not be loaded (it has no regions then) or some of its regions
  // could not be read. The pages after it are not touched.
  std::optional<Error> error;
  std::vector<Warning> warnings;
  int width_px = 0, height_px = 0;
  double skew_degrees =
      0;  // the page was turned by this much, clockwise positive, before its lines were cut
  std::vector<Region> regions;  // in reading order
  std::string text;  // regions on lines of their own, blank lines between paragraphs; ends with one
                     // newline unless empty
  std::string markdown;  // the same as Markdown
  ReadStats stats;
};

struct ReadOptions {
  Layout layout = Layout::kAuto;
  Task task = Task::kAuto;
  std::string prompt;  // not empty: asked instead of `task`. UTF-8
  Generation generation;
  // Cancels the read from any thread: it returns kCancelled within about a tenth of a second (while
  // the regions are being found, after that), and the model drops them after the step it is in.
  // Other reads go on.
  std::stop_token stop;

  // Both are called on the thread that called Read, may take their time, and may use the model.
  // `on_text` gets the text of a region as it grows: whole characters, in order within a region,
  // while regions alternate. Joined they are Region::text, unless the region ended with kLoop,
  // whose repetition is cut off afterwards. `on_region` gets a region when it is complete. `region`
  // counts in reading order.
  std::function<void(size_t region, std::string_view text)> on_text;
  std::function<void(size_t region, const Region&)> on_region;
};

// ---- Documents ----

// A PDF's own text.
enum class TextLayer {
  kAuto,    // taken where the page shows it and a few readings agree; the rest is read
  kOff,     // everything is read
  kPrefer,  // taken where it looks good, without comparing
  // As kOff; a PDF that is written gets what was read in place of an OCR program's hidden text.
  kReplace,
};

struct DocumentProgress {
  int pages = 0;             // that are to be read
  int pages_done = 0;        // that were read, failed ones included
  int64_t regions_done = 0;  // of all pages
};

// As `glm-ocr parse` has them, with the same defaults.
struct DocumentOptions {
  std::string pages = {};      // "1-3,8", "5-", "-2-" for the last two; empty: all
  std::string password = {};   // of an encrypted PDF, UTF-8
  double dpi = 200;            // at which PDF pages are rendered, 18 to 2400
  double page_timeout_s = 30;  // after which a PDF page is given up, 0.01 to 86400
  TextLayer text_layer = TextLayer::kAuto;
  Layout layout = Layout::kAuto;
  Task task = Task::kAuto;
  std::string prompt = {};  // not empty: asked instead of `task`. UTF-8
  Generation generation = {};
  ImageOptions image = {};    // of pictures; its `page` is not used
  std::stop_token stop = {};  // as Document::Cancel, from the opening on
  // Called on the thread that reads, after each region and each page. May read with the model, not
  // with this document.
  std::function<void(const DocumentProgress&)> on_progress = {};
};

struct WriteOptions {
  // Markdown and SDK JSON byte for byte as the official SDK writes them, quirks included.
  bool strict = false;
  bool pipe_tables = false;     // Markdown: pipe tables where rows and columns are known, not HTML
  bool page_furniture = false;  // keep headers, footers and page numbers in text and Markdown
  std::string pdf_language = {};  // BCP 47, "de-CH"; empty: not said
  bool pdfa = false;              // PDF/A-2b; kUnsupported where a PDF holds what PDF/A forbids
  bool pdf_deskew = false;        // pictures straightened
  bool pdf_clean = false;         // pictures straightened, dark on white and evenly lit
  // Each page when it was read, in order, on the calling thread.
  std::function<void(const Page&)> on_page = {};
};

struct WriteResult {
  int pages = 0;                             // written, failed ones included
  int pages_failed = 0;                      // not read, wholly or in part
  std::vector<std::filesystem::path> files;  // in the order in which they were written
};

// A format that a document is written in.
struct OutputFormat {
  std::string name;       // "md"
  std::string ending;     // of its file, ".md"
  std::string mime_type;  // of its file
};
GLMOCR_API std::vector<OutputFormat> OutputFormats();

// An open document. Its pages are read by NextPage, one after the other, or all by one of the Write
// functions. Few pages are in memory at a time, however long the document: the model works on up to
// four after the one that was handed out. It keeps what it needs of the model, which may be
// destroyed earlier. A callback's exception comes out of the call and ends the document.
class GLMOCR_API Document {
 public:
  Document(Document&&) noexcept;
  Document& operator=(Document&&) noexcept;
  ~Document();  // also of a half-read document; no call may be running

  int page_count() const;      // of the file
  int selected_count() const;  // of the pages that are read
  // Of the document and of the pages read so far; of what a format could not hold, after it was
  // written.
  std::vector<Warning> warnings() const;

  // The next page in the order of DocumentOptions::pages; none after the last. A page that cannot
  // be read is a Page with its `error`. Errors end the document: kCancelled, kResourceExhausted,
  // kInternal; kInvalidArgument (a call is running, the pages went into Write), kUnsupported (in a
  // child of fork()).
  Result<std::optional<Page>> NextPage();

  // These read the document, of which no page has been taken by NextPage, and write it. Errors:
  // those of NextPage; kCorrupt when no page could be read; kInvalidArgument (no such format); kIo,
  // kNotFound and kResourceExhausted of files. With an error no document is written; files of
  // earlier pages in `folder` may be.
  //
  // What `glm-ocr parse --to FORMAT` prints, byte for byte (but for the seconds that JSON tells):
  // one file, with no pictures beside it. A file is written whole or not at all.
  Result<WriteResult> Write(std::string_view format, const std::filesystem::path& file,
                            const WriteOptions& options = {});
  // The same to whoever takes the bytes, in parts; false ends the writing with kCancelled.
  using Sink = std::function<bool(std::string_view bytes)>;
  Result<WriteResult> Write(std::string_view format, const Sink& sink,
                            const WriteOptions& options = {});
  // The files that `glm-ocr parse --to FORMATS -o FOLDER` writes, below FOLDER/NAME/, NAME being
  // the document's without its ending; files in the way are replaced. "visualize" is as
  // --visualize.
  Result<WriteResult> WriteFolder(const std::vector<std::string>& formats,
                                  const std::filesystem::path& folder,
                                  const WriteOptions& options = {});

  // Ends the document, from any thread and from callbacks: the call that is running returns
  // kCancelled within about a tenth of a second, or when the PDF page that is being rendered is
  // done; so do all later ones.
  void Cancel() const;

 private:
  friend class Model;
  struct Impl;
  explicit Document(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A loaded model.
class GLMOCR_API Model {
 public:
  // From a directory with config.json, tokenizer.json, preprocessor_config.json and safetensors
  // weights. Errors: kNotFound, kIo, kCorrupt, kUnsupported (another architecture, kernels that
  // cannot run here), kResourceExhausted (memory), kInvalidArgument (options).
  static Result<Model> Load(const std::filesystem::path& dir, const LoadOptions& options = {});
  // The directory of the starter model that is installed with the library, or what the environment
  // variable GLMOCR_MODEL names.
  static Result<std::filesystem::path> StarterDir();

  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();  // no Read may be running

  // Reads one picture and waits for it. Errors: kInvalidArgument (options, an empty picture),
  // kResourceExhausted (the picture does not fit the context or the cache, too many lines, memory),
  // kCancelled, kInternal. A page with a region that failed is an error, so that half a page never
  // looks like a whole one.
  Result<Page> Read(const Image& image, const ReadOptions& options = {}) const;

  // Opens a PDF or a picture of one or more pages, told by its content. Errors: kNotFound, kIo (the
  // file), kInvalidArgument (options; an empty picture; a password is needed or wrong),
  // kUnsupported (no known kind), kCorrupt, kResourceExhausted, kCancelled.
  Result<Document> OpenDocument(const std::filesystem::path& path,
                                const DocumentOptions& options = {}) const;
  // The same for bytes, which are copied. `name`: for messages, JSON and WriteFolder; "report.pdf".
  Result<Document> OpenDocument(std::span<const std::byte> bytes, std::string_view name,
                                const DocumentOptions& options = {}) const;

  ModelInfo info() const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// clang-format off
}  // namespace glmocr::v1
// clang-format on
