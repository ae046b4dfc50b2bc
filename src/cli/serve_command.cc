// glm-ocr serve: the HTTP server.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/common_options.h"
#include "layout/geometric.h"
#include "server/server.h"

namespace glmocr::cli {
namespace {

struct ServeOptions {
  ModelOptions model;
  int64_t batch = 16;
  server::ServerConfig config;
  std::vector<std::string> key_files;
};

// Keys of a file: one a line; "name:key" or the key alone; # begins a comment.
Status AddKeys(const std::string& path, std::vector<server::ApiKey>* keys) {
  GLM_ASSIGN(std::string text, ReadFile(path, 1 << 20));
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    const size_t colon = line.find(':');
    const std::string name = colon == std::string::npos ? "key-" + std::to_string(keys->size() + 1)
                                                        : line.substr(0, colon);
    const std::string key = colon == std::string::npos ? line : line.substr(colon + 1);
    if (key.size() < 16) {
      return Error{ErrorCode::kInvalidArgument,
                   "'" + path + "': the key of '" + name + "' is shorter than 16 characters"};
    }
    keys->push_back({.name = name, .digest = server::DigestOfKey(key)});
  }
  return OkStatus();
}

Status Serve(ServeOptions& options) {
  for (const std::string& file : options.key_files)
    GLM_RETURN_IF_ERROR(AddKeys(file, &options.config.keys));
  if (const char* key = std::getenv("GLMOCR_API_KEY"); key != nullptr && *key != '\0') {
    options.config.keys.push_back({.name = "environment", .digest = server::DigestOfKey(key)});
  }
  GLM_RETURN_IF_ERROR(server::Validate(options.config));
  GLM_ASSIGN(std::filesystem::path dir, options.model.ModelDir());
  GLM_ASSIGN(auto recognizer, Recognizer::Load(dir, {.runner = options.model.ToRunnerOptions(),
                                                     .max_batch = options.batch}));
  GLM_ASSIGN(auto server,
             server::Server::Start(options.config, *recognizer, MakeGeometricLayout()));
  std::fprintf(stderr, "glm-ocr: listening on http://%s:%u\n", options.config.http.host.c_str(),
               static_cast<unsigned>(server->port()));
  while (!Interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  server->Drain();
  return OkStatus();
}

}  // namespace

Command RegisterServe(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* command = app.add_subcommand("serve", "Answer over HTTP: OpenAI's API and documents");
  options->model.Register(*command);
  command->add_option("--batch", options->batch, "Requests decoded together")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}))
      ->capture_default_str();
  command->add_option("--host", options->config.http.host, "Address to listen on")
      ->capture_default_str();
  command->add_option("--port", options->config.http.port, "Port to listen on; 0: any")
      ->capture_default_str();
  command->add_option("--api-key-file", options->key_files,
                      "File of API keys, one a line: KEY or NAME:KEY");
  command
      ->add_option("--data-dir", options->config.data_dir,
                   "Private folder of uploads, results and the job database; without: a "
                   "temporary one, and no job survives the server")
      ->type_name("DIR");
  return [options] {
    const Status status = Serve(*options);
    return status.ok() ? kExitOk : Fail(status.error());
  };
}

}  // namespace glmocr::cli
