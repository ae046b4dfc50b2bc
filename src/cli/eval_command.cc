// glm-ocr eval: compares what was read with ground truth.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>

#include "base/file.h"
#include "cli/commands.h"
#include "eval/evaluate.h"

namespace glmocr::cli {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMaxFileBytes = size_t{64} << 20;
constexpr int kMaxFolderDepth = 8;

struct Options {
  std::string predicted, truth;
  std::string format = "auto";
  bool json = false;
};

// A file that may be compared.
struct Input {
  fs::path path;
  SourceFormat format = SourceFormat::kText;
  std::string stem;       // "out/letter.truth.md" -> "letter"
  bool is_truth = false;  // named NAME.truth.*
};

std::optional<Input> InputOf(const fs::path& path) {
  constexpr std::pair<const char*, SourceFormat> kSuffixes[] = {
      {".md", SourceFormat::kMarkdown}, {".mmd", SourceFormat::kMarkdown},
      {".txt", SourceFormat::kText},    {".json", SourceFormat::kJson},
      {".jsonl", SourceFormat::kJson},
  };
  for (const auto& [suffix, format] : kSuffixes) {
    if (path.extension() != suffix) continue;
    Input input{path, format, path.stem().string()};
    if (fs::path(input.stem).extension() == ".truth") {
      input.is_truth = true;
      input.stem = fs::path(input.stem).stem().string();
    }
    return input;
  }
  return std::nullopt;
}

// Which of two files of one stem is compared. Of the truth the one that says most: JSON, Markdown,
// text; of predictions what people read: Markdown, text, JSON.
enum class Side { kPredicted, kTruth };

int Preference(const Input& input, Side side) {
  switch (input.format) {
    case SourceFormat::kMarkdown:
      return side == Side::kTruth ? 1 : 0;
    case SourceFormat::kText:
      return side == Side::kTruth ? 2 : 1;
    case SourceFormat::kJson:
      break;
  }
  return side == Side::kTruth ? 0 : 2;
}

// The files of a folder by stem, or the one file.
Result<std::map<std::string, Input>> Collect(const std::string& where, Side side,
                                             const std::string& format) {
  const char* what = side == Side::kPredicted ? "PRED" : "GT";
  std::error_code error;
  const fs::file_status status = fs::status(where, error);
  if (!fs::exists(status)) {
    return Error{ErrorCode::kNotFound, std::string(what) + " '" + where + "' does not exist"};
  }
  std::map<std::string, Input> inputs;
  if (!fs::is_directory(status)) {
    std::optional<Input> input = InputOf(where);
    if (!input) {
      return Error{ErrorCode::kInvalidArgument,
                   std::string(what) + " '" + where +
                       "': the name must end in .md, .txt, .json or .jsonl, which tells how to "
                       "read it"};
    }
    inputs.emplace(input->stem, *input);
    return inputs;
  }
  std::vector<Input> found;
  bool any_truth = false;
  fs::recursive_directory_iterator entry(where, fs::directory_options::skip_permission_denied,
                                         error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry.depth() >= kMaxFolderDepth) entry.disable_recursion_pending();
    std::error_code ignored;
    if (!entry->is_regular_file(ignored)) continue;
    std::optional<Input> input = InputOf(entry->path());
    if (!input) continue;
    if (side == Side::kPredicted && input->is_truth) continue;
    const char* name = input->format == SourceFormat::kMarkdown ? "md"
                       : input->format == SourceFormat::kText   ? "txt"
                                                                : "json";
    if (side == Side::kPredicted && format != "auto" && format != name) continue;
    any_truth = any_truth || input->is_truth;
    found.push_back(*std::move(input));
  }
  if (error) {
    return Error{ErrorCode::kIo, "cannot list '" + where + "': " + error.message()};
  }
  std::sort(found.begin(), found.end(),
            [](const Input& a, const Input& b) { return a.path < b.path; });
  for (const Input& input : found) {
    // Where some files are marked as truth, the others (a README, older texts) are none.
    if (side == Side::kTruth && any_truth && !input.is_truth) continue;
    const auto [place, is_new] = inputs.emplace(input.stem, input);
    if (!is_new && Preference(input, side) < Preference(place->second, side)) {
      place->second = input;
    }
  }
  if (inputs.empty()) {
    return Error{ErrorCode::kNotFound,
                 std::string(what) + " '" + where + "' holds no .md, .txt, .json or .jsonl file"};
  }
  return inputs;
}

Result<Document> Load(const Input& input) {
  GLM_ASSIGN(const std::string bytes, ReadFile(input.path, kMaxFileBytes));
  return ParseDocument(bytes, input.format, input.path.string());
}

Result<DocumentScores> EvaluatePair(const Input* predicted, const Input& truth) {
  GLM_ASSIGN(const Document wanted, Load(truth));
  Document read;
  if (predicted != nullptr) {
    GLM_ASSIGN(read, Load(*predicted));
  } else {
    read.pages.resize(wanted.pages.size());
  }
  auto scores = Evaluate(read, wanted, truth.stem);
  if (!scores.ok()) return scores.error().With("'" + truth.path.string() + "'");
  scores->missing = predicted == nullptr;
  return scores;
}

int Run(const Options& options) {
  auto predicted = Collect(options.predicted, Side::kPredicted, options.format);
  if (!predicted.ok()) return Fail(predicted.error());
  auto truth = Collect(options.truth, Side::kTruth, "auto");
  if (!truth.ok()) return Fail(truth.error());
  std::error_code ignored;
  // Two files are compared whatever their names.
  const bool two_files =
      !fs::is_directory(options.predicted, ignored) && !fs::is_directory(options.truth, ignored);
  std::vector<DocumentScores> scores;
  bool partial = false;
  for (const auto& [stem, wanted] : *truth) {
    if (Interrupted()) return kExitInterrupted;
    const auto found = two_files ? predicted->begin() : predicted->find(stem);
    const Input* read = found == predicted->end() ? nullptr : &found->second;
    if (read == nullptr && !fs::is_directory(options.predicted, ignored)) continue;
    if (read == nullptr) {
      std::fprintf(stderr, "glm-ocr: no prediction for '%s' in '%s'; scored as nothing read\n",
                   stem.c_str(), options.predicted.c_str());
      partial = true;
    }
    auto one = EvaluatePair(read, wanted);
    if (!one.ok()) {
      Fail(one.error());
      partial = true;
      continue;
    }
    scores.push_back(*std::move(one));
  }
  if (scores.empty()) {
    if (partial) return kExitFailed;
    return Fail({ErrorCode::kNotFound,
                 "no file of '" + options.truth + "' has the name of '" + options.predicted + "'"});
  }
  const std::string text = options.json ? ScoresToJson(scores) : ScoresToText(scores);
  std::fputs(text.c_str(), stdout);
  return partial ? kExitPartial : kExitOk;
}

}  // namespace

Command RegisterEval(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* sub = app.add_subcommand(
      "eval", "Error rates of what was read: CER, WER, and OmniDocBench's distances and TEDS");
  sub->add_option("pred", options->predicted, "What was read: a file, or a folder of files")
      ->required()
      ->type_name("PRED");
  sub->add_option("gt", options->truth,
                  "Ground truth: a file, or a folder with files of the same names "
                  "(NAME.truth.json for NAME.md)")
      ->required()
      ->type_name("GT");
  sub->add_option("--format", options->format,
                  "Which files of the folder PRED: md, txt, json; auto takes the first there is")
      ->check(CLI::IsMember({"auto", "md", "txt", "json"}))
      ->capture_default_str();
  sub->add_flag("--json", options->json, "As JSON");
  sub->footer(
      "Files may be Markdown, plain text or JSON (glm-ocr's, the official SDK's, ground truth).\n"
      "docs/eval.md says how each number is computed. Lower is better but for TEDS and struct.\n"
      "Examples:\n  glm-ocr eval letter.md samples/letter.truth.json\n"
      "  glm-ocr eval out samples --json");
  return [options] { return Run(*options); };
}

}  // namespace glmocr::cli
