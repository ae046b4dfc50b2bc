// What the program and its worker say to each other over a socket: requests one way, replies the
// other.
//
// Why a protocol of our own: it is a few messages of fixed layout and runs of numbers and pixels,
// small enough to check every value. Both ends are one build on one machine, so numbers lie in
// memory order. The worker parses hostile files and is believed to be hostile itself: ReadReply
// takes nothing on trust and allocates no more than ReplyLimits allow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "media/decode.h"
#include "media/image.h"
#include "pdf/rewriter.h"

namespace glmocr::pdf {

// In place of the library's name: the worker writes a PDF anew.
inline constexpr const char* kRewriteMode = "--rewrite";
// The worker sends a ConfinementReply and ends.
inline constexpr const char* kConfinementMode = "--confinement";
struct ConfinementReply {
  uint32_t calls = 0;
  uint32_t landlock_abi = 0;
  uint32_t capabilities = 0;
};

// --- Requests ---
// The first is one of the two that open. A worker has one PDF; of pictures, one after the other.
enum class RequestType : uint32_t { kOpenPdf = 1, kPage = 2, kOpenPicture = 3, kRewrite = 4 };
struct RequestHeader {
  uint32_t type = 0;
  uint32_t payload_bytes = 0;
};
// The payload of kOpenPdf is the password (at most kMaxPasswordBytes, may be empty).
inline constexpr uint32_t kMaxPasswordBytes = 1024;
// The payload of kOpenPicture: this, of DecodeOptions what counts for one page, and then the file's
// bytes.
inline constexpr size_t kMaxPictureBytes = size_t{1} << 31;
struct PictureRequest {
  int64_t max_pixels = 0;
  uint64_t max_encoded_bytes = 0;
  uint32_t alpha = 0;        // AlphaMode
  uint32_t orientation = 0;  // OrientationMode
  uint32_t truncated = 0;    // TruncatedMode
  uint32_t gray16 = 0;       // Gray16Mode
};
// The only request to a worker that writes a PDF anew. The payload: this, the strings whose lengths
// it tells, and a RewritePage for every page of the result.
struct RewriteRequest {
  enum Flag : uint32_t { kReplaceHiddenText = 1, kPdfa = 2 };
  uint32_t flags = 0;
  uint32_t n_pages = 0;
  uint32_t password_bytes = 0;
  uint32_t language_bytes = 0;
};
inline constexpr uint32_t kMaxRewriteBytes = uint32_t{1} << 26;
// The payload of kPage. Of pictures only the index counts.
struct PageRequest {
  uint32_t index = 0;  // 0-based
  int32_t max_side_px = 0;
  double dpi = 0;
  uint32_t read_text = 1;
  uint32_t reserved = 0;
};

// --- Replies ---
enum class ReplyType : uint32_t {
  kOpened = 1,
  kFailed = 2,
  kPage = 3,
  kPicture = 4,
  kRewrittenPart = 5,
  kRewritten = 6,
};
inline constexpr uint32_t kReplyMagic = 0x50464447;
struct ReplyHeader {
  uint32_t magic = kReplyMagic;
  uint32_t type = 0;
};
// Then, by type:
struct Opened {
  uint32_t n_pages = 0;
};
// Why a request failed. Numbers, not text: what the worker says reaches no terminal.
enum class FailureReason : uint32_t {
  kNoLibrary = 1,  // libpdfium.so cannot be loaded, or lacks a function
  kPassword,       // needed, or not the right one
  kFormat,         // not a PDF, or damaged beyond repair
  kSecurity,       // an encryption that PDFium does not know
  kIo,             // the file cannot be read
  kPage,           // the page's objects are damaged
  kPageSize,       // the page has no usable size
  kMemory,         // no memory for the picture
  kUnknown,        // PDFium does not say
  // Of pictures, by the ErrorCode of media/decode.h.
  kPictureDamaged,      // kCorrupt
  kPictureUnsupported,  // kUnsupported
  kPictureTooLarge,     // kResourceExhausted: pixels or encoded bytes
  kPictureRefused,      // the others
};
struct Failed {
  uint32_t reason = 0;  // FailureReason
};
// kPicture: PictureHeader, then height_px * width_px * 3 bytes of RGB.
struct PictureHeader {
  uint32_t index = 0;
  int32_t width_px = 0;
  int32_t height_px = 0;
  int32_t n_frames = 0;  // of the file: ImageInfo::frames
};
// kPage: PageHeader, then n_chars CharRecords, then height_px * width_px * 3 bytes of RGB.
struct PageHeader {
  uint32_t index = 0;
  int32_t width_px = 0;
  int32_t height_px = 0;
  uint32_t n_chars = 0;
  double width_pt = 0;  // as shown: after rotation
  double height_pt = 0;
};
// kRewrittenPart: a uint32_t and as many bytes of the result. kRewritten: the result is whole;
// this, then a RewrittenPage a page.
inline constexpr uint32_t kMaxRewrittenPart = uint32_t{1} << 20;
struct Rewritten {
  enum Flag : uint32_t { kChanged = 1, kEncrypted = 2, kSigned = 4, kRepaired = 8 };
  uint32_t flags = 0;
  uint32_t pdfa_problem = 0;  // PdfaProblem
  uint32_t n_pages = 0;
};
// One character of the text layer in the order in which the page's content places it.
struct CharRecord {
  enum Flag : uint16_t {
    kGenerated = 1,  // put in by PDFium: spaces and line ends that the page does not write
    kUnmapped = 2,   // the font does not say which character the glyph is
    kInvisible = 4,  // drawn with render mode 3, as OCR software does over a scan
    kHyphen = 8,     // a hyphen that a line's end put into a word
    kCut = 16,       // the page has more characters than this last one
    kDrawn = 32,     // the page's picture shows it: without the page's text it would differ there
  };
  uint32_t codepoint = 0;
  uint16_t flags = 0;
  uint16_t font = 0;  // counts the page's fonts from 0; 0xffff: not known
  int32_t left = 0, top = 0, right = 0, bottom = 0;  // pixels of the picture, exclusive ends
};
// A page of a dense newspaper has some 50,000.
inline constexpr uint32_t kMaxChars = 1'000'000;

static_assert(sizeof(RequestHeader) == 8 && sizeof(PageRequest) == 24 && sizeof(ReplyHeader) == 8);
static_assert(sizeof(PictureRequest) == 32 && sizeof(PictureHeader) == 16);
static_assert(sizeof(Opened) == 4 && sizeof(Failed) == 4);
static_assert(sizeof(PageHeader) == 32 && sizeof(CharRecord) == 24);

// `type`'s message with its payload. A password has at most kMaxPasswordBytes, a picture
// kMaxPictureBytes.
std::string EncodeOpenPdf(std::string_view password);
std::string EncodeOpenPicture(const DecodeOptions& options, std::span<const std::byte> bytes);
std::string EncodePageRequest(const PageRequest& request);
// Strings and pages lie within kMaxRewriteBytes.
std::string EncodeRewrite(const RewriteOptions& options);
// The payload of such a request; nothing when it is none.
std::optional<RewriteOptions> DecodeRewrite(std::string_view payload);

// Where a reply's bytes come from.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Exactly n bytes into `to`, or an error.
  virtual Status Read(void* to, size_t n) = 0;
};

// Of a picture: its sizes in points are 0, and it has no characters.
struct RawPage {
  PageHeader header;
  std::vector<CharRecord> chars;
  Image image;
  int32_t n_frames = 1;  // of a picture's file; 1, any number above it, or kManyFrames
};
using Reply = std::variant<Opened, Failed, RawPage>;

struct ReplyLimits {
  int max_side_px = 0;  // of a PDF's page; 0: no such reply is right
  uint32_t max_chars = kMaxChars;
  int64_t max_pixels = 0;  // of a picture; 0: no such reply is right
};
// The next reply. Of a RawPage every number is checked: sizes within the limits, the picture whole,
// at most max_chars characters (their codepoints and boxes are any bits). Errors: kCorrupt when the
// bytes are no reply, kOutOfMemory, and those of `source`.
Result<Reply> ReadReply(ByteSource& source, const ReplyLimits& limits);

// What comes next of a PDF that is written anew: a part of it, what became of its `n_pages` pages,
// which is the end, or why there is none. Parts have 1 to kMaxRewrittenPart bytes. Errors:
// kCorrupt when the bytes are no such reply, and those of `source`.
using RewriteReply = std::variant<std::string, RewriteReport, Failed>;
Result<RewriteReply> ReadRewriteReply(ByteSource& source, size_t n_pages);

}  // namespace glmocr::pdf
