#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>
#include <new>
#include <optional>

#include "cli/commands.h"
#include "cli/common_options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "media/decode.h"
#include "pipeline/page_reader.h"
#include "pipeline/task.h"

namespace glmocr::cli {
namespace {

struct Options {
  ModelOptions model;
  std::vector<std::string> inputs;
  std::string out;
  std::string format = "text";
  std::string layout = "auto";
  std::string task = "text";
  std::string drafts = "auto";
  int64_t batch = 16;
  GenerationOptions generation;
  bool keep_alpha_colours = false;
  bool ignore_orientation = false;
  bool accept_truncated = false;
  bool quiet = false;
  bool stats = false;
};

std::string Instruction(const std::string& task) {
  if (task == "text") return std::string(TaskInstruction(Task::kText));
  if (task == "table") return std::string(TaskInstruction(Task::kTable));
  if (task == "formula") return std::string(TaskInstruction(Task::kFormula));
  return task;  // the user's own
}

SpeculatorOptions Drafts(const std::string& drafts) {
  if (drafts == "off") return {.mode = DraftMode::kOff};
  if (drafts == "auto") return {};
  return {.mode = DraftMode::kFixed, .max_drafts = std::stoi(drafts)};
}

// One run of the command.
class Job {
 public:
  explicit Job(const Options& options) : options_(options) {
    progress_.emplace(options.quiet ? ProgressMode::kOff : ProgressMode::kAuto);
  }

  int Run() {
    const Status status = Prepare();
    if (!status.ok()) return Fail(status.error());
    for (const std::string& input : options_.inputs) {
      if (!KeepGoing()) break;
      ReadOne(input);
    }
    if (!reader_->Finish([this] { return KeepGoing(); })) {
      recognizer_->CancelAll();
      progress_->Clear();
      std::fprintf(stderr, "glm-ocr: interrupted; %zu of %zu inputs were finished\n", done_,
                   options_.inputs.size());
      return kExitInterrupted;
    }
    progress_->Clear();
    if (options_.stats) PrintStats();
    if (failed_ == 0) return kExitOk;
    if (options_.inputs.size() > 1) {
      std::fprintf(stderr, "glm-ocr: %zu of %zu inputs failed\n", failed_, options_.inputs.size());
    }
    return failed_ == options_.inputs.size() ? kExitFailed : kExitPartial;
  }

 private:
  // Pages of one input until the last has come.
  struct Document {
    std::string input;
    std::vector<ReadPage> pages;
  };

  Status Prepare() {
    format_ = options_.format == "json" ? OutputFormat::kJson
              : options_.format == "md" ? OutputFormat::kMarkdown
                                        : OutputFormat::kText;
    GLM_ASSIGN(output_, Output::Open(options_.out, format_));
    GLM_ASSIGN(std::filesystem::path dir, options_.model.ModelDir());
    GLM_ASSIGN(recognizer_, Recognizer::Load(dir, {.runner = options_.model.ToRunnerOptions(),
                                                   .max_batch = options_.batch,
                                                   .drafts = Drafts(options_.drafts)}));
    if (!options_.quiet) {
      for (const std::string& warning : recognizer_->runner().model().warnings()) {
        std::fprintf(stderr, "glm-ocr: note: %s\n", warning.c_str());
      }
      const std::string& prompt_note = recognizer_->processor().notes();
      if (!prompt_note.empty()) std::fprintf(stderr, "glm-ocr: note: %s\n", prompt_note.c_str());
    }
    PageReaderOptions reader;
    reader.layout = options_.layout == "none"    ? Layout::kNone
                    : options_.layout == "lines" ? Layout::kLines
                                                 : Layout::kAuto;
    reader.instruction = Instruction(options_.task);
    reader.generation = options_.generation;
    if (output_.streams()) {
      reader.text_order = TextOrder::kReading;
      reader.on_text = [this](const ReadPage& page, size_t region, std::string_view text) {
        if (stream_status_.ok()) stream_status_ = output_.StreamText(page, region, text);
      };
      progress_.emplace(ProgressMode::kOff);  // a line of its own would tear the text
    }
    reader_ = std::make_unique<PageReader>(*recognizer_, reader,
                                           [this](ReadPage page) { TakePage(std::move(page)); });
    return OkStatus();
  }

  bool KeepGoing() {
    progress_->Update({.inputs_done = done_ + failed_,
                       .inputs = options_.inputs.size(),
                       .regions_done = reader_->n_regions_done(),
                       .regions = reader_->n_regions()});
    return !Interrupted();
  }

  void ReadOne(const std::string& input) {
    Status status;
    try {
      status = AddPages(input);
    } catch (const std::bad_alloc&) {
      status = Error{ErrorCode::kResourceExhausted,
                     "'" + input + "': out of memory (scale the picture down)"};
    }
    if (!status.ok()) Report(status.error());
  }

  Status AddPages(const std::string& input) {
    GLM_ASSIGN(std::string bytes, ReadInput(input));
    DecodeOptions decode;
    decode.alpha = options_.keep_alpha_colours ? AlphaMode::kDrop : AlphaMode::kCompositeOnWhite;
    decode.orientation =
        options_.ignore_orientation ? OrientationMode::kIgnore : OrientationMode::kApply;
    decode.truncated = options_.accept_truncated ? TruncatedMode::kAccept : TruncatedMode::kReject;
    const std::string name = input == "-" ? "standard input" : input;
    const auto data = std::as_bytes(std::span(bytes));
    GLM_ASSIGN(ImageInfo info, ReadImageInfo(data, name, decode));
    // One page at a time in memory; a page that fails fails its input, which then writes nothing.
    for (int page = 0; page < info.pages && KeepGoing(); ++page) {
      GLM_ASSIGN(Image image, DecodePage(data, name, page, decode));
      const Status added =
          reader_->Add(image, {input, page + 1, info.pages}, [this] { return KeepGoing(); });
      if (!added.ok()) return added.error().With("'" + name + "'");
    }
    return OkStatus();
  }

  void TakePage(ReadPage page) {
    if (output_.streams() && stream_status_.ok()) stream_status_ = output_.EndStreamedPage(page);
    if (document_.input != page.source || page.page == 1) document_ = {page.source, {}};
    document_.pages.push_back(std::move(page));
    if (static_cast<int>(document_.pages.size()) < document_.pages.back().n_pages) return;
    Document document = std::exchange(document_, {});
    for (const ReadPage& p : document.pages) {
      for (const ReadRegion& region : p.regions) {
        if (region.error)
          return Report(
              region.error->With("'" + document.input + "', page " + std::to_string(p.page)));
      }
    }
    progress_->Clear();
    const Status written =
        output_.streams()
            ? stream_status_
            : output_.Write(document.input, Output::JoinPages(document.pages, format_));
    if (!written.ok()) return Report(written.error());
    ++done_;
  }

  void Report(const Error& error) {
    progress_->Clear();
    ++failed_;
    std::fprintf(stderr, "glm-ocr: %s\n", error.message.c_str());
  }

  void PrintStats() const {
    const EngineStats s = recognizer_->stats();
    std::fprintf(
        stderr,
        "kernels %s; %lld steps, %lld prompt tokens (%lld cached), %lld generated; encoder %.2f s, "
        "text %.2f s, drafts %.2f s\n"
        "drafts %lld, accepted %lld (by position %.0f, %.0f, %.0f %%); decoding steps with 0, 1, "
        "2, 3 drafts: %lld, %lld, %lld, %lld; "
        "now %d per step (%s), switched %lld times\n",
        recognizer_->runner().context().kernels->name, static_cast<long long>(s.steps),
        static_cast<long long>(s.prefill_tokens), static_cast<long long>(s.cached_prompt_tokens),
        static_cast<long long>(s.generated_tokens), s.encode_s, s.step_s, s.draft_s,
        static_cast<long long>(s.drafted_tokens), static_cast<long long>(s.accepted_tokens),
        100 * s.acceptance_at(0), 100 * s.acceptance_at(1), 100 * s.acceptance_at(2),
        static_cast<long long>(s.steps_with[0]), static_cast<long long>(s.steps_with[1]),
        static_cast<long long>(s.steps_with[2]), static_cast<long long>(s.steps_with[3]),
        s.n_drafts, DraftsOffName(s.drafts_off).data(), static_cast<long long>(s.draft_switches));
  }

  const Options& options_;
  std::optional<Progress> progress_;
  OutputFormat format_ = OutputFormat::kText;
  Output output_;
  Status stream_status_;  // the first error while streaming
  std::unique_ptr<Recognizer> recognizer_;
  std::unique_ptr<PageReader> reader_;
  Document document_;
  size_t done_ = 0, failed_ = 0;
};

void RegisterGeneration(CLI::App& app, GenerationOptions* g) {
  SamplingParams& s = g->sampling;
  app.add_option("--max-new-tokens", g->max_new_tokens, "Longest answer per region, in tokens")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->capture_default_str()
      ->type_name("N")
      ->group("Generation");
  app.add_option("--temperature", s.temperature, "0 is greedy")
      ->check(CLI::Range(0.0f, 100.0f))
      ->capture_default_str()
      ->group("Generation");
  app.add_option("--top-k", s.top_k, "0 is off")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str()
      ->group("Generation");
  app.add_option("--top-p", s.top_p)
      ->check(CLI::Range(1e-9f, 1.0f))
      ->capture_default_str()
      ->group("Generation");
  app.add_option("--min-p", s.min_p)
      ->check(CLI::Range(0.0f, 0.999f))
      ->capture_default_str()
      ->group("Generation");
  app.add_option("--repetition-penalty", s.repetition_penalty,
                 "Of prompt and answer tokens; the official SDK sends 1.1")
      ->check(CLI::Range(0.01f, 100.0f))
      ->capture_default_str()
      ->group("Generation");
  app.add_option("--presence-penalty", s.presence_penalty)
      ->check(CLI::Range(-100.0f, 100.0f))
      ->capture_default_str()
      ->group("Generation");
  app.add_option("--frequency-penalty", s.frequency_penalty)
      ->check(CLI::Range(-100.0f, 100.0f))
      ->capture_default_str()
      ->group("Generation");
  app.add_option("--seed", s.seed, "Same seed, same text")
      ->capture_default_str()
      ->group("Generation");
  app.add_option("--stop", g->stop_strings, "End the answer before this text; may be repeated")
      ->type_name("TEXT")
      ->group("Generation");
}

}  // namespace

Command RegisterParse(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(
      "parse", "Read pictures of pages: JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, HEIC");
  sub->add_option("inputs", o->inputs, "Pictures, or - for standard input")
      ->required()
      ->type_name("IMAGE...");
  sub->add_option("-o,--output", o->out, "Folder for one file per input (default: standard output)")
      ->type_name("DIR");
  sub->add_option("-f,--format", o->format, "text, md or json (JSON Lines, one page a line)")
      ->check(CLI::IsMember({"text", "md", "json"}))
      ->capture_default_str();
  sub->add_option(
         "--layout", o->layout,
         "none: the picture is one region; lines: find the text lines; auto: what the model needs")
      ->check(CLI::IsMember({"auto", "none", "lines"}))
      ->capture_default_str();
  sub->add_option("--task", o->task, "text, table, formula, or an instruction of your own")
      ->capture_default_str()
      ->type_name("TASK");
  o->model.Register(*sub);
  sub->add_option("--drafts", o->drafts,
                  "Speculative decoding: auto (while it pays), off, or 1 to 3 drafts")
      ->check(CLI::IsMember({"auto", "off", "1", "2", "3"}))
      ->capture_default_str();
  sub->add_option("--batch", o->batch, "Regions decoded together")
      ->check(CLI::Range(int64_t{1}, int64_t{512}))
      ->capture_default_str();
  RegisterGeneration(*sub, &o->generation);
  sub->add_flag("--drop-alpha", o->keep_alpha_colours,
                "Ignore transparency instead of showing the page on white");
  sub->add_flag("--ignore-orientation", o->ignore_orientation,
                "Do not turn pictures as their EXIF data says");
  sub->add_flag("--accept-truncated", o->accept_truncated,
                "Read what there is of files that end early");
  sub->add_flag("-q,--quiet", o->quiet, "No progress line");
  sub->add_flag("--stats", o->stats, "Print what the engine did to standard error");
  sub->footer(R"(Examples:
  glm-ocr parse page.png
  glm-ocr parse scans/*.jpg -o out --format md
  glm-ocr parse --model GLM-OCR table.png --task table
  curl -s https://example.org/page.png | glm-ocr parse - --format json | jq -r .text)");
  return [o] { return Job(*o).Run(); };
}

}  // namespace glmocr::cli
