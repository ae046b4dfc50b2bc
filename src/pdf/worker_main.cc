// glm-ocr-worker: reads one PDF, or pictures of one sender, for the process that started it.
//
//   glm-ocr-worker MAX_MEMORY_BYTES CPU_SECONDS_PER_REQUEST [LIBPDFIUM]
//
//   glm-ocr-worker MAX_MEMORY_BYTES CPU_SECONDS --rewrite
//
// With a LIBPDFIUM it reads a PDF, without pictures; with --rewrite it writes the PDF anew with the
// text of the PDF at descriptor 5. Descriptor 3 is a socket to the parent
// (pdf/protocol.h), 4 the PDF file. Limits itself (pdf/sandbox.h) before it looks at foreign bytes,
// ends when the socket closes. With --confinement it tells how far the kernel has confined it, and
// ends.
#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <utility>

#include "media/decode.h"
#include "pdf/font_files.h"
#include "pdf/pdfium.h"
#include "pdf/picture_source.h"
#include "pdf/protocol.h"
#include "pdf/renderer.h"
#include "pdf/rewriter.h"
#include "pdf/sandbox.h"
#include "pdf/worker_source.h"

namespace glmocr::pdf {
namespace {

constexpr int kSocket = kWorkerSocketFd;
constexpr int kFile = 4;
constexpr int kLayerFile = 5;

// Buffered writing to the parent. A parent that is gone ends the process.
class Writer : public ReplySink {
 public:
  Writer() { buffer_.reserve(kCapacity); }
  void Begin(ReplyType type) override {
    replying_ = true;
    Put(ReplyHeader{kReplyMagic, static_cast<uint32_t>(type)});
  }
  void Write(const void* data, size_t n) override {
    const auto* from = static_cast<const char*>(data);
    if (buffer_.size() + n > kCapacity) Flush();
    if (n >= kCapacity) return Send(from, n);
    buffer_.insert(buffer_.end(), from, from + n);
  }
  template <typename T>
  void Put(const T& value) {
    Write(&value, sizeof(value));
  }
  // Whether a reply has begun since NextRequest.
  bool replying() const { return replying_; }
  void NextRequest() { replying_ = false; }
  void Flush() {
    Send(buffer_.data(), buffer_.size());
    buffer_.clear();
  }

 private:
  static constexpr size_t kCapacity = size_t{1} << 18;
  static void Send(const char* from, size_t n) {
    while (n > 0) {
      const ssize_t sent = ::send(kSocket, from, n, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) ::_exit(0);
      from += sent;
      n -= static_cast<size_t>(sent);
    }
  }
  std::vector<char> buffer_;
  bool replying_ = false;
};

// False at the end of the stream.
bool ReadExactly(void* to, size_t n) {
  auto* at = static_cast<char*>(to);
  while (n > 0) {
    const ssize_t got = ::recv(kSocket, at, n, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    n -= static_cast<size_t>(got);
  }
  return true;
}

// PDFium, when it could be loaded.
class PdfSource : public WorkerSource {
 public:
  PdfSource(const Pdfium* pdfium, int fd) {
    // Never destroyed: PDFium's own tear-down has nothing to give back in a process that ends.
    if (pdfium != nullptr) renderer_ = new Renderer(*pdfium, fd);
  }
  RequestType open_request() const override { return RequestType::kOpenPdf; }
  size_t max_payload_bytes() const override { return kMaxPasswordBytes; }
  bool reopens() const override { return false; }
  std::optional<FailureReason> Open(std::string password) override {
    return renderer_ != nullptr ? renderer_->Open(password) : FailureReason::kNoLibrary;
  }
  uint32_t n_pages() const override { return renderer_->n_pages(); }
  std::optional<FailureReason> Page(const PageRequest& request, ReplySink& reply) override {
    const Renderer::Sink sink{
        .begin =
            [&](const PageHeader& page, std::span<const CharRecord> chars) {
              reply.Begin(ReplyType::kPage);
              reply.Write(&page, sizeof(page));
              reply.Write(chars.data(), chars.size_bytes());
            },
        .pixels = [&](std::span<const uint8_t> rgb) { reply.Write(rgb.data(), rgb.size()); }};
    return renderer_->Render(request, sink);
  }

 private:
  Renderer* renderer_ = nullptr;
};

class Server {
 public:
  Server(WorkerSource& source, unsigned cpu_seconds) : source_(source), cpu_seconds_(cpu_seconds) {}

  // Answers requests until the parent closes the socket; the process's exit status.
  int Serve() {
    RequestHeader header;
    while (ReadExactly(&header, sizeof(header))) {
      LimitCpuFromNow(cpu_seconds_);
      writer_.NextRequest();
      std::optional<FailureReason> failure;
      try {
        if (header.type == static_cast<uint32_t>(source_.open_request()) &&
            (!opened_ || source_.reopens()) &&
            header.payload_bytes <= source_.max_payload_bytes()) {
          failure = Open(header.payload_bytes);
        } else if (header.type == static_cast<uint32_t>(RequestType::kPage) && opened_ &&
                   header.payload_bytes == sizeof(PageRequest)) {
          PageRequest request;
          if (!ReadExactly(&request, sizeof(request))) ::_exit(0);
          failure = source_.Page(request, writer_);
        } else {
          return 2;  // not our parent
        }
      } catch (const std::bad_alloc&) {
        // Thrown through a library, which is in no state to go on.
        if (!writer_.replying()) {
          Fail(FailureReason::kMemory);
          writer_.Flush();
        }
        return 4;
      }
      if (failure) Fail(*failure);
      writer_.Flush();
    }
    return 0;
  }

 private:
  void Fail(FailureReason reason) {
    writer_.Begin(ReplyType::kFailed);
    writer_.Put(Failed{static_cast<uint32_t>(reason)});
  }

  std::optional<FailureReason> Open(uint32_t payload_bytes) {
    std::string payload(payload_bytes, '\0');
    if (!ReadExactly(payload.data(), payload.size())) ::_exit(0);
    opened_ = false;
    if (auto failure = source_.Open(std::move(payload))) return failure;
    opened_ = true;
    writer_.Begin(ReplyType::kOpened);
    writer_.Put(Opened{source_.n_pages()});
    return std::nullopt;
  }

  WorkerSource& source_;
  const unsigned cpu_seconds_;
  Writer writer_;
  bool opened_ = false;
};

int ServePdf(const char* library, unsigned cpu_seconds) {
  LimitCpuFromNow(cpu_seconds);
  Pdfium pdfium{};
  const bool loaded = LoadPdfium(library, &pdfium);
  if (loaded) {
    const FpdfLibraryConfig config{.version = 2};
    pdfium.InitLibraryWithConfig(&config);
  }
  OpenFontFiles();
  Confine(Needs::kNothing);
  SealFontFiles();
  PdfSource source(loaded ? &pdfium : nullptr, kFile);
  return Server(source, cpu_seconds).Serve();
}

int ServePicture(unsigned cpu_seconds) {
  LimitCpuFromNow(cpu_seconds);
  // Each thread's own heap would take 64 MiB off the address space, and codecs start one a core.
  ::mallopt(M_ARENA_MAX, 1);
  LoadImageDecoders();
  Confine(Needs::kThreads);
  PictureSource source;
  return Server(source, cpu_seconds).Serve();
}

// One request, and the parts of the result.
int ServeRewrite(unsigned cpu_seconds) {
  LimitCpuFromNow(cpu_seconds);
  Confine(Needs::kNothing);
  RequestHeader header;
  if (!ReadExactly(&header, sizeof(header))) return 0;
  if (header.type != static_cast<uint32_t>(RequestType::kRewrite) ||
      header.payload_bytes > kMaxRewriteBytes)
    return 2;
  std::string payload(header.payload_bytes, '\0');
  if (!ReadExactly(payload.data(), payload.size())) return 0;
  const std::optional<RewriteOptions> options = DecodeRewrite(payload);
  if (!options) return 2;
  Writer writer;
  std::optional<FailureReason> failure;
  std::string part;
  const auto send = [&] {
    if (part.empty()) return;
    writer.Begin(ReplyType::kRewrittenPart);
    writer.Put(static_cast<uint32_t>(part.size()));
    writer.Write(part.data(), part.size());
    writer.Flush();
    part.clear();
  };
  try {
    const auto sink = [&](const void* data, size_t n) {
      const auto* from = static_cast<const char*>(data);
      while (n > 0) {
        const size_t now = std::min<size_t>(n, kMaxRewrittenPart - part.size());
        part.append(from, now);
        from += now;
        n -= now;
        if (part.size() == kMaxRewrittenPart) send();
      }
    };
    const RewriteReport report = Rewrite(kFile, kLayerFile, *options, sink);
    send();
    Rewritten said{.pdfa_problem = static_cast<uint32_t>(report.pdfa_problem),
                   .n_pages = static_cast<uint32_t>(report.pages.size())};
    if (report.changed) said.flags |= Rewritten::kChanged;
    if (report.encrypted) said.flags |= Rewritten::kEncrypted;
    if (report.is_signed) said.flags |= Rewritten::kSigned;
    if (report.repaired) said.flags |= Rewritten::kRepaired;
    writer.Begin(ReplyType::kRewritten);
    writer.Put(said);
    writer.Write(report.pages.data(), report.pages.size());
  } catch (const std::bad_alloc&) {
    failure = FailureReason::kMemory;
  } catch (const std::exception&) {
    failure = FailureReason::kFormat;
  }
  if (failure) {
    writer.Begin(ReplyType::kFailed);
    writer.Put(Failed{static_cast<uint32_t>(*failure)});
  }
  writer.Flush();
  return 0;
}

// What this kernel takes from a worker that reads pictures, the most that any worker is left with.
int ServeConfinement() {
  const Confined confined = Confine(Needs::kThreads);
  Writer writer;
  writer.Put(ConfinementReply{.calls = confined.calls ? 1u : 0u,
                              .landlock_abi = static_cast<uint32_t>(confined.landlock_abi),
                              .capabilities = confined.capabilities ? 1u : 0u});
  writer.Flush();
  return 0;
}

int Main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fprintf(
        stderr,
        "glm-ocr-worker: started by glm-ocr to read PDF files and pictures; not for use by "
        "hand\n");
    return 2;
  }
  if (!LimitProcess(std::strtoull(argv[1], nullptr, 10))) return 3;
  const auto cpu_seconds = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  if (argc == 4 && std::strcmp(argv[3], kRewriteMode) == 0) return ServeRewrite(cpu_seconds);
  if (argc == 4 && std::strcmp(argv[3], kConfinementMode) == 0) return ServeConfinement();
  return argc == 4 ? ServePdf(argv[3], cpu_seconds) : ServePicture(cpu_seconds);
}

}  // namespace
}  // namespace glmocr::pdf

int main(int argc, char** argv) {
  // The parent reports a worker that ends without an answer; there is nobody to print for.
  try {
    return glmocr::pdf::Main(argc, argv);
  } catch (const std::exception&) {
    return 4;
  }
}
