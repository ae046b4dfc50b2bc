#include "format/pdf_output.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "format/text_geometry.h"
#include "media/page_ink.h"
#include "pdf/pdf_document.h"
#include "pdf/rewrite.h"

namespace glmocr {
namespace {

using pdf::RewrittenPage;

// Of the pictures that stand in for a PDF's pages.
constexpr double kStandInDpi = 200;
// Of pictures that lost detail before and cannot be kept as they came.
constexpr int kKeptQuality = 90;

bool HasText(const ReadPage& page) {
  return std::any_of(page.regions.begin(), page.regions.end(),
                     [](const ReadRegion& region) { return !PlaceLines(region).empty(); });
}

PictureResolution Swapped(PictureResolution r) {
  if (r.orientation >= 5) std::swap(r.x, r.y);
  r.orientation = 1;
  return r;
}

// The pixels of `page` where the straightened picture has them, white outside of it.
Image Straightened(const Image& page, const PageInk& ink) {
  if (ink.transform.IsIdentity()) return page;
  Image out(ink.image.width_px, ink.image.height_px, 255);
  const auto sample = [&](int x, int y, int channel) {
    const bool inside = x >= 0 && y >= 0 && x < page.width_px && y < page.height_px;
    return inside ? double{1} * page.row(y)[3 * x + channel] : 255.0;
  };
  for (int y = 0; y < out.height_px; ++y) {
    for (int x = 0; x < out.width_px; ++x) {
      const PointF at = ink.transform.ToInput(PointF{x + 0.5, y + 0.5});
      const double left = std::floor(at.x - 0.5), top = std::floor(at.y - 0.5);
      if (!(left >= -1 && top >= -1 && left < page.width_px && top < page.height_px)) continue;
      const double dx = at.x - 0.5 - left, dy = at.y - 0.5 - top;
      const int x0 = static_cast<int>(left), y0 = static_cast<int>(top);
      for (int c = 0; c < 3; ++c) {
        const double above = sample(x0, y0, c) * (1 - dx) + sample(x0 + 1, y0, c) * dx;
        const double below = sample(x0, y0 + 1, c) * (1 - dx) + sample(x0 + 1, y0 + 1, c) * dx;
        out.row(y)[3 * x + c] = static_cast<uint8_t>(std::lround(above * (1 - dy) + below * dy));
      }
    }
  }
  return out;
}

// The page with its places in the straightened picture.
ReadPage OnUpright(ReadPage page, const PageInk& ink) {
  const auto move = [&](LinePlace& place) {
    place.start = ink.transform.FromInput(place.start);
    place.end = ink.transform.FromInput(place.end);
  };
  for (ReadRegion& region : page.regions) {
    for (ReadLine& line : region.lines) {
      move(line.place);
      for (ReadWord& word : line.words) move(word.place);
    }
  }
  page.width_px = ink.image.width_px;
  page.height_px = ink.image.height_px;
  return page;
}

const char* ClauseOf(pdf::PdfaProblem problem) {
  using Problem = pdf::PdfaProblem;
  switch (problem) {
    case Problem::kNone:
      break;
    case Problem::kFontNotEmbedded:
      return "a font is not embedded (6.2.11.4.1)";
    case Problem::kJavaScript:
      return "it holds JavaScript (6.5.1)";
    case Problem::kForbiddenAction:
      return "it holds an action that is not allowed (6.5.1)";
    case Problem::kXfa:
      return "it holds an XFA form (6.4.2)";
    case Problem::kEmbeddedFile:
      return "a file is attached (6.8)";
    case Problem::kExternalStream:
      return "a stream lies in another file (6.1.7.1)";
    case Problem::kLzw:
      return "a stream is compressed with LZW or encrypted (6.1.7.2)";
    case Problem::kPostScript:
      return "it holds PostScript (6.2.9)";
    case Problem::kInterpolate:
      return "a picture asks for interpolation (6.2.8)";
    case Problem::kCmyk:
      return "it uses CMYK colours without a profile (6.2.4.3)";
    case Problem::kForbiddenAnnotation:
      return "it holds an annotation of a kind that is not allowed (6.3.1)";
    case Problem::kAnnotationHidden:
      return "an annotation is hidden or not printed (6.3.2)";
    case Problem::kAnnotationAppearance:
      return "an annotation has no appearance (6.3.3)";
    case Problem::kNeedAppearances:
      return "its form leaves its appearance to the viewer (6.4.1)";
    case Problem::kTransferFunction:
      return "it holds a transfer function or halftone (6.2.5)";
    case Problem::kOptionalContent:
      return "its layers have no names or depend on events (6.9)";
    case Problem::kOtherOutputIntent:
      return "it has an output intent of another kind (6.2.3)";
    case Problem::kTooDeep:
      return "it is too complex to be checked";
    case Problem::kOperator:
      return "a page's contents hold an operator that PDF does not know (6.2.2)";
    case Problem::kResource:
      return "a page uses something that it does not name (6.2.2)";
    case Problem::kLimit:
      return "its graphics states nest too deep (6.1.13)";
    case Problem::kPageSize:
      return "a page is smaller than 3 or larger than 14,400 units (6.1.13)";
    case Problem::kOutputProfile:
      return "its output intent has no profile of RGB (6.2.3)";
    case Problem::kHalftone:
      return "it holds a halftone of another type (6.2.5)";
    case Problem::kIntent:
      return "it asks for a rendering intent that does not exist (6.2.6)";
    case Problem::kAlternates:
      return "a picture has alternates (6.2.8)";
    case Problem::kReference:
      return "a form stands for another file (6.2.9)";
    case Problem::kBlendMode:
      return "it blends in a way that does not exist (6.2.10)";
    case Problem::kFontMap:
      return "a font's map to its glyphs is missing or not embedded (6.2.11.3)";
    case Problem::kPresentation:
      return "it holds presentations of its pages (6.10)";
    case Problem::kRequirements:
      return "it asks for abilities of a reader (6.11)";
  }
  return "";
}

}  // namespace

bool IsLanguageTag(std::string_view text) {
  constexpr size_t kLongest = 35;  // BCP 47, 4.4.1
  return !text.empty() && text.size() <= kLongest &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '-';
         });
}

PdfOutput::PdfOutput(PdfOutputOptions options)
    : options_(std::move(options)),
      pdf_(keeps_pdf() ? SearchablePdfOptions{.spool_folder = options_.spool_folder}
                       : SearchablePdfOptions{.spool_folder = options_.spool_folder,
                                              .title = XmlText(options_.title),
                                              .language = options_.choices.language,
                                              .pdfa = options_.choices.pdfa}) {
  if (keeps_pdf() && (options_.choices.deskew || options_.choices.clean))
    Warn("a PDF keeps its pages: they are neither straightened nor cleaned");
}

Status PdfOutput::AddPage(const ReadPage& page) {
  if (keeps_pdf()) {
    pdf::RewritePage wanted{.index = static_cast<uint32_t>(page.page - 1)};
    if (!page.error && HasText(page)) {
      wanted.layer = pdf_.n_pages();
      GLM_RETURN_IF_ERROR(pdf_.AddLayer(page));
      has_layer_ = true;
    }
    pages_.push_back(wanted);
    return OkStatus();
  }
  if (page.error) return pdf_.AddBlankPage();
  return AddPicture(page);
}

Status PdfOutput::AddPicture(const ReadPage& page) {
  PictureResolution resolution;
  std::optional<PictureStream> stream;
  bool lossy = true;
  int quality = options_.jpeg_quality;
  std::string icc;
  const bool redrawn = options_.choices.deskew || options_.choices.clean;
  if (options_.source) {
    GLM_ASSIGN(const std::span<const std::byte> bytes, options_.source->Bytes());
    resolution = ResolutionOf(bytes, page.page - 1, page.n_pages);
    if (!options_.source->turned_upright) resolution.orientation = 1;
    if (!redrawn) stream = StoredPicture(bytes, page.page - 1, page.n_pages);
    lossy = IsLossyPicture(bytes);
    // A cleaned picture has other colours.
    if (!options_.choices.clean) icc = ProfileOf(bytes, page.page - 1, page.n_pages);
    quality = kKeptQuality;
  }
  if (resolution.x == 0 || resolution.y == 0)
    resolution.x = resolution.y = std::max(1.0, options_.pixels_per_inch);
  if (stream) {
    if (!options_.source->turned_upright) stream->orientation = 1;
    int width = stream->width_px, height = stream->height_px;
    if (stream->orientation >= 5) std::swap(width, height);
    // What was read must be what is shown.
    if (width != page.width_px || height != page.height_px) stream.reset();
  }
  if (stream && stream->cmyk() && options_.choices.pdfa) {
    Warn("its CMYK colours were made RGB for PDF/A", page.page);
    stream.reset();
    icc.clear();
  }
  if (stream) {
    WarnOfProfile(page, icc, *stream);
    return pdf_.AddPage(page, *stream, resolution);
  }
  if (page.image == nullptr || page.image->empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("page {} of '{}' was read without keeping its picture, which a PDF "
                             "shows",
                             page.page, page.source)};
  }
  resolution = Swapped(resolution);
  const auto coding = lossy ? PixelCoding::kLossy : PixelCoding::kLossless;
  if (!redrawn) {
    GLM_ASSIGN(stream, PictureFromPixels(*page.image, coding, quality, icc));
    WarnOfProfile(page, icc, *stream);
    return pdf_.AddPage(page, *stream, resolution);
  }
  GLM_ASSIGN(PageInk ink, FindInk(*page.image));
  if (!options_.choices.clean) ink.image = Straightened(*page.image, ink);
  GLM_ASSIGN(stream, PictureFromPixels(ink.image, coding, quality, icc));
  WarnOfProfile(page, icc, *stream);
  return pdf_.AddPage(OnUpright(page, ink), *stream, resolution);
}

// Black and white look the same with any.
void PdfOutput::WarnOfProfile(const ReadPage& page, const std::string& icc,
                              const PictureStream& stream) {
  if (icc.empty() || !stream.icc.empty() || stream.black_and_white()) return;
  Warn("its colour profile is left out of the searchable PDF, so colours may look different",
       page.page);
}

Result<TempFile> PdfOutput::Finish() {
  if (!keeps_pdf()) return pdf_.Finish();
  std::optional<TempFile> layer;
  if (has_layer_) {
    GLM_ASSIGN(layer, pdf_.Finish());
  }
  Result<TempFile> written = Rewrite(*options_.source, layer, pages_, true);
  if (written.ok() || written.error().code == ErrorCode::kIo ||
      written.error().code == ErrorCode::kNotFound ||
      written.error().code == ErrorCode::kUnsupported)
    return written;
  Warn(fmt::format("the PDF cannot be written anew ({}); it holds pictures of its pages instead",
                   written.error().message));
  return FromPictures(layer);
}

Result<TempFile> PdfOutput::Rewrite(DocumentSource& source, const std::optional<TempFile>& layer,
                                    std::vector<pdf::RewritePage> pages, bool report) {
  GLM_ASSIGN(TempFile out, TempFile::Create(options_.spool_folder));
  std::shared_ptr<DocumentSource> layer_file;
  if (layer) {
    GLM_ASSIGN(layer_file, DocumentSource::OfFile(DocumentSource::Kind::kPdf, layer->path()));
  }
  PdfRewrite rewrite{.source_fd = source.fd(),
                     .source_bytes = source.size_bytes(),
                     .layer_fd = layer_file ? layer_file->fd() : -1,
                     .layer_bytes = layer_file ? layer_file->size_bytes() : 0,
                     .options = {.password = source.password,
                                 .language = options_.choices.language,
                                 .replace_hidden_text = options_.choices.replace_hidden_text,
                                 .pdfa = options_.choices.pdfa,
                                 .pages = std::move(pages)}};
  GLM_ASSIGN(const pdf::RewriteReport said, RewritePdf(rewrite, &out));
  if (said.pdfa_problem != pdf::PdfaProblem::kNone) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("it cannot be made PDF/A-2b: {}", ClauseOf(said.pdfa_problem))};
  }
  if (report) Report(said);
  if (said.changed) return out;
  // Nothing was added: the very same bytes.
  GLM_ASSIGN(std::span<const std::byte> bytes, source.Bytes());
  GLM_RETURN_IF_ERROR(out.Append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  return out;
}

void PdfOutput::Report(const pdf::RewriteReport& report) {
  if (!report.changed) return;
  if (report.encrypted) Warn("the searchable PDF is not encrypted, unlike its source");
  if (report.is_signed)
    Warn("the PDF is signed; the signature is not valid for the searchable PDF");
  if (report.repaired) {
    Warn(
        "the PDF is damaged; the searchable PDF holds what could be repaired, so keep the "
        "original");
  }
  for (size_t i = 0; i < report.pages.size(); ++i) {
    if (report.pages[i] == RewrittenPage::kHiddenKept) {
      Warn("its hidden text was kept: it is not an OCR layer over a scan",
           static_cast<int>(pages_[i].index) + 1);
    }
  }
}

// A PDF of pictures of the pages, and the layer over it.
Result<TempFile> PdfOutput::FromPictures(const std::optional<TempFile>& layer) {
  PdfOptions options;
  options.dpi = kStandInDpi;
  options.password = options_.source->password;
  options.read_text = false;
  GLM_ASSIGN(const std::unique_ptr<PdfDocument> document,
             PdfDocument::Open(options_.source->path(), options));
  SearchablePdf pictures({.spool_folder = options_.spool_folder,
                          .title = XmlText(options_.title),
                          .language = options_.choices.language,
                          .pdfa = options_.choices.pdfa});
  std::vector<pdf::RewritePage> pages;
  for (const pdf::RewritePage& wanted : pages_) {
    pages.push_back({.index = static_cast<uint32_t>(pages.size()), .layer = wanted.layer});
    const Result<PdfPage> page = document->Read(static_cast<int>(wanted.index));
    if (!page.ok()) {
      Warn("its page is left empty", static_cast<int>(wanted.index) + 1);
      GLM_RETURN_IF_ERROR(pictures.AddBlankPage());
      continue;
    }
    GLM_ASSIGN(const PictureStream stream,
               PictureFromPixels(page->image, PixelCoding::kLossy, options_.jpeg_quality));
    ReadPage bare;
    bare.width_px = page->image.width_px;
    bare.height_px = page->image.height_px;
    GLM_RETURN_IF_ERROR(pictures.AddPage(
        bare, stream,
        {.x = 72 * bare.width_px / page->width_pt, .y = 72 * bare.height_px / page->height_pt}));
  }
  GLM_ASSIGN(TempFile file, pictures.Finish());
  if (!layer) return file;
  GLM_ASSIGN(const std::shared_ptr<DocumentSource> source,
             DocumentSource::OfFile(DocumentSource::Kind::kPdf, file.path()));
  return Rewrite(*source, layer, std::move(pages), false);
}

}  // namespace glmocr
