#include "pipeline/inputs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/read_stream.h"
#include "base/untrusted_text.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxInputs = 1'000'000;
constexpr size_t kHashChunk = size_t{1} << 20;

constexpr std::array kExtensions = {".pdf",  ".png", ".jpg",  ".jpeg", ".jpe",  ".jfif",
                                    ".webp", ".tif", ".tiff", ".bmp",  ".gif",  ".pnm",
                                    ".pbm",  ".pgm", ".ppm",  ".heic", ".heif", ".avif"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool HasKnownExtension(const fs::path& path) {
  const std::string extension = ToLowerAscii(path.extension().string());
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

// Less as people count: runs of digits by their value, letters without case, folder by folder.
// Names that only differ in case or leading zeros are ordered by their bytes.
bool NaturalLess(const std::string& a, const std::string& b) {
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (IsDigit(a[i]) && IsDigit(b[j])) {
      const auto number = [](const std::string& s, size_t* at) {
        const size_t begin = s.find_first_not_of('0', *at);
        *at = std::min(s.find_first_not_of("0123456789", *at), s.size());
        return std::string_view(s).substr(std::min(begin, *at), *at - std::min(begin, *at));
      };
      const std::string_view m = number(a, &i), n = number(b, &j);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
      continue;
    }
    // A folder's end comes before all else, so that its files stay together.
    const auto rank = [](char c) {
      return c == '/' ? 0 : static_cast<int>(static_cast<unsigned char>(ToLowerAscii(c))) + 1;
    };
    if (a[i] != b[j] && rank(a[i]) != rank(b[j])) return rank(a[i]) < rank(b[j]);
    ++i, ++j;
  }
  if ((i == a.size()) != (j == b.size())) return i == a.size();
  return a < b;
}

DocumentInput Broken(const std::string& name, ErrorCode code, std::string_view what) {
  return {.name = name, .error = Error{code, fmt::format("{}: {}", QuoteUntrusted(name), what)}};
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = ToLowerAscii(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// %41 -> A; nothing on a lone '%'.
std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexValue(text[i + 1]), low = HexValue(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// The path of a file: URI (RFC 8089): file:///a%20b, file://localhost/a, file:/a.
std::optional<std::string> PathOfFileUri(std::string_view uri) {
  uri.remove_prefix(std::string_view("file:").size());
  if (uri.substr(0, 2) == "//") {
    uri.remove_prefix(2);
    if (StartsWithNoCase(uri, "localhost/"))
      uri.remove_prefix(std::string_view("localhost").size());
  }
  if (uri.empty() || uri.front() != '/') return std::nullopt;
  std::optional<std::string> path = PercentDecode(uri);
  if (path && path->find('\0') != std::string::npos) return std::nullopt;
  return path;
}

class Expander {
 public:
  explicit Expander(std::vector<std::string>* skipped) : skipped_(skipped) {}

  Result<std::vector<DocumentInput>> Expand(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      AddName(name);
      if (inputs_.size() > kMaxInputs) {
        return Error{ErrorCode::kResourceExhausted,
                     fmt::format("more than {} inputs (name fewer at once)", kMaxInputs)};
      }
    }
    return std::move(inputs_);
  }

 private:
  void AddName(const std::string& name) {
    std::error_code error;
    if (name == "-") return AddStdin();
    if (StartsWithNoCase(name, "data:")) {
      // The URI itself would make no message and no file name.
      inputs_.push_back({.name = fmt::format("data-{}", ++n_data_), .location = name});
      return;
    }
    if (name.empty() || name.find('\0') != std::string::npos) {
      inputs_.push_back(Broken(name, ErrorCode::kInvalidArgument, "not a file name"));
      return;
    }
    if (fs::exists(fs::symlink_status(name, error))) return AddPath(name);
    if (StartsWithNoCase(name, "file:")) {
      if (std::optional<std::string> path = PathOfFileUri(name)) return AddPath(*path);
      inputs_.push_back(Broken(name, ErrorCode::kInvalidArgument,
                               "not a file: URI of this machine (write file:///path)"));
      return;
    }
    if (StartsWithNoCase(name, "http://") || StartsWithNoCase(name, "https://")) {
      inputs_.push_back(Broken(name, ErrorCode::kUnsupported,
                               "web addresses are not fetched (download it, or pipe it: curl -fsSL "
                               "URL | glm-ocr parse -)"));
      return;
    }
    if (name.find_first_of("*?[") != std::string::npos) return AddPattern(name);
    inputs_.push_back({.name = name});  // OpenDocument says what is wrong with it
  }

  void AddStdin() {
    if (std::exchange(has_stdin_, true)) {
      inputs_.push_back(
          Broken("-", ErrorCode::kInvalidArgument, "standard input can be read only once"));
      return;
    }
    inputs_.push_back({.name = "-"});
  }

  void AddPath(const std::string& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) return AddFolder(path);
    inputs_.push_back({.name = path});
  }

  void AddPattern(const std::string& pattern) {
    glob_t found{};
    const int status = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
    std::vector<std::string> paths;
    if (status == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (paths.empty()) {
      inputs_.push_back(
          status == GLOB_NOSPACE
              ? Broken(pattern, ErrorCode::kResourceExhausted, "matches too much")
              : Broken(pattern, ErrorCode::kNotFound, "no file matches this pattern"));
      return;
    }
    std::sort(paths.begin(), paths.end(), NaturalLess);
    for (const std::string& path : paths) {
      AddPath(path);
      if (inputs_.size() > kMaxInputs) return;
    }
  }

  void AddFolder(const std::string& folder) {
    std::vector<std::string> files;
    std::vector<DocumentInput> broken;
    std::vector<fs::path> open = {folder};
    std::error_code error;
    while (!open.empty() && files.size() + inputs_.size() <= kMaxInputs) {
      const fs::path dir = std::move(open.back());
      open.pop_back();
      fs::directory_iterator at(dir, error);
      for (; !error && at != fs::directory_iterator(); at.increment(error)) {
        std::error_code unknown;
        const fs::path& path = at->path();
        if (path.filename().native().front() == '.') continue;
        if (at->is_directory(unknown)) {
          if (!at->is_symlink(unknown)) open.push_back(path);
        } else if (HasKnownExtension(path) && at->is_regular_file(unknown)) {
          files.push_back(path.string());
        } else if (skipped_ != nullptr) {
          skipped_->push_back(path.string());
        }
      }
      if (error) {
        broken.push_back(Broken(dir.string(), ErrorCode::kIo,
                                fmt::format("the folder cannot be read: {}", error.message())));
      }
    }
    if (files.empty() && broken.empty()) {
      broken.push_back(Broken(folder, ErrorCode::kNotFound,
                              "the folder holds no PDF file and no picture (told by their names; "
                              "name other files one by one)"));
    }
    std::sort(files.begin(), files.end(), NaturalLess);
    for (std::string& file : files) {
      const fs::path below = fs::path(file).parent_path().lexically_relative(folder);
      inputs_.push_back(
          {.name = std::move(file), .subfolder = below == "." ? std::string() : below.string()});
    }
    std::move(broken.begin(), broken.end(), std::back_inserter(inputs_));
  }

  std::vector<std::string>* const skipped_;
  std::vector<DocumentInput> inputs_;
  bool has_stdin_ = false;
  int n_data_ = 0;
};

// The hash of a whole, taken in chunks, so that a file need not lie in memory for it.
class ChunkHash {
 public:
  void Add(const void* chunk, size_t n) { hash_ = HashCombine(hash_, chunk, n); }
  Hash128 value() const { return hash_; }

 private:
  Hash128 hash_;
};

Hash128 HashOf(std::string_view bytes) {
  ChunkHash hash;
  for (size_t at = 0; at < bytes.size(); at += kHashChunk) {
    const std::string_view chunk = bytes.substr(at, kHashChunk);
    hash.Add(chunk.data(), chunk.size());
  }
  return hash.value();
}

// Of a file of several pictures that are no pages, the first is read.
InputPage FirstOf(int n_frames, Image image) {
  InputPage out{.image = std::move(image)};
  if (n_frames == 1) return out;
  const std::string of = n_frames == kManyFrames ? "several" : std::to_string(n_frames);
  out.warnings.push_back({.kind = WarningKind::kFramesSkipped,
                          .message = fmt::format("only the first of {} pictures in the file was "
                                                 "read (save the others as files of their own)",
                                                 of)});
  return out;
}

class PictureReader : public DocumentReader {
 public:
  PictureReader(std::shared_ptr<const std::string> bytes, std::string name,
                const DecodeOptions& options, const ImageInfo& info)
      : bytes_(std::move(bytes)),
        name_(std::move(name)),
        options_(options),
        n_pages_(info.pages),
        n_frames_(info.frames) {}
  int n_pages() const override { return n_pages_; }
  Hash128 content_hash() const override { return HashOf(*bytes_); }
  Result<InputPage> Read(int index, int) override {
    DecodeOptions whole = options_;
    whole.truncated = TruncatedMode::kReject;
    auto image = Decode(index, whole);
    bool damaged = false;
    if (!image.ok() && image.error().code == ErrorCode::kCorrupt &&
        options_.truncated == TruncatedMode::kAccept) {
      damaged = true;
      image = Decode(index, options_);
    }
    if (!image.ok()) {
      if (n_pages_ == 1) return image.error();
      return image.error().With(fmt::format("page {} of {}", index + 1, n_pages_));
    }
    InputPage page = FirstOf(n_frames_, *std::move(image));
    if (damaged) {
      page.warnings.push_back({.kind = WarningKind::kPictureDamaged,
                               .message = "the picture is truncated or damaged; only what is left "
                                          "of it was read"});
    }
    return page;
  }

 private:
  Result<Image> Decode(int index, const DecodeOptions& options) const {
    return DecodePage(std::as_bytes(std::span(*bytes_)), name_, index, options);
  }

  const std::shared_ptr<const std::string> bytes_;
  const std::string name_;
  const DecodeOptions options_;
  const int n_pages_, n_frames_;
};

// The same in a worker.
class WorkerPictureReader : public DocumentReader {
 public:
  WorkerPictureReader(std::unique_ptr<PictureDocument> picture, Hash128 hash)
      : picture_(std::move(picture)), hash_(hash) {}
  int n_pages() const override { return picture_->n_pages(); }
  Hash128 content_hash() const override { return hash_; }
  Result<InputPage> Read(int index, int next) override {
    GLM_ASSIGN(Image image, picture_->Read(index, next));
    return FirstOf(picture_->n_frames(), std::move(image));
  }

 private:
  std::unique_ptr<PictureDocument> picture_;
  const Hash128 hash_;
};

class PdfReader : public DocumentReader {
 public:
  PdfReader(std::unique_ptr<PdfDocument> pdf, Hash128 hash, bool has_text)
      : pdf_(std::move(pdf)), hash_(hash), has_text_(has_text) {}
  int n_pages() const override { return pdf_->n_pages(); }
  Hash128 content_hash() const override { return hash_; }
  Result<InputPage> Read(int index, int next) override {
    GLM_ASSIGN(PdfPage page, pdf_->Read(index, next));
    InputPage out{.image = std::move(page.image)};
    if (has_text_) out.text = std::move(page.text);
    out.width_pt = page.width_pt;
    out.height_pt = page.height_pt;
    return out;
  }

 private:
  std::unique_ptr<PdfDocument> pdf_;
  const Hash128 hash_;
  const bool has_text_;
};

// What the document was opened with.
std::shared_ptr<DocumentSource> WithOptions(std::shared_ptr<DocumentSource> source,
                                            const InputOptions& options) {
  source->password = options.pdf.password;
  source->turned_upright = options.decode.orientation == OrientationMode::kApply;
  return source;
}

// `path`: the file that the bytes are of, empty when there is none.
Result<std::unique_ptr<DocumentReader>> OpenBytes(std::string bytes, const std::string& name,
                                                  const std::string& path,
                                                  const InputOptions& options) {
  using Kind = DocumentSource::Kind;
  const auto data = std::as_bytes(std::span(bytes));
  if (LooksLikePdf(data)) {
    std::unique_ptr<PdfDocument> pdf;
    std::shared_ptr<DocumentSource> source;
    if (options.keep_source && !bytes.empty()) {
      GLM_ASSIGN(source, DocumentSource::OfCopy(Kind::kPdf, data));
      PdfOptions of_copy = options.pdf;
      of_copy.name = name;
      GLM_ASSIGN(pdf, PdfDocument::Open(source->path(), of_copy));
      source = WithOptions(std::move(source), options);
    } else {
      GLM_ASSIGN(pdf, PdfDocument::OpenBytes(data, name, options.pdf));
    }
    std::unique_ptr<DocumentReader> reader =
        std::make_unique<PdfReader>(std::move(pdf), HashOf(bytes), options.pdf.read_text);
    reader->set_source(std::move(source));
    return reader;
  }
  if (!bytes.empty() && !SniffImageFormat(data)) {
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("'{}': neither a PDF nor a picture that this program knows (JPEG, PNG, "
                    "WebP, TIFF, BMP, GIF, PNM, HEIC, AVIF)",
                    name)};
  }
  std::unique_ptr<DocumentReader> reader;
  std::shared_ptr<DocumentSource> source;
  if (options.picture_worker) {
    GLM_ASSIGN(std::unique_ptr<PictureDocument> picture,
               PictureDocument::Open(data, name, options.decode, *options.picture_worker));
    reader = std::make_unique<WorkerPictureReader>(std::move(picture), HashOf(bytes));
    if (options.keep_source && path.empty()) {
      source = DocumentSource::OfBytes(Kind::kPicture,
                                       std::make_shared<const std::string>(std::move(bytes)));
    } else if (options.keep_source) {
      GLM_ASSIGN(source, DocumentSource::OfFile(Kind::kPicture, path));
    }
  } else {
    GLM_ASSIGN(const ImageInfo info, ReadImageInfo(data, name, options.decode));
    auto kept = std::make_shared<const std::string>(std::move(bytes));
    if (options.keep_source) source = DocumentSource::OfBytes(Kind::kPicture, kept);
    reader = std::make_unique<PictureReader>(std::move(kept), name, options.decode, info);
  }
  if (source) reader->set_source(WithOptions(std::move(source), options));
  return reader;
}

// The hash of a regular file that begins as a PDF does; nothing for all others, also for those that
// cannot be read: reading them as a whole says why.
std::optional<Hash128> HashOfPdfFile(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return std::nullopt;
  std::optional<Hash128> hash;
  ChunkHash all;
  std::string chunk(kHashChunk, '\0');
  bool first = true;
  for (;;) {
    size_t n = 0;
    ssize_t got = 0;
    while (n < chunk.size()) {
      got = ::read(fd, chunk.data() + n, chunk.size() - n);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      n += static_cast<size_t>(got);
    }
    if (got < 0) break;
    const std::string_view read(chunk.data(), n);
    if (std::exchange(first, false) && !LooksLikePdf(std::as_bytes(std::span(read)))) break;
    if (n > 0) all.Add(read.data(), read.size());
    if (n < chunk.size()) {
      hash = all.value();
      break;
    }
  }
  ::close(fd);
  return hash;
}

}  // namespace

std::string InputOptions::Fingerprint() const {
  return fmt::format("alpha {} orientation {} truncated {} gray16 {} dpi {} side {} text {}",
                     static_cast<int>(decode.alpha), static_cast<int>(decode.orientation),
                     static_cast<int>(decode.truncated), static_cast<int>(decode.gray16), pdf.dpi,
                     pdf.max_side_px, pdf.read_text);
}

Result<std::vector<DocumentInput>> ExpandInputs(const std::vector<std::string>& names,
                                                std::vector<std::string>* skipped) {
  return Expander(skipped).Expand(names);
}

Result<Hash128> HashDocumentFile(const std::string& path) {
  if (const std::optional<Hash128> hash = HashOfPdfFile(path)) return *hash;
  GLM_ASSIGN(const std::string bytes, ReadFile(path, kMaxInputBytes));
  return HashOf(bytes);
}

Result<std::unique_ptr<DocumentReader>> OpenDocument(const DocumentInput& input,
                                                     const InputOptions& options) {
  if (input.error) return *input.error;
  const std::string& location = input.location.empty() ? input.name : input.location;
  if (location == "-") {
    GLM_ASSIGN(std::string bytes, ReadStdin(kMaxInputBytes, options.keep_going));
    return OpenBytes(std::move(bytes), "standard input", "", options);
  }
  if (StartsWithNoCase(location, "data:") && !input.location.empty()) {
    GLM_ASSIGN(std::string bytes, DecodeDataUri(location, input.name, kMaxInputBytes));
    return OpenBytes(std::move(bytes), input.name, "", options);
  }
  if (const std::optional<Hash128> hash = HashOfPdfFile(location)) {
    PdfOptions pdf_options = options.pdf;
    pdf_options.name = input.name;
    GLM_ASSIGN(std::unique_ptr<PdfDocument> pdf, PdfDocument::Open(location, pdf_options));
    std::unique_ptr<DocumentReader> reader =
        std::make_unique<PdfReader>(std::move(pdf), *hash, options.pdf.read_text);
    if (options.keep_source) {
      GLM_ASSIGN(std::shared_ptr<DocumentSource> source,
                 DocumentSource::OfFile(DocumentSource::Kind::kPdf, location));
      reader->set_source(WithOptions(std::move(source), options));
    }
    return reader;
  }
  GLM_ASSIGN(std::string bytes, IsFifo(location)
                                    ? ReadFifo(location, kMaxInputBytes, options.keep_going)
                                    : ReadFile(location, kMaxInputBytes));
  std::error_code unknown;
  const bool regular = fs::is_regular_file(location, unknown);
  return OpenBytes(std::move(bytes), input.name, regular ? location : std::string(), options);
}

Result<std::string> DecodeDataUri(std::string_view uri, const std::string& name,
                                  size_t limit_bytes) {
  const auto bad = [&](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}': {} (write data:image/png;base64,...)", name, why)};
  };
  const size_t comma = uri.find(',');
  if (comma == std::string_view::npos) return bad("the data: URI has no comma");
  const std::string_view head = uri.substr(0, comma), body = uri.substr(comma + 1);
  constexpr std::string_view kBase64 = ";base64";
  if (head.size() < kBase64.size() ||
      !StartsWithNoCase(head.substr(head.size() - kBase64.size()), kBase64))
    return bad("the data: URI is not in base64");
  if (body.size() > limit_bytes) {
    return Error{
        ErrorCode::kResourceExhausted,
        fmt::format("'{}': the data: URI is longer than the limit of {} bytes", name, limit_bytes)};
  }
  // Encoders escape nothing of it, as a rule, and '%' is no base64.
  std::optional<std::string> bytes = DecodeBase64(body);
  if (!bytes && body.find('%') != std::string_view::npos) {
    if (const std::optional<std::string> text = PercentDecode(body)) bytes = DecodeBase64(*text);
  }
  if (!bytes) return bad("the data: URI's base64 is damaged");
  return *std::move(bytes);
}

Result<std::unique_ptr<DocumentReader>> OpenDocumentBytes(std::string bytes, std::string_view name,
                                                          const InputOptions& options) {
  std::string shown = QuoteUntrusted(name);
  shown = shown.substr(1, shown.size() - 2);  // messages have their own quotes
  if (bytes.size() > kMaxInputBytes) {
    return Error{ErrorCode::kResourceExhausted,
                 fmt::format("'{}': more than the limit of {} bytes", shown, kMaxInputBytes)};
  }
  return OpenBytes(std::move(bytes), shown, "", options);
}

Result<PageSelection> SelectPages(const std::string& ranges, int n_pages) {
  GLM_ASSIGN(const PageRanges parsed, PageRanges::Parse(ranges));
  return parsed.Select(n_pages);
}

}  // namespace glmocr
