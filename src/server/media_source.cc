#include "server/media_source.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "fetch/fetch.h"
#include "pdf/locate.h"
#include "pdf/worker_pool.h"

namespace glmocr::server {
namespace {

std::filesystem::path Worker() {
  auto found = pdf::FindWorker();
  return found.ok() ? *std::move(found) : std::filesystem::path();
}

// The descriptor's file, closed at the end.
struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

// The file `path` below `folder`: the kernel follows no link and no ".." out of it, at whatever
// moment these may change.
int OpenBelow(int folder, const std::string& path) {
  open_how how = {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
}

}  // namespace

MediaSource::MediaSource(const ServerConfig& config, Log& log)
    : config_(config),
      log_(log),
      picture_worker_(Worker()),
      picture_workers_(std::make_shared<pdf::WorkerPool>(static_cast<size_t>(config.workers))) {}

InputOptions MediaSource::Options(const std::string& owner) const {
  InputOptions options;
  options.decode.max_pixels = config_.max_image_pixels;
  options.decode.max_total_pixels = 16 * config_.max_image_pixels;
  options.decode.max_pages = config_.max_pages;
  options.decode.max_encoded_bytes = config_.max_upload_bytes;
  options.pdf.max_pages = config_.max_pages;
  if (config_.picture_worker != "off") {
    PictureWorkerOptions& worker = options.picture_worker.emplace();
    worker.worker = picture_worker_;
    worker.owner = owner;
    if (config_.picture_worker == "shared") worker.pool = picture_workers_;
  }
  return options;
}

Result<std::string> MediaSource::ReadBelowMediaPath(const std::string& reference) const {
  // One answer for all that is not to be read, so that nobody learns which files exist.
  const Error refused = {ErrorCode::kInvalidArgument,
                         "it is not a readable file below the server's media path"};
  std::string path = reference.starts_with("file://") ? reference.substr(7) : reference;
  std::string folder = config_.media_path;
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  if (path.find('\0') != std::string::npos) return refused;
  if (!path.empty() && path[0] == '/') {
    if (!path.starts_with(folder + "/")) return refused;
    path.erase(0, folder.size() + 1);
  }
  const Descriptor root = {open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (root.fd < 0) {
    log_.Failure("media path", {{"error", std::string("the folder cannot be opened")}});
    return refused;
  }
  const Descriptor file = {OpenBelow(root.fd, path)};
  struct stat status {};
  if (file.fd < 0 || fstat(file.fd, &status) != 0 || !S_ISREG(status.st_mode)) return refused;
  if (static_cast<uint64_t>(status.st_size) > config_.max_upload_bytes) {
    return Error{ErrorCode::kResourceExhausted, "the file is larger than this server reads"};
  }
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  size_t n = 0;
  while (n < bytes.size()) {
    const ssize_t got = read(file.fd, bytes.data() + n, bytes.size() - n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    n += static_cast<size_t>(got);
  }
  bytes.resize(n);
  return bytes;
}

Result<std::string> MediaSource::Read(const MediaReference& media) const {
  const std::string& reference = media.reference;
  if (StartsWithNoCase(reference, "data:")) {
    return DecodeDataUri(reference, media.name, config_.max_upload_bytes / 3 * 4 + 1024);
  }
  if (reference.starts_with("http://") || reference.starts_with("https://")) {
    if (!config_.fetch.enabled) {
      return Error{ErrorCode::kInvalidArgument,
                   "this server does not fetch web addresses: send the file as a data: URI"};
    }
    return Fetch(reference, config_.fetch,
                 {.cancelled = media.cancelled, .log = [&](const std::string& line) {
                    log_.Info("fetch", {{"request_id", media.request_id}, {"detail", line}});
                  }});
  }
  if (config_.media_path.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "this server reads no files of its machine: send the file as a data: URI"};
  }
  return ReadBelowMediaPath(reference);
}

Result<std::unique_ptr<DocumentReader>> MediaSource::Open(const MediaReference& media) const {
  GLM_ASSIGN(std::string bytes, Read(media));
  return OpenDocumentBytes(std::move(bytes), media.name, Options(media.owner));
}

}  // namespace glmocr::server
