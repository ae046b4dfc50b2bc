#include "server/file_body.h"

#include <fstream>
#include <utility>

namespace glmocr::server {
namespace {

constexpr size_t kPieceBytes = size_t{256} << 10;

// One pump at a time: the next is asked for by the one before.
class FileBody : public std::enable_shared_from_this<FileBody> {
 public:
  FileBody(WorkQueue& work, std::ifstream file, std::shared_ptr<Responder> reply,
           std::function<void()> done)
      : work_(work), file_(std::move(file)), reply_(std::move(reply)), done_(std::move(done)) {}
  // Without End the answer is cut, and the client knows.
  ~FileBody() {
    if (done_) done_();
  }

  void Pump() {
    std::string piece(kPieceBytes, '\0');
    file_.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    piece.resize(static_cast<size_t>(file_.gcount()));
    reply_->Write(piece);
    if (file_.eof()) {
      reply_->End();
    } else if (file_.good() && !reply_->gone()) {
      reply_->OnRoom([self = shared_from_this()] { self->work_.Post([self] { self->Pump(); }); });
    }
  }

 private:
  WorkQueue& work_;
  std::ifstream file_;
  const std::shared_ptr<Responder> reply_;
  const std::function<void()> done_;
};

}  // namespace

Status SendFile(WorkQueue& work, const std::filesystem::path& path, HttpResponse head,
                const std::shared_ptr<Responder>& reply, std::function<void()> done) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorCode::kNotFound, "the file cannot be opened"};
  auto body = std::make_shared<FileBody>(work, std::move(file), reply, std::move(done));
  reply->Begin(std::move(head));
  body->Pump();
  return OkStatus();
}

}  // namespace glmocr::server
