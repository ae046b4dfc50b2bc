// A file as the body of an answer, read as fast as the client takes it: a piece in memory, however
// large the file and slow the client.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/result.h"
#include "server/http_message.h"
#include "server/work_queue.h"

namespace glmocr::server {

// Answers with `head` and the file's bytes. The file may be deleted as soon as this returns.
// `done` is called when nothing more will be sent. Errors, before anything was sent: kNotFound,
// kIo.
Status SendFile(WorkQueue& work, const std::filesystem::path& path, HttpResponse head,
                const std::shared_ptr<Responder>& reply, std::function<void()> done = {});

}  // namespace glmocr::server
