#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.h"
#include "cli/parse_job.h"
#include "format/formats.h"

namespace glmocr::cli {
namespace {

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
      ->allow_extra_args(false)
      ->type_name("TEXT")
      ->group("Generation");
}

// Empty for a format's name; for others, what is wrong.
std::string CheckFormat(const std::string& name) {
  if (FindFormat(name) != nullptr) return {};
  return "'" + name + "' is not a format (choose from " + FormatHelp() + ")";
}

}  // namespace

Command RegisterParse(CLI::App& app) {
  auto o = std::make_shared<ParseOptions>();
  CLI::App* sub = app.add_subcommand(
      "parse", "Read documents: PDF, and pictures (JPEG, PNG, WebP, TIFF, BMP, GIF, PNM, HEIC)");
  sub->add_option("inputs", o->inputs,
                  "Files, folders, patterns, data: URIs, or - for standard input")
      ->required()
      ->type_name("INPUT...");
  sub->add_option("-o,--output", o->out,
                  "Folder for a folder of files per input (default: standard output)")
      ->type_name("DIR");
  sub->add_option("-t,--to,-f,--format", o->to,
                  "Comma-separated: " + FormatHelp() + "; default: text, with -o md,sdk-json,json")
      ->delimiter(',')
      ->allow_extra_args(false)  // the next word may be an input
      ->check(CheckFormat, "")
      ->type_name("FORMATS");
  sub->add_flag("--visualize", o->output.visualize,
                "With -o: pictures of the pages with regions, order and confidence")
      ->group("Output");
  sub->add_option_function<std::string>(
         "--compat", [o](const std::string& mode) { o->output.text.strict = mode == "strict"; },
         "strict: the official SDK's Markdown and JSON byte for byte, with its quirks")
      ->check(CLI::IsMember({"default", "strict"}))
      ->default_str("default")
      ->group("Output");
  sub->add_option_function<std::string>(
         "--tables", [o](const std::string& form) { o->output.text.pipe_tables = form == "pipe"; },
         "In Markdown: html, or pipe tables where rows and columns are known")
      ->check(CLI::IsMember({"html", "pipe"}))
      ->default_str("html")
      ->group("Output");
  sub->add_flag("--furniture", o->output.text.page_furniture,
                "Keep headers, footers and page numbers in text and Markdown")
      ->group("Output");
  sub->add_option("--language", o->output.pdf.language,
                  "In PDF: the document's language, as in de or en-GB (default: none)")
      ->check(CLI::Validator(
          [](std::string& tag) {
            return IsLanguageTag(tag) ? std::string()
                                      : "'" + tag + "' is not a language tag (write de, en-GB)";
          },
          "TAG", "language"))
      ->type_name("TAG")
      ->group("Output");
  sub->add_flag("--pdfa", o->output.pdf.pdfa,
                "In PDF: PDF/A-2b; fails where a PDF input holds what PDF/A forbids")
      ->group("Output");
  sub->add_flag("--deskew", o->output.pdf.deskew,
                "In PDF: pictures straightened instead of as they came")
      ->group("Output");
  sub->add_flag("--clean", o->output.pdf.clean,
                "In PDF: pictures straightened, dark on white and evenly lit")
      ->group("Output");
  sub->add_option("--layout", o->layout,
                  "geometric: regions from the page's picture alone; pp-doclayout-v3: by the "
                  "network of --layout-model; auto: the network where it is given; lines: every "
                  "text line is a region; none: the picture is one region")
      ->check(CLI::IsMember({"auto", "geometric", "pp-doclayout-v3", "lines", "none"}))
      ->capture_default_str();
  sub->add_option("--layout-model", o->layout_model, "Folder of PP-DocLayoutV3's weights")
      ->type_name("DIR");
  sub->add_option("--task", o->task,
                  "auto (as the region asks), text, table, formula, or an instruction of your own")
      ->capture_default_str()
      ->type_name("TASK");
  sub->add_option("--pages", o->pages,
                  "Which pages: \"1-3,8\", \"5-\", \"-2-\" for the last two (default: all)")
      ->type_name("RANGES")
      ->group("Documents");
  sub->add_option("--dpi", o->input.pdf.dpi,
                  "Resolution at which PDF pages are rendered (at most 3,500 px a side; more on "
                  "pages longer than 44 cm, up to 37 megapixels)")
      ->check(CLI::Range(18.0, 2400.0))
      ->capture_default_str()
      ->group("Documents");
  sub->add_option("--password", o->input.pdf.password, "Of encrypted PDF files")
      ->type_name("TEXT")
      ->group("Documents");
  sub->add_option("--page-timeout", o->input.pdf.page_timeout_s,
                  "Seconds after which a PDF page is given up")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str()
      ->type_name("SECONDS")
      ->group("Documents");
  sub->add_option_function<std::string>(
         "--text-layer",
         [o](const std::string& mode) {
           o->output.pdf.replace_hidden_text = mode == "replace";
           o->text_layer = mode == "replace" ? TextLayerMode::kOff : TextLayerModeFromName(mode);
           o->input.pdf.read_text = o->text_layer != TextLayerMode::kOff;
         },
         "A PDF's own text: auto (take it where the page shows it and a few readings agree, read "
         "the rest; GLM-OCR itself reads all), off (read everything), prefer (take it where it "
         "looks good, without comparing), compare (read, and print where the two differ), replace "
         "(read, and in PDF put the reading in place of an OCR program's hidden text)")
      ->check(CLI::IsMember({"auto", "off", "prefer", "compare", "replace"}))
      ->default_str("auto")
      ->group("Documents");
  o->model.Register(*sub);
  sub->add_option("--drafts", o->drafts,
                  "Speculative decoding: auto (while it pays), off, or 1 to 3 drafts")
      ->check(CLI::IsMember({"auto", "off", "1", "2", "3"}))
      ->capture_default_str();
  sub->add_option("--batch", o->batch, "Regions decoded together")
      ->check(CLI::Range(int64_t{1}, int64_t{512}))
      ->capture_default_str();
  RegisterGeneration(*sub, &o->generation);
  sub->add_option("--jobs", o->jobs, "Inputs loaded and laid out at the same time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str()
      ->group("Many inputs");
  sub->add_flag(
         "--resume", o->resume,
         "Go on with an interrupted run: skip inputs that the journal in the output folder has "
         "as done with the same content, model and options, and pages that were read")
      ->needs("--output")
      ->group("Many inputs");
  sub->add_flag_callback(
      "--drop-alpha", [o] { o->input.decode.alpha = AlphaMode::kDrop; },
      "Ignore transparency instead of showing the page on white");
  sub->add_flag_callback(
      "--ignore-orientation", [o] { o->input.decode.orientation = OrientationMode::kIgnore; },
      "Do not turn pictures as their EXIF data says");
  sub->add_flag_callback(
      "--accept-truncated", [o] { o->input.decode.truncated = TruncatedMode::kAccept; },
      "Read what there is of files that end early");
  sub->add_flag("--overwrite", o->overwrite,
                "Replace what other inputs, or you, have put into the output folder under a "
                "document's name (default: the name gets a number)")
      ->needs("--output")
      ->group("Many inputs");
  sub->add_flag("-q,--quiet", o->quiet,
                "No progress line, no notes, no closing line; warnings and errors stay");
  sub->add_flag("-v,--verbose", o->verbose, "Name the files in folders that are not documents");
  sub->add_flag("--stats", o->stats, "Print what the engine did to standard error");
  sub->footer(R"(Examples:
  glm-ocr parse page.png
  glm-ocr parse scans/*.jpg -o out --to md
  glm-ocr parse archive/ -o out --resume              go on where an interrupted run stopped
  glm-ocr parse --model GLM-OCR table.png --layout none --task table
  glm-ocr parse report.pdf --pages 1-3,8 --to md
  glm-ocr parse report.pdf -o out --to md,json,pdf --visualize
  curl -s https://example.org/page.png | glm-ocr parse - --to jsonl | jq -r .text)");
  return [o] {
    o->output.dpi = o->input.pdf.dpi;
    return ParseJob(*o).Run();
  };
}

}  // namespace glmocr::cli
