// glm-ocr serve: the HTTP server. Its settings come from a file, the environment and flags
// (server/config_file.h); this file adds those of the model and runs it.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "base/untrusted_text.h"
#include "cli/commands.h"
#include "cli/common_options.h"
#include "server/config_file.h"
#include "server/server.h"

namespace glmocr::cli {
namespace {

struct ServeOptions {
  ModelOptions model;
  std::string layout = "auto", layout_model, drafts = "auto";
  int64_t batch = 16;
  size_t encoder_cache_bytes = RecognizerOptions().encoder_cache_bytes;
  server::ServerConfig config;
  server::Settings settings;

  std::string config_path;
  bool check_config = false, print_reference = false;
  std::vector<std::string> flags;  // by setting: what the command line says
};

void AddModelSettings(ServeOptions* o) {
  const auto add = [o](server::Setting setting) {
    setting.group = "Model";
    o->settings.Add(std::move(setting));
  };
  add({.name = "model",
       .help = "Model folder; empty: the starter model, which reads printed Latin lines",
       .target = &o->model.model,
       .placeholder = "DIR",
       .short_flag = 'm'});
  add({.name = "kernels",
       .help = "Instruction set: auto, reference, avx2, avx512, avx512_bf16, ...",
       .target = &o->model.kernels});
  add({.name = "compute",
       .help = "Dot products; auto: bf16 where the processor multiplies it natively",
       .target = &o->model.compute,
       .choices = {"auto", "f32", "bf16"}});
  add({.name = "threads",
       .help = "Threads of the model; 0: all processors this process may use",
       .target = &o->model.threads,
       .high = 1024,
       .short_flag = 'j'});
  add({.name = "cache_tokens",
       .help = "Capacity of the key/value cache in tokens, all requests together",
       .target = &o->model.cache_tokens,
       .low = 64,
       .high = 1 << 24});
  add({.name = "batch",
       .help = "Requests decoded together",
       .target = &o->batch,
       .low = 1,
       .high = kMaxBatch});
  add({.name = "drafts",
       .help = "Speculative decoding: auto (while it pays), off, or a fixed number of drafts",
       .target = &o->drafts,
       .choices = {"auto", "off", "1", "2", "3"}});
  add({.name = "encoder_cache_bytes",
       .help = "Embeddings kept of pictures that may come again",
       .target = &o->encoder_cache_bytes,
       .high = 1e12});
  add({.name = "layout",
       .help = "Regions of documents: geometric, by the network of layout_model, or auto (the "
               "network where it is given)",
       .target = &o->layout,
       .choices = {"auto", "geometric", "pp-doclayout-v3"}});
  add({.name = "layout_model",
       .help = "Folder of PP-DocLayoutV3's weights",
       .target = &o->layout_model,
       .placeholder = "DIR"});
}

// File, environment, flags, in this order.
Status ReadSettings(ServeOptions& o) {
  std::string path = o.config_path;
  if (const char* named = std::getenv("GLMOCR_CONFIG"); path.empty() && named != nullptr)
    path = named;
  if (!path.empty()) GLM_RETURN_IF_ERROR(o.settings.ReadFile(path));
  std::vector<std::string> unknown;
  GLM_RETURN_IF_ERROR(o.settings.ReadEnvironment(environ, &unknown));
  for (const std::string& name : unknown) {
    // These are read elsewhere: here, and by pdf/.
    if (name != "GLMOCR_CONFIG" && name != "GLMOCR_WORKER" && name != "GLMOCR_PDFIUM")
      std::fprintf(stderr, "glm-ocr: note: the variable %s sets nothing\n",
                   QuoteUntrusted(name).c_str());
  }
  return OkStatus();
}

Status SetFlags(ServeOptions& o, const CLI::App& command) {
  for (size_t i = 0; i < o.settings.all().size(); ++i) {
    const std::string name = o.settings.all()[i].name;
    const std::string flag = server::FlagOf(name);
    if (command.count(flag) > 0) GLM_RETURN_IF_ERROR(o.settings.Set(name, o.flags[i], flag));
  }
  return OkStatus();
}

// As many descriptors as the connections need; the hard limit is what there is.
void RaiseDescriptorLimit(int max_connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const auto wanted = static_cast<rlim_t>(max_connections) + 256;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < wanted) {
    std::fprintf(stderr,
                 "glm-ocr: note: this process may open %llu files, which is less than "
                 "max_connections needs (raise it with ulimit -n)\n",
                 static_cast<unsigned long long>(limit.rlim_cur));  // NOLINT(google-runtime-int)
  }
}

int Serve(ServeOptions& o, const CLI::App& command) {
  if (o.print_reference) {  // before anything is set: the defaults
    std::fputs(o.settings.Reference().c_str(), stdout);
    return kExitOk;
  }
  Status status = ReadSettings(o);
  if (status.ok()) status = SetFlags(o, command);
  if (status.ok()) status = o.settings.ReadKeys();
  if (status.ok()) status = server::Validate(o.config);
  if (!status.ok()) {
    Fail(status.error());
    return kExitUsage;
  }
  if (o.check_config) {
    std::fputs(o.settings.Effective().c_str(), stdout);
    return kExitOk;
  }
  const auto run = [&]() -> Status {
    RaiseDescriptorLimit(o.config.http.limits.max_connections);
    GLM_ASSIGN(std::filesystem::path dir, o.model.ModelDir());
    GLM_ASSIGN(auto layout, MakeLayout(o.layout, o.layout_model, o.model));
    GLM_ASSIGN(auto recognizer,
               Recognizer::Load(dir, {.runner = o.model.ToRunnerOptions(),
                                      .max_batch = o.batch,
                                      .drafts = DraftOptions(o.drafts),
                                      .encoder_cache_bytes = o.encoder_cache_bytes}));
    GLM_ASSIGN(auto server, server::Server::Start(o.config, *recognizer, std::move(layout)));
    const bool tls = !o.config.http.tls.certificate.empty();
    const bool v6 = o.config.http.host.find(':') != std::string::npos;
    if (o.model.model.empty() && recognizer->reads_lines())
      std::fprintf(stderr, "glm-ocr: note: %s\n", StarterNote(*recognizer).c_str());
    std::fprintf(stderr, "glm-ocr: listening on %s://%s%s%s:%u\n", tls ? "https" : "http",
                 v6 ? "[" : "", o.config.http.host.c_str(), v6 ? "]" : "",
                 static_cast<unsigned>(server->port()));
    while (!Interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server->Drain();
    return OkStatus();
  };
  status = run();
  return status.ok() ? kExitOk : Fail(status.error());
}

constexpr const char* kFooter =
    R"(Every setting has one name for flags, environment and file: --max-queue 64,
GLMOCR_MAX_QUEUE=64, max_queue: 64. Flags go before the environment, that before
the file, that before the defaults.

Examples:
  glm-ocr serve                                       this machine only, http://127.0.0.1:8080
  glm-ocr serve -m GLM-OCR --batch 32 --cache-tokens 65536
  GLMOCR_API_KEY=$(openssl rand -hex 24) glm-ocr serve --host 0.0.0.0
  glm-ocr serve --host 0.0.0.0 --api-key-file keys --tls-certificate cert.pem --tls-key key.pem
  glm-ocr serve --config glm-ocr.yaml --port 9000
  glm-ocr serve --config glm-ocr.yaml --check-config  what holds, and where it was said)";

}  // namespace

Command RegisterServe(CLI::App& app) {
  auto options = std::make_shared<ServeOptions>();
  ServeOptions* o = options.get();
  CLI::App* command = app.add_subcommand("serve", "Answer over HTTP: OpenAI's API and documents");
  command->add_option("--config", o->config_path, "YAML file of settings; or GLMOCR_CONFIG")
      ->type_name("FILE");
  command->add_flag("--check-config", o->check_config,
                    "Print the settings in effect, keys hidden, and exit");
  command->add_flag("--print-reference", o->print_reference, "The settings as in docs/server.md")
      ->group("");
  AddModelSettings(o);
  server::AddServerSettings(o->settings, &o->config);
  o->flags.resize(o->settings.all().size());
  for (size_t i = 0; i < o->flags.size(); ++i) {
    const server::Setting& setting = o->settings.all()[i];
    std::string names = server::FlagOf(setting.name);
    if (setting.short_flag != 0) names = std::string("-") + setting.short_flag + "," + names;
    if (std::holds_alternative<bool*>(setting.target)) {
      command->add_flag(names + "{true}", o->flags[i], setting.help)->group(setting.group);
    } else {
      command->add_option(names, o->flags[i], setting.help)
          ->type_name(server::PlaceholderOf(setting))
          ->default_str(server::Settings::ValueText(setting))
          ->group(setting.group);
    }
  }
  command->footer(kFooter);
  return [options, command] { return Serve(*options, *command); };
}

}  // namespace glmocr::cli
