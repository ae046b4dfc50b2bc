#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/file.h"
#include "bench/bench.h"
#include "bench/random_model.h"
#include "cli/commands.h"
#include "cli/common_options.h"

namespace glmocr::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelOptions model;
  std::string random;
  std::vector<std::string> pictures;
  std::vector<std::string> skip;
  std::string format = "table";
  std::string out;
  BenchOptions bench;
};

// A folder of our own below the system's temporary folder, gone with the object.
class TemporaryFolder {
 public:
  static Result<std::unique_ptr<TemporaryFolder>> Create() {
    std::error_code error;
    const fs::path base = fs::temp_directory_path(error);
    std::string name = ((error ? fs::path("/tmp") : base) / "glm-ocr-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return Error{ErrorCode::kIo, "no folder can be made below '" + base.string() +
                                       "' (choose another place with TMPDIR)"};
    }
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(name));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// "448x448": width x height in pixels -> {patches high, patches wide}.
Result<std::array<int32_t, 2>> ParsePicture(const std::string& text) {
  int width = 0, height = 0, end = 0;
  if (std::sscanf(text.c_str(), "%5dx%5d%n", &width, &height, &end) != 2 ||
      static_cast<size_t>(end) != text.size() || width < 28 || height < 28 || width % 28 != 0 ||
      height % 28 != 0 || int64_t{width} * height > 4096 * 4096) {
    return Error{
        ErrorCode::kInvalidArgument,
        "--picture '" + text +
            "' must be WIDTHxHEIGHT in pixels, multiples of 28, at most 4096 x 4096 in area"};
  }
  return std::array<int32_t, 2>{height / 14, width / 14};
}

Status Run(Options& options) {
  if (!options.pictures.empty()) {
    options.bench.pictures.clear();
    for (const std::string& text : options.pictures) {
      GLM_ASSIGN(const auto picture, ParsePicture(text));
      options.bench.pictures.push_back(picture);
    }
  }
  for (const std::string& part : options.skip)
    (part == "products" ? options.bench.products : options.bench.drafts) = false;
  options.bench.runner = options.model.ToRunnerOptions();
  options.bench.keep_going = [] { return !Interrupted(); };
  options.bench.progress = [](const std::string& what) {
    std::fprintf(stderr, "bench: %s\n", what.c_str());
  };

  std::unique_ptr<TemporaryFolder> folder;
  fs::path dir;
  if (!options.random.empty()) {
    GLM_ASSIGN(folder, TemporaryFolder::Create());
    dir = folder->path() / options.random;
    std::error_code error;
    if (!fs::create_directory(dir, error))
      return Error{ErrorCode::kIo, "cannot make '" + dir.string() + "'"};
    options.bench.progress("writing a random model below " + folder->path().string() +
                           " (deleted at the end)");
    ThreadPool pool(ThreadPool::DefaultThreads());
    GLM_RETURN_IF_ERROR(WriteRandomModel(options.random, dir, 1, pool, options.bench.keep_going));
  } else {
    GLM_ASSIGN(dir, options.model.ModelDir());
  }
  GLM_ASSIGN(const BenchReport report, RunBench(dir, options.bench));
  if (!options.out.empty()) GLM_RETURN_IF_ERROR(WriteFileAtomically(options.out, ToJson(report)));
  std::fputs((options.format == "json" ? ToJson(report) : ToTable(report)).c_str(), stdout);
  if (std::fflush(stdout) != 0) return Error{ErrorCode::kIo, "cannot write to standard output"};
  return OkStatus();
}

}  // namespace

Command RegisterBench(CLI::App& app) {
  auto o = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand("bench",
                                     "Measure every stage as a share of what this machine can do; "
                                     "results are checked before they are timed");
  o->model.Register(*sub);
  sub->add_option("--random", o->random,
                  "Measure random weights of a published architecture instead of --model")
      ->check(CLI::IsMember(RandomModelNames()))
      ->excludes("--model");
  sub->add_option("--picture", o->pictures,
                  "Picture size of the vision stage in pixels; may be repeated (default: 448x448 "
                  "and 1036x728)")
      ->type_name("WxH");
  sub->add_option("--prompt-tokens", o->bench.prompt_tokens,
                  "Tokens of the prefill stage, and context of the decode stage")
      ->check(CLI::Range(int64_t{16}, int64_t{1} << 16))
      ->capture_default_str()
      ->type_name("N");
  sub->add_option("--steps", o->bench.decode_steps, "Decode steps of one timed run")
      ->check(CLI::Range(int64_t{1}, int64_t{4096}))
      ->capture_default_str()
      ->type_name("N");
  sub->add_option("--batch", o->bench.batches, "Sequences decoded together; may be repeated")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{256}))
      ->capture_default_str()
      ->type_name("N");
  sub->add_option("--repeats", o->bench.repeats,
                  "Timed runs of each stage, of which the best counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->type_name("N");
  sub->add_option("--skip", o->skip, "Parts to leave out: products (of matrices alone), drafts")
      ->delimiter(',')
      ->check(CLI::IsMember({"products", "drafts"}));
  sub->add_option("--image", o->bench.images,
                  "Page to read for the table of drafts; may be repeated (default: made-up tokens, "
                  "whose drafts are never accepted)")
      ->type_name("FILE")
      ->excludes("--random");
  sub->add_option("--format", o->format, "What to print: table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  sub->add_option("-o,--out", o->out, "Also write the JSON to this file")->type_name("FILE");
  sub->footer(
      "Examples:\n"
      "  glm-ocr bench                                       the starter model\n"
      "  glm-ocr bench --image samples/article.png           and what drafts gain on a real page\n"
      "  glm-ocr bench --random glm-ocr-0.9b                 the published sizes, random weights "
      "(3 GB of temporary disk, 3 GB of memory)\n"
      "  glm-ocr bench --model GLM-OCR --batch 1,4,16 --skip products -o bench.json\n"
      "Let nothing else run meanwhile. What the columns mean: docs/performance.md.");
  return [o] {
    const Status status = Run(*o);
    if (status.ok()) return static_cast<int>(kExitOk);
    const int code = Fail(status.error());
    return Interrupted() ? static_cast<int>(kExitInterrupted) : code;
  };
}

}  // namespace glmocr::cli
