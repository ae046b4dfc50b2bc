#include "format/document_writer.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/untrusted_text.h"
#include "format/document_json.h"
#include "format/html.h"
#include "format/page_json.h"
#include "format/py_text.h"
#include "format/visualize.h"
#include "format/xml_formats.h"
#include "media/encode.h"
#include "media/resize.h"

namespace glmocr {
namespace {

constexpr int kCropQuality = 95;  // as the SDK saves crops and visualizations

}  // namespace

Result<std::string> RegionJpeg(const ReadPage& page, const ReadRegion& region) {
  const Box box = SdkCropBox(BoxIn1000(region.box_px, page.width_px, page.height_px),
                             page.image->width_px, page.image->height_px);
  if (box.width <= 0 || box.height <= 0) return std::string();
  return EncodeJpeg(Crop(*page.image, box), kCropQuality);
}

DocumentOptions AsOneFile(DocumentFormat format, DocumentOptions options) {
  options.formats = {format};
  if (format != DocumentFormat::kHtml) options.text.pictures = false;
  return options;
}

bool NeedsPictures(const DocumentOptions& options) {
  return std::any_of(options.formats.begin(), options.formats.end(), [&](DocumentFormat format) {
    return InfoOf(format).needs_picture ||
           (format == DocumentFormat::kMarkdown && options.text.pictures);
  });
}

bool NeedsTokens(const DocumentOptions& options) {
  return std::any_of(options.formats.begin(), options.formats.end(),
                     [](DocumentFormat format) { return InfoOf(format).needs_tokens; });
}

Status ForEachPart(const OutputFile& file, DocumentFormat format,
                   const std::function<Status(std::string_view)>& take) {
  if (file.file) return file.file->ForEachPart(take);
  if (file.bytes.empty()) return OkStatus();
  GLM_RETURN_IF_ERROR(take(file.bytes));
  return file.bytes.back() == '\n' || format == DocumentFormat::kPdf ? OkStatus() : take("\n");
}

struct DocumentWriter::State {
  DocumentOptions options;
  std::string source, stem;
  size_t pages = 0;
  SdkDocumentBuilder sdk;
  std::vector<Warning> warnings;  // of the document as a whole
  std::vector<std::string> json_pages;
  std::string text, html, json_lines;
  // Those that are wanted.
  std::optional<HocrWriter> hocr;
  std::optional<AltoWriter> alto;
  std::optional<PdfOutput> pdf;
  std::vector<Warning> output_warnings;

  explicit State(DocumentOptions o)
      : options(std::move(o)),
        sdk({.strict = options.text.strict,
             .page_separator = options.text.strict ? "\n\n" : options.page_separator}) {
    if (Wants(DocumentFormat::kHocr)) hocr.emplace();
    if (Wants(DocumentFormat::kAlto)) alto.emplace();
  }

  bool Wants(DocumentFormat format) const {
    return std::find(options.formats.begin(), options.formats.end(), format) !=
           options.formats.end();
  }
  std::string Path(const std::string& name) const { return stem + "/" + name; }

  Status AddSdkPage(const ReadPage& page, std::vector<std::string>& image_paths,
                    std::vector<OutputFile>& files) {
    const ConvertedPage converted = ConvertPage(page, options.text);
    if (converted.plain) {
      std::string content;
      for (const SdkRegion& region : converted.regions) content += region.content.value_or("");
      sdk.AddPlainPage(content);
      return OkStatus();
    }
    for (SdkImage& image : sdk.AddPage(converted.regions)) {
      const size_t index = converted.source[image.region];
      GLM_ASSIGN(std::string jpeg, RegionJpeg(page, page.regions[index]));
      image_paths[index] = image.path;
      files.push_back({Path(image.path), std::move(jpeg)});
    }
    return OkStatus();
  }

  // The title of a picture's PDF is its name.
  PdfOutput& BeginPdf() {
    if (!pdf) {
      pdf.emplace(PdfOutputOptions{.choices = options.pdf,
                                   .source = options.source,
                                   .title = stem,
                                   .pixels_per_inch = options.pixels_per_inch,
                                   .jpeg_quality = options.pdf_jpeg_quality,
                                   .spool_folder = options.spool_folder});
    }
    return *pdf;
  }

  Status AddHtmlPage(const ReadPage& page) {
    std::vector<std::string> pictures(page.regions.size());
    for (size_t i = 0; i < page.regions.size() && page.image && options.text.pictures; ++i) {
      if (TaskOf(page.regions[i].label) != RegionTask::kSkip) continue;
      GLM_ASSIGN(pictures[i], RegionJpeg(page, page.regions[i]));
    }
    html += HtmlPage(page, pictures, options.text);
    return OkStatus();
  }
};

DocumentWriter::DocumentWriter(DocumentOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
DocumentWriter::~DocumentWriter() = default;
DocumentWriter::DocumentWriter(DocumentWriter&&) noexcept = default;
DocumentWriter& DocumentWriter::operator=(DocumentWriter&&) noexcept = default;

Result<std::vector<OutputFile>> DocumentWriter::AddPage(const ReadPage& page) {
  State& s = *state_;
  if (s.pages == 0) {
    s.source = page.source;
    s.stem = s.options.stem.empty() ? SdkFileStem(page.source) : s.options.stem;
  }
  const bool has_image = page.image != nullptr && !page.image->empty();
  for (const DocumentFormat format : s.options.formats) {
    if (has_image || page.error || !InfoOf(format).needs_picture) continue;
    if (format == DocumentFormat::kPdf && s.options.source) continue;  // it may do without
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: page {} was read without keeping its picture, which format {} "
                             "shows",
                             QuoteUntrusted(page.source), page.page, InfoOf(format).name)};
  }
  std::vector<OutputFile> files;
  std::vector<std::string> image_paths(page.regions.size());
  const bool markdown = s.Wants(DocumentFormat::kMarkdown);
  if (markdown || s.Wants(DocumentFormat::kSdkJson))
    GLM_RETURN_IF_ERROR(s.AddSdkPage(page, image_paths, files));
  if (s.Wants(DocumentFormat::kJson)) s.json_pages.push_back(DocumentPageJson(page, image_paths));
  if (s.Wants(DocumentFormat::kText)) {
    if (s.pages > 0) s.text += '\f';
    s.text += PlainText(page, s.options.text);
  }
  if (s.Wants(DocumentFormat::kHtml)) GLM_RETURN_IF_ERROR(s.AddHtmlPage(page));
  if (s.Wants(DocumentFormat::kJsonLines) && !page.error) s.json_lines += PageToJson(page);
  if (s.hocr) s.hocr->AddPage(page);
  if (s.alto) s.alto->AddPage(page);
  if (s.Wants(DocumentFormat::kPdf)) GLM_RETURN_IF_ERROR(s.BeginPdf().AddPage(page));
  if (s.Wants(DocumentFormat::kVisualize) && has_image) {
    GLM_ASSIGN(const Image drawn, DrawRegions(page));
    GLM_ASSIGN(std::string jpeg, EncodeJpeg(drawn, kCropQuality));
    const std::string name =
        page.n_pages == 1 ? s.stem + ".jpg" : fmt::format("{}_page{}.jpg", s.stem, s.pages);
    files.push_back({s.Path("layout_vis/" + name), std::move(jpeg)});
  }
  ++s.pages;
  return files;
}

void DocumentWriter::AddWarning(Warning warning) { state_->warnings.push_back(std::move(warning)); }

Result<std::vector<OutputFile>> DocumentWriter::Finish() {
  State& s = *state_;
  if (s.pages == 0) s.stem = s.options.stem.empty() ? "result" : s.options.stem;
  std::vector<OutputFile> files;
  std::shared_ptr<const TempFile> pdf;
  if (s.Wants(DocumentFormat::kPdf)) {  // first: JSON tells its warnings
    Result<TempFile> made = s.BeginPdf().Finish();
    if (!made.ok()) return made.error().With(QuoteUntrusted(s.source));
    TempFile file = *std::move(made);
    s.output_warnings = s.pdf->warnings();
    s.warnings.insert(s.warnings.end(), s.output_warnings.begin(), s.output_warnings.end());
    s.pdf.reset();
    pdf = std::make_shared<const TempFile>(std::move(file));
  }
  const bool sdk_json = s.Wants(DocumentFormat::kSdkJson);
  const auto add_file = [&](std::string_view ending, std::string bytes) {
    files.push_back({s.Path(s.stem + std::string(ending)), std::move(bytes)});
  };
  const auto add = [&](DocumentFormat format, std::string bytes) {
    add_file(FormatEnding(format, sdk_json), std::move(bytes));
  };
  if (sdk_json || s.Wants(DocumentFormat::kMarkdown)) {
    SdkDocument document = s.sdk.Finish();
    const bool blank = py::Strip(py::Decode(document.markdown)).empty();
    if (s.Wants(DocumentFormat::kMarkdown) && !(blank && s.options.text.strict)) {
      // The SDK ends the file without a newline.
      if (!blank && !s.options.text.strict) document.markdown += '\n';
      add(DocumentFormat::kMarkdown, blank ? std::string() : std::move(document.markdown));
    }
    if (sdk_json) {
      add(DocumentFormat::kSdkJson, std::move(document.json));
      if (!document.model_json.empty()) add_file("_model.json", std::move(document.model_json));
    }
  }
  if (s.Wants(DocumentFormat::kJson))
    add(DocumentFormat::kJson, DocumentJson(s.source, s.warnings, s.json_pages));
  if (s.Wants(DocumentFormat::kText)) add(DocumentFormat::kText, std::move(s.text));
  if (s.Wants(DocumentFormat::kHtml)) add(DocumentFormat::kHtml, HtmlDocument(s.stem, s.html));
  if (s.Wants(DocumentFormat::kJsonLines)) add(DocumentFormat::kJsonLines, std::move(s.json_lines));
  if (s.hocr) add(DocumentFormat::kHocr, s.hocr->Finish());
  if (s.alto) add(DocumentFormat::kAlto, s.alto->Finish());
  if (pdf) {
    add(DocumentFormat::kPdf, "");
    files.back().file = std::move(pdf);
  }
  return files;
}

std::vector<Warning> DocumentWriter::warnings() const { return state_->output_warnings; }

Result<std::vector<OutputFile>> WriteDocument(std::span<const ReadPage> pages,
                                              const DocumentOptions& options,
                                              std::span<const Warning> warnings) {
  DocumentWriter writer(options);
  for (const Warning& warning : warnings) writer.AddWarning(warning);
  std::vector<OutputFile> files;
  const auto append = [&](std::vector<OutputFile> more) {
    std::move(more.begin(), more.end(), std::back_inserter(files));
  };
  for (const ReadPage& page : pages) {
    GLM_ASSIGN(std::vector<OutputFile> more, writer.AddPage(page));
    append(std::move(more));
  }
  GLM_ASSIGN(std::vector<OutputFile> more, writer.Finish());
  append(std::move(more));
  return files;
}

Result<std::string> DocumentText(std::span<const ReadPage> pages, DocumentFormat format,
                                 const DocumentOptions& options,
                                 std::span<const Warning> warnings) {
  if (format == DocumentFormat::kVisualize)
    return Error{ErrorCode::kInvalidArgument, "format visualize has no text"};
  GLM_ASSIGN(std::vector<OutputFile> files,
             WriteDocument(pages, AsOneFile(format, options), warnings));
  if (files.empty()) return std::string();
  return files.front().file ? files.front().file->ReadAll() : std::move(files.front().bytes);
}

}  // namespace glmocr
