// glm-ocr-pdf-worker: parses and renders one PDF for the process that started it, and for nobody
// else.
//
//   glm-ocr-pdf-worker LIBPDFIUM MAX_MEMORY_BYTES CPU_SECONDS_PER_REQUEST
//
// Descriptor 3 is a socket to the parent (pdf/protocol.h), 4 the PDF. Limits itself (pdf/sandbox.h)
// before it looks at the file, ends when the socket closes. `--check-sandbox` shows what the limits
// refuse, for tests.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "pdf/pdfium.h"
#include "pdf/protocol.h"
#include "pdf/renderer.h"
#include "pdf/sandbox.h"

namespace glmocr::pdf {
namespace {

constexpr int kSocket = 3;
constexpr int kFile = 4;

// Buffered writing to the parent. A parent that is gone ends the process.
class Writer {
 public:
  Writer() { buffer_.reserve(kCapacity); }
  void Write(const void* data, size_t n) {
    const auto* from = static_cast<const char*>(data);
    if (buffer_.size() + n > kCapacity) Flush();
    if (n >= kCapacity) return Send(from, n);
    buffer_.insert(buffer_.end(), from, from + n);
  }
  template <typename T>
  void Write(const T& value) {
    Write(&value, sizeof(value));
  }
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

class Server {
 public:
  Server(const Pdfium* pdfium, unsigned cpu_seconds)
      : cpu_seconds_(cpu_seconds), loaded_(pdfium != nullptr) {
    // Never destroyed: PDFium's own tear-down has nothing to give back in a process that ends.
    if (loaded_) renderer_ = new Renderer(*pdfium, kFile);
  }

  // Answers requests until the parent closes the socket; the process's exit status.
  int Serve() {
    RequestHeader header;
    while (ReadExactly(&header, sizeof(header))) {
      LimitCpuFromNow(cpu_seconds_);
      replying_ = false;
      std::optional<FailureReason> failure;
      try {
        if (header.type == static_cast<uint32_t>(RequestType::kOpen) && !opened_ &&
            header.payload_bytes <= kMaxPasswordBytes) {
          failure = Open(header.payload_bytes);
        } else if (header.type == static_cast<uint32_t>(RequestType::kPage) && opened_ &&
                   header.payload_bytes == sizeof(PageRequest)) {
          failure = Page();
        } else {
          return 2;  // not our parent
        }
      } catch (const std::bad_alloc&) {
        // Thrown through PDFium, which is in no state to go on.
        if (!replying_) Fail(FailureReason::kMemory);
        return 4;
      }
      if (failure) Fail(*failure);
    }
    return 0;
  }

 private:
  void Begin(ReplyType type) {
    replying_ = true;
    writer_.Write(ReplyHeader{kReplyMagic, static_cast<uint32_t>(type)});
  }

  void Fail(FailureReason reason) {
    Begin(ReplyType::kFailed);
    writer_.Write(Failed{static_cast<uint32_t>(reason)});
    writer_.Flush();
  }

  std::optional<FailureReason> Open(uint32_t password_bytes) {
    std::string password(password_bytes, '\0');
    if (!ReadExactly(password.data(), password.size())) ::_exit(0);
    if (!loaded_) return FailureReason::kNoLibrary;
    if (auto failure = renderer_->Open(password)) return failure;
    opened_ = true;
    const Opened opened{renderer_->n_pages()};
    Begin(ReplyType::kOpened);
    writer_.Write(opened);
    writer_.Flush();
    return std::nullopt;
  }

  std::optional<FailureReason> Page() {
    PageRequest request;
    if (!ReadExactly(&request, sizeof(request))) ::_exit(0);
    const Renderer::Sink sink{
        .begin =
            [this](const PageHeader& page, std::span<const CharRecord> chars) {
              Begin(ReplyType::kPage);
              writer_.Write(page);
              writer_.Write(chars.data(), chars.size_bytes());
            },
        .pixels = [this](std::span<const uint8_t> rgb) { writer_.Write(rgb.data(), rgb.size()); }};
    const auto failure = renderer_->Render(request, sink);
    writer_.Flush();
    return failure;
  }

  const unsigned cpu_seconds_;
  const bool loaded_;
  Renderer* renderer_ = nullptr;
  Writer writer_;
  bool opened_ = false;
  bool replying_ = false;  // to the request at hand
};

int Serve(const char* library, unsigned cpu_seconds) {
  LimitCpuFromNow(cpu_seconds);
  Pdfium pdfium{};
  const bool loaded = LoadPdfium(library, &pdfium);
  if (loaded) {
    const FpdfLibraryConfig config{.version = 2};
    pdfium.InitLibraryWithConfig(&config);
  }
  Confine();
  return Server(loaded ? &pdfium : nullptr, cpu_seconds).Serve();
}

// One line per thing that the worker must not be able to do: "NAME allowed" or "NAME refused".
[[noreturn]] void CheckSandbox() {
  const auto say = [](const char* what, bool refused) {
    std::printf("%s %s\n", what, refused ? "refused" : "allowed");
    std::fflush(stdout);
  };
  const bool landlock = Confine();
  std::printf("landlock %s\n", landlock ? "yes" : "no");
  say("read", ::open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0);
  say("write", ::open("/tmp/glm-ocr-sandbox-check", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0);
  say("socket", ::socket(AF_INET, SOCK_STREAM, 0) < 0);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  say("fork", child < 0);
  char* const none[] = {nullptr};
  ::execve("/bin/true", none, none);
  say("exec", true);
  void* memory = ::mmap(nullptr, size_t{1} << 36, PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  say("memory", memory == MAP_FAILED);
  ::_exit(0);  // what a sanitizer does at the end needs what is refused
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--check-sandbox") == 0) {
    if (!LimitProcess(uint64_t{1} << 31)) return 1;
    CheckSandbox();
  }
  if (argc != 4) {
    std::fprintf(stderr,
                 "glm-ocr-pdf-worker: started by glm-ocr to read PDF files; not for use by hand\n");
    return 2;
  }
  if (!LimitProcess(std::strtoull(argv[2], nullptr, 10))) return 3;
  return Serve(argv[1], static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)));
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
