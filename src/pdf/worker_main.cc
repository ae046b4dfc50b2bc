// glm-ocr-pdf-worker: parses and renders one PDF for the process that started it, and for nobody
// else.
//
//   glm-ocr-pdf-worker LIBPDFIUM MAX_MEMORY_BYTES CPU_SECONDS_PER_REQUEST
//
// Descriptor 3 is a socket to the parent (pdf/protocol.h), 4 the PDF. Limits itself (pdf/sandbox.h)
// before it looks at the file, ends when the socket closes. `--check-sandbox` shows what the limits
// refuse, for tests.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
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

void Fail(Writer& writer, FailureReason reason) {
  writer.Write(ReplyHeader{kReplyMagic, static_cast<uint32_t>(ReplyType::kFailed)});
  writer.Write(Failed{static_cast<uint32_t>(reason)});
  writer.Flush();
}

int Serve(const char* library, unsigned cpu_seconds) {
  Writer writer;
  LimitCpuFromNow(cpu_seconds);
  Pdfium pdfium{};
  const bool loaded = LoadPdfium(library, &pdfium);
  if (loaded) {
    const FpdfLibraryConfig config{.version = 2};
    pdfium.InitLibraryWithConfig(&config);
  }
  Confine();
  // Never destroyed: PDFium's own tear-down has nothing to give back in a process that ends.
  auto* renderer = new Renderer(pdfium, kFile);
  bool opened = false;
  RequestHeader header;
  while (ReadExactly(&header, sizeof(header))) {
    LimitCpuFromNow(cpu_seconds);
    std::optional<FailureReason> failure;
    if (header.type == static_cast<uint32_t>(RequestType::kOpen) && !opened &&
        header.payload_bytes <= kMaxPasswordBytes) {
      std::string password(header.payload_bytes, '\0');
      if (!ReadExactly(password.data(), password.size())) return 0;
      failure = loaded ? renderer->Open(password) : FailureReason::kNoLibrary;
      if (!failure) {
        opened = true;
        writer.Write(ReplyHeader{kReplyMagic, static_cast<uint32_t>(ReplyType::kOpened)});
        writer.Write(Opened{renderer->n_pages()});
        writer.Flush();
      }
    } else if (header.type == static_cast<uint32_t>(RequestType::kPage) && opened &&
               header.payload_bytes == sizeof(PageRequest)) {
      PageRequest request;
      if (!ReadExactly(&request, sizeof(request))) return 0;
      failure = renderer->Render(
          request,
          {.begin =
               [&](const PageHeader& page, std::span<const CharRecord> chars) {
                 writer.Write(ReplyHeader{kReplyMagic, static_cast<uint32_t>(ReplyType::kPage)});
                 writer.Write(page);
                 writer.Write(chars.data(), chars.size_bytes());
               },
           .pixels = [&](std::span<const uint8_t> rgb) { writer.Write(rgb.data(), rgb.size()); }});
      writer.Flush();
    } else {
      return 2;  // not our parent
    }
    if (failure) Fail(writer, *failure);
  }
  return 0;
}

// One line per thing that the worker must not be able to do: "NAME allowed" or "NAME refused".
int CheckSandbox() {
  const auto say = [](const char* what, bool refused) {
    std::printf("%s %s\n", what, refused ? "refused" : "allowed");
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
  ::fflush(stdout);
  ::execve("/bin/true", none, none);
  say("exec", true);
  std::unique_ptr<char[]> memory(new (std::nothrow) char[size_t{1} << 36]);
  say("memory", memory == nullptr);
  return 0;
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--check-sandbox") == 0)
    return LimitProcess(uint64_t{1} << 31) ? CheckSandbox() : 1;
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
