// The C++ interface of libglmocr: pictures of documents in, their text out.
//
//   glmocr::Result<glmocr::Model> model = glmocr::Model::Load("models/starter");
//   glmocr::Result<glmocr::Image> image = glmocr::Image::FromFile("page.png");
//   if (!model.ok() || !image.ok()) ...
//   glmocr::Result<glmocr::Page> page = model->Read(*image);
//   if (page.ok()) std::cout << page->text;
//
// Errors are values: what can fail returns a Result whose Error says what is wrong with which input
// and what to do. Nothing here throws, except that a callback's exception comes out of the Read
// that called it, and that asking a failed Result for its value throws std::bad_variant_access.
//
// Threads: everything may be called from any number of threads at once, on the same objects, save
// for moving, assigning and destroying an object that others use. Several threads that read with
// one Model share its steps (continuous batching), which is much faster than one after the other:
// decoding reads the weights from memory once for all of them. One picture's text does not depend
// on what else is read.
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
  kUnsupported = 4,        // well-formed, but not something this library does
  kResourceExhausted = 5,  // memory, context length or a limit
  kCancelled = 6,          // ReadOptions::stop was asked to stop
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
};

struct ModelInfo {
  std::string kernels;                    // the ones chosen
  Precision precision = Precision::kF32;  // kF32 or kBf16
  bool reads_lines = false;               // its regions are read line by line
  bool has_draft_layer = false;
  int64_t max_context_tokens = 0;  // picture, prompt and answer of one region
};

enum class Layout {
  kAuto,   // the page's regions: titles, paragraphs, tables, pictures
  kNone,   // the whole picture is one region
  kLines,  // the text lines of the page, one region each
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

struct Region {
  Box box;                     // pixels of the picture that was given, after its orientation
  int column = 0;              // 0-based, left to right
  bool new_paragraph = false;  // a blank line goes before it
  std::string text;            // UTF-8
  std::vector<Token> tokens;
  float confidence = 0;  // geometric mean of the token probabilities, 0 to 1
  FinishReason finish = FinishReason::kStop;
  // "text", "doc_title", "paragraph_title", "table", "image", ...: the 25 classes of
  // PP-DocLayoutV3. Pictures have no text; a table whose cells were found is HTML.
  std::string label;
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

  ModelInfo info() const;

 private:
  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// clang-format off
}  // namespace glmocr::v1
// clang-format on
