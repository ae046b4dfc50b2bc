#include "cli/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/base64.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/seconds_since.h"
#include "base/temp_file.h"
#include "base/thread_pool.h"
#include "base/untrusted_text.h"
#include "cli/commands.h"
#include "cli/version.h"
#include "eval/text.h"
#include "format/sdk_pages.h"
#include "kernels/select.h"
#include "layout/geometric.h"
#include "models/glm_ocr/inspect.h"
#include "pdf/confinement.h"
#include "pdf/locate.h"
#include "pipeline/default_model.h"
#include "pipeline/document_pages.h"

namespace glmocr::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// A picture of a page and a page's crops, besides the model: 37 megapixels in RGB twice, and some.
constexpr uint64_t kPageBytes = uint64_t{400} << 20;
// Uploads, archives and PDFs that are written anew need space for temporary files.
constexpr uint64_t kTemporaryBytes = uint64_t{1} << 30;

std::string GiB(uint64_t bytes) {
  return bytes < uint64_t{1} << 30
             ? fmt::format("{:.0f} MiB", static_cast<double>(bytes) / (1 << 20))
             : fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
}
std::string Json(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// A page of one word, whose cross-reference table PDFium builds itself.
std::string TinyPdf() {
  const std::string content = "BT /F1 24 Tf 20 20 Td (Works) Tj ET";
  return "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 "
         "R]/Count "
         "1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 72]/Contents 4 0 "
         "R/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj\n4 0 "
         "obj<</Length " +
         std::to_string(content.size()) + ">>stream\n" + content +
         "\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
}
// One black pixel, PNG.
constexpr std::string_view kTinyPng =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

class Examination {
 public:
  explicit Examination(const DoctorOptions& options) : options_(options) {}

  std::vector<Finding> Run() {
    machine_ = ReadMachine();
    Program();
    Processor();
    Kernels();
    Gpu();
    const bool model = Model();
    Memory();
    LayoutModel();
    Pdf();
    Pictures();
    Confinement();
    TemporaryFiles();
    if (model && options_.read_page) SamplePage();
    return std::move(findings_);
  }

 private:
  Finding& Add(std::string part, Health health, std::string text, std::string advice = {}) {
    findings_.push_back({std::move(part), health, std::move(text), std::move(advice)});
    return findings_.back();
  }
  void Tell(const std::string& what) const {
    if (options_.progress) options_.progress(what);
  }

  void Program() {
    Add("program", Health::kOk,
        fmt::format("glm-ocr {}{}", kVersion, *kCommit ? fmt::format(" ({})", kCommit) : ""))
        .values = {{"version", Json(kVersion)}, {"commit", Json(kCommit)}};
  }

  void Processor() {
    n_threads_ = options_.model.threads > 0 ? options_.model.threads : ThreadPool::DefaultThreads();
    Finding& f =
        Add("processor", Health::kOk,
            fmt::format(
                "{}, {} processor{}, {} thread{} used{}",
                machine_.processor.empty() ? "unknown" : machine_.processor, machine_.n_processors,
                machine_.n_processors == 1 ? "" : "s", n_threads_, n_threads_ == 1 ? "" : "s",
                machine_.processor_limit
                    ? fmt::format(" (the container's limit is {:g})", *machine_.processor_limit)
                    : ""));
    f.values = {{"name", Json(machine_.processor)},
                {"processors", Json(machine_.n_processors)},
                {"limit", machine_.processor_limit ? Json(*machine_.processor_limit) : "null"},
                {"threads", Json(n_threads_)},
                {"features", Json(machine_.features)}};
    if (!machine_.features.empty())
      f.text += "\n" + fmt::format("{}", fmt::join(machine_.features, " "));
  }

  void Kernels() {
    std::vector<std::string> runnable;
    for (const KernelTable* table : RunnableKernels()) runnable.emplace_back(table->name);
    const Result<const KernelTable*> chosen = SelectKernels(options_.model.kernels);
    if (!chosen.ok()) {
      Add("kernels", Health::kFailed, chosen.error().message,
          "set --kernels or GLMOCR_KERNELS to one of those, or leave it out");
      return;
    }
    const std::string name((*chosen)->name);
    const bool slow = name == "reference";
    const bool best = name == runnable.front();
    Finding& f =
        Add("kernels", slow || !best ? Health::kWarning : Health::kOk,
            fmt::format("{} (this machine can run {})", name, fmt::join(runnable, ", ")),
            slow ? best ? "this processor has none of the instruction sets that fast kernels need "
                          "(x86-64 with AVX2, or 64-bit Arm): expect to wait"
                        : "--kernels or GLMOCR_KERNELS asks for the slow reference kernels"
            : best ? ""
                   : "--kernels or GLMOCR_KERNELS asks for slower kernels than this processor has");
    f.values = {{"chosen", Json(name)}, {"runnable", Json(runnable)}};
  }

  void Gpu() {
    Finding& f = Add("gpu", Health::kNote,
                     machine_.gpus.empty()
                         ? "none seen; glm-ocr computes on processors only"
                         : fmt::format("{} seen and not used: glm-ocr computes on processors only",
                                       fmt::join(machine_.gpus, ", ")));
    f.values = {{"seen", Json(machine_.gpus)}, {"used", "false"}};
  }

  bool Model() {
    const Result<fs::path> dir = options_.model.ModelDir();
    const Result<ModelSummary> summary =
        dir.ok() ? InspectModel(*dir) : Result<ModelSummary>(dir.error());
    if (!summary.ok()) {
      Add("model", Health::kFailed, summary.error().message,
          options_.model.model.empty() ? "name a model's folder with --model, or install the "
                                         "program again with `make install`"
                                       : "");
      return false;
    }
    Tell("loading the model");
    Result<std::unique_ptr<Recognizer>> loaded =
        Recognizer::Load(*dir, {.runner = options_.model.ToRunnerOptions()});
    if (!loaded.ok()) {
      Add("model", Health::kFailed, loaded.error().message);
      return false;
    }
    recognizer_ = *std::move(loaded);
    const bool bf16 = recognizer_->runner().context().compute == Compute::kBF16;
    model_bytes_ =
        (bf16 ? summary->packed_bf16_bytes : summary->packed_f32_bytes) +
        static_cast<uint64_t>(options_.model.cache_tokens *
                              (summary->kv_bytes_per_token + summary->mtp_kv_bytes_per_token)) *
            (bf16 ? 1 : 2);
    const bool starter = recognizer_->reads_lines();
    Finding& f = Add(
        "model", Health::kOk,
        fmt::format("{}: {:.4g} M parameters, computes in {}, needs {} with its cache; reads {}",
                    QuoteUntrusted(dir->string()), static_cast<double>(summary->n_params) / 1e6,
                    bf16 ? "bf16" : "f32", GiB(model_bytes_),
                    starter ? "printed Latin lines" : "whole regions: text, tables, formulas"));
    if (starter && options_.model.model.empty() && std::getenv("GLMOCR_MODEL") == nullptr) {
      f.health = Health::kNote;
      f.advice =
          "this is the small demonstration model; for real documents use GLM-OCR "
          "(README, \"The real model\")";
    }
    f.values = {{"folder", Json(dir->string())},
                {"parameters", Json(summary->n_params)},
                {"compute", Json(bf16 ? "bf16" : "f32")},
                {"memory_bytes", Json(model_bytes_)},
                {"reads", Json(starter ? "lines" : "regions")}};
    for (const std::string& note : summary->notes) Add("model", Health::kNote, note);
    return true;
  }

  void Memory() {
    const uint64_t limit = machine_.memory_limit_bytes.value_or(machine_.memory_bytes);
    const uint64_t usable = std::min(limit, machine_.available_bytes);
    const uint64_t needed =
        (recognizer_ ? 0 : model_bytes_) + kPageBytes;  // a loaded model is there
    Finding& f = Add(
        "memory", Health::kOk,
        fmt::format("{}, {} available{}", GiB(machine_.memory_bytes), GiB(machine_.available_bytes),
                    machine_.memory_limit_bytes
                        ? fmt::format("; the container's limit is {}", GiB(limit))
                        : ""));
    if (machine_.memory_bytes > 0 &&
        (usable < needed || (machine_.memory_limit_bytes && limit < model_bytes_ + kPageBytes))) {
      f.health = Health::kWarning;
      f.advice = fmt::format("model and page need {}: free some, or give less to --cache-tokens",
                             GiB(model_bytes_ + kPageBytes));
    }
    f.values = {
        {"bytes", Json(machine_.memory_bytes)},
        {"available_bytes", Json(machine_.available_bytes)},
        {"limit_bytes", machine_.memory_limit_bytes ? Json(*machine_.memory_limit_bytes) : "null"}};
  }

  void LayoutModel() {
    if (options_.layout_model.empty()) {
      Add("layout", Health::kNote, "geometric, from the page's picture alone",
          "with PP-DocLayoutV3's weights use --layout-model DIR")
          .values = {{"engine", Json("geometric")}};
      layout_ = std::shared_ptr<const LayoutEngine>(MakeGeometricLayout());
      return;
    }
    auto engine = MakeLayout("pp-doclayout-v3", options_.layout_model, options_.model);
    if (!engine.ok()) {
      Add("layout", Health::kFailed, engine.error().message);
      return;
    }
    layout_ = *engine;
    Add("layout", Health::kOk,
        fmt::format("PP-DocLayoutV3 from {}", QuoteUntrusted(options_.layout_model)))
        .values = {{"engine", Json("pp-doclayout-v3")}};
  }

  void Pdf() {
    const Result<fs::path> worker = pdf::FindWorker();
    const std::string library = pdf::FindPdfium();
    const std::string advice =
        "install the program again with `make install`, or name the files with GLMOCR_WORKER and "
        "GLMOCR_PDFIUM";
    const auto failed = [&](const Error& error) {
      Add("pdf", Health::kFailed, error.message, advice);
    };
    if (!worker.ok()) return failed(worker.error());
    auto document = OpenDocumentBytes(TinyPdf(), "a page made for this test", {});
    if (!document.ok()) return failed(document.error());
    const auto page = (*document)->Read(0);
    if (!page.ok()) return failed(page.error());
    const bool right =
        page->text && page->text->words.size() == 1 && page->text->words.front().text == "Works";
    if (!right) return failed({ErrorCode::kCorrupt, "PDFium reads other text than a page has"});
    Add("pdf", Health::kOk, fmt::format("PDFium renders and reads ({})", QuoteUntrusted(library)))
        .values = {{"library", Json(library)}, {"worker", Json(worker->string())}};
  }

  void Pictures() {
    InputOptions input;
    input.picture_worker.emplace();
    auto document =
        OpenDocumentBytes(DecodeBase64(kTinyPng).value(), "a picture made for this test", input);
    const auto page = document.ok() ? (*document)->Read(0) : Result<InputPage>(document.error());
    if (page.ok()) {
      Add("pictures", Health::kOk, "decoded in worker processes, as the server does");
    } else {
      Add("pictures", Health::kFailed, page.error().message);
    }
  }

  void Confinement() {
    const auto state = TryConfinement();
    if (!state.ok()) {
      Add("confinement", Health::kFailed, state.error().message);
      return;
    }
    const bool whole = state->confined() && state->landlock_abi > 0;
    Add("confinement", whole ? Health::kOk : Health::kWarning,
        fmt::format("of the processes that decode files: {}", ToText(*state)),
        whole ? ""
        : state->confined()
            ? "a kernel with Landlock adds a second wall"
            : "use a kernel, or settings of the container, with seccomp filters; the server "
              "starts only with --allow-unconfined-decoding")
        .values = {{"seccomp", Json(state->calls)},
                   {"landlock_abi", Json(state->landlock_abi)},
                   {"no_capabilities", Json(state->capabilities)}};
  }

  void TemporaryFiles() {
    std::error_code error;
    const fs::path folder = fs::temp_directory_path(error);
    if (error) {
      Add("temporary files", Health::kFailed, "there is no folder for them",
          "set TMPDIR to one that can be written to");
      return;
    }
    const fs::space_info space = fs::space(folder, error);
    const Result<TempFile> written = TempFile::Create(folder);
    if (!written.ok()) {
      Add("temporary files", Health::kFailed, written.error().message,
          "set TMPDIR to a folder that can be written to");
      return;
    }
    const bool little = space.available < kTemporaryBytes;
    Add("temporary files", little ? Health::kWarning : Health::kOk,
        fmt::format("{}, {} free", QuoteUntrusted(folder.string()), GiB(space.available)),
        little ? "uploads and searchable PDFs may not fit; set TMPDIR to a folder with more space"
               : "")
        .values = {{"folder", Json(folder.string())}, {"free_bytes", Json(space.available)}};
  }

  void SamplePage() {
    const std::optional<fs::path> picture = FindShippedFile("samples/page.png");
    const std::optional<fs::path> text = FindShippedFile("samples/page.txt");
    if (!picture || !text || !layout_) {
      if (layout_) Add("reading", Health::kNote, "not tried: the sample page is not installed");
      return;
    }
    Tell("reading a sample page");
    auto document = OpenDocument({.name = picture->string()}, {});
    const Result<std::string> truth = ReadFile(*text, size_t{1} << 20);
    if (!document.ok() || !truth.ok()) {
      Add("reading", Health::kFailed, (document.ok() ? truth.error() : document.error()).message);
      return;
    }
    std::optional<ReadPage> read;
    PageReader reader(*recognizer_, {.layout = Layout::kRegions, .layout_engine = layout_},
                      [&](ReadPage page) { read = std::move(page); });
    const auto keep_going = [] { return !Interrupted(); };
    const auto begun = std::chrono::steady_clock::now();
    AddDocumentPage(reader, **document, {picture->string(), 1, 1}, 0, keep_going);
    if (!reader.Finish(keep_going) || !read) {
      Add("reading", Health::kNote, "interrupted");
      return;
    }
    const double seconds = SecondsSince(begun);
    if (read->error) {
      Add("reading", Health::kFailed, read->error->message);
      return;
    }
    const Symbols want = CodePoints(CollapseSpace(*truth));
    const Symbols got = CodePoints(CollapseSpace(PlainText(*read, {.page_furniture = true})));
    const double rate = want.empty() ? 0
                                     : static_cast<double>(EditDistance(want, got)) /
                                           static_cast<double>(want.size());
    // The starter model, the weakest, has 2 %; a broken build or model has 50 % and more.
    const bool wrong = rate > 0.2;
    Add("reading", wrong ? Health::kFailed : Health::kOk,
        fmt::format("a sample page of {} characters in {:.2g} s, {:.1f} % of them wrong",
                    want.size(), seconds, 100 * rate),
        wrong ? "the model does not read: its files may be damaged, or this is another model than "
                "GLM-OCR"
              : "")
        .values = {{"seconds_per_page", Json(seconds)}, {"character_error_rate", Json(rate)}};
  }

  const DoctorOptions& options_;
  MachineFacts machine_;
  std::vector<Finding> findings_;
  int n_threads_ = 0;
  uint64_t model_bytes_ = 0;
  std::unique_ptr<Recognizer> recognizer_;
  std::shared_ptr<const LayoutEngine> layout_;
};

const char* NameOf(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kNote:
      return "note";
    case Health::kWarning:
      return "warning";
    case Health::kFailed:
      break;
  }
  return "failed";
}

}  // namespace

std::vector<Finding> Examine(const DoctorOptions& options) { return Examination(options).Run(); }

Health WorstOf(const std::vector<Finding>& findings) {
  Health worst = Health::kOk;
  for (const Finding& finding : findings) worst = std::max(worst, finding.health);
  return worst;
}

std::string FindingsToText(const std::vector<Finding>& findings) {
  constexpr int kColumn = 27;
  std::string out;
  for (const Finding& f : findings) {
    out += fmt::format("{:<9}{:<18}", NameOf(f.health), f.part);
    for (const char c : f.text) {
      out += c;
      if (c == '\n') out.append(kColumn, ' ');
    }
    out += '\n';
    if (!f.advice.empty()) out += fmt::format("{:{}}{}\n", "", kColumn, f.advice);
  }
  return out;
}

std::string FindingsToJson(const std::vector<Finding>& findings) {
  ordered_json json = {{"schema", "glm-ocr.doctor/1"}, {"health", NameOf(WorstOf(findings))}};
  json["findings"] = ordered_json::array();
  for (const Finding& f : findings) {
    ordered_json item = {{"part", f.part}, {"health", NameOf(f.health)}, {"text", f.text}};
    if (!f.advice.empty()) item["advice"] = f.advice;
    for (const auto& [name, value] : f.values) item[name] = ordered_json::parse(value);
    json["findings"].push_back(std::move(item));
  }
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace glmocr::cli
