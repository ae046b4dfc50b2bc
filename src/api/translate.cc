// Errors, options and results from the public interface to ours and back.
#include "api/internal.h"
#include "format/document_writer.h"
#include "layout/geometric.h"
#include "pipeline/task.h"

namespace glmocr::v1::internal {
namespace {

constexpr int64_t kMaxPixels = 200'000'000;

// Empty: what the region's kind asks for.
std::string Instruction(Task task) {
  switch (task) {
    case Task::kText:
      return std::string(TaskInstruction(glmocr::Task::kText));
    case Task::kTable:
      return std::string(TaskInstruction(glmocr::Task::kTable));
    case Task::kFormula:
      return std::string(TaskInstruction(glmocr::Task::kFormula));
    case Task::kAuto:
      break;
  }
  return {};
}

FinishReason Translate(glmocr::FinishReason reason) {
  switch (reason) {
    case glmocr::FinishReason::kStopString:
      return FinishReason::kStopString;
    case glmocr::FinishReason::kLength:
      return FinishReason::kLength;
    case glmocr::FinishReason::kLoop:
      return FinishReason::kLoop;
    default:
      return FinishReason::kStop;
  }
}

}  // namespace

Error Invalid(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

Error OutOfMemory(const char* remedy) {
  return {ErrorCode::kResourceExhausted, std::string("out of memory (") + remedy + ")"};
}

Error Forked() {
  return {ErrorCode::kUnsupported,
          "the model was loaded before fork(), and its threads are in the parent process (load the "
          "model after fork(), or let the parent read)"};
}

Error Translate(const glmocr::Error& error) {
  const ErrorCode code = [&] {
    switch (error.code) {
      case glmocr::ErrorCode::kInvalidArgument:
        return ErrorCode::kInvalidArgument;
      case glmocr::ErrorCode::kNotFound:
        return ErrorCode::kNotFound;
      case glmocr::ErrorCode::kCorrupt:
        return ErrorCode::kCorrupt;
      case glmocr::ErrorCode::kUnsupported:
        return ErrorCode::kUnsupported;
      case glmocr::ErrorCode::kResourceExhausted:
      case glmocr::ErrorCode::kOutOfMemory:
      case glmocr::ErrorCode::kUnavailable:
        return ErrorCode::kResourceExhausted;
      case glmocr::ErrorCode::kCancelled:
        return ErrorCode::kCancelled;
      case glmocr::ErrorCode::kIo:
        return ErrorCode::kIo;
      case glmocr::ErrorCode::kInternal:
        break;
    }
    return ErrorCode::kInternal;
  }();
  return {code, error.message};
}

Result<DecodeOptions> Translate(const ImageOptions& options) {
  if (!Known(options.alpha, Alpha::kDrop) || !Known(options.orientation, Orientation::kIgnore) ||
      !Known(options.truncated, Truncated::kAccept)) {
    return Invalid("an image option has no known value");
  }
  if (options.max_pixels < 1 || options.max_pixels > kMaxPixels)
    return Invalid("max_pixels must be 1 to 200,000,000");
  DecodeOptions decode;
  decode.max_pixels = options.max_pixels;
  decode.alpha = options.alpha == Alpha::kDrop ? AlphaMode::kDrop : AlphaMode::kCompositeOnWhite;
  decode.orientation = options.orientation == Orientation::kIgnore ? OrientationMode::kIgnore
                                                                   : OrientationMode::kApply;
  decode.truncated =
      options.truncated == Truncated::kAccept ? TruncatedMode::kAccept : TruncatedMode::kReject;
  return decode;
}

Result<PageReaderOptions> Translate(const Asked& asked, const LoadedModel& model) {
  if (!Known(asked.layout, Layout::kGeometric)) return Invalid("layout has no known value");
  if (!Known(asked.task, Task::kAuto)) return Invalid("task has no known value");
  const Generation& g = asked.generation;
  if (g.max_new_tokens < 1) return Invalid("max_new_tokens must be at least 1");
  PageReaderOptions out;
  switch (asked.layout) {
    case Layout::kNone:
      out.layout = glmocr::Layout::kNone;
      break;
    case Layout::kLines:
      out.layout = glmocr::Layout::kLines;
      break;
    case Layout::kAuto:
    case Layout::kGeometric:
      out.layout = glmocr::Layout::kRegions;
      out.layout_engine = asked.layout == Layout::kAuto ? model.network : nullptr;
      if (out.layout_engine == nullptr) out.layout_engine = MakeGeometricLayout();
      break;
  }
  out.instruction = !asked.prompt.empty() ? asked.prompt : Instruction(asked.task);
  out.generation.max_new_tokens = g.max_new_tokens;
  out.generation.stop_strings = g.stop;
  out.generation.sampling = {.repetition_penalty = g.repetition_penalty,
                             .presence_penalty = g.presence_penalty,
                             .frequency_penalty = g.frequency_penalty,
                             .temperature = g.temperature,
                             .top_k = g.top_k,
                             .top_p = g.top_p,
                             .min_p = g.min_p,
                             .seed = g.seed};
  return out;
}

Region Translate(const ReadRegion& r) {
  Region region{.box = {r.box_px.x, r.box_px.y, r.box_px.width, r.box_px.height},
                .column = r.column,
                .new_paragraph = r.new_paragraph,
                .text = r.text,
                .confidence = r.confidence,
                .finish = Translate(r.finish),
                .label = std::string(RegionLabelName(r.label)),
                .source = r.from_text_layer ? TextSource::kTextLayer : TextSource::kModel};
  region.tokens.reserve(r.tokens.size());
  for (const ReadToken& t : r.tokens) region.tokens.push_back({t.id, t.text, t.probability});
  region.polygon.reserve(r.polygon_px.size());
  for (const glmocr::Point& p : r.polygon_px) region.polygon.push_back({p.x, p.y});
  return region;
}

Warning Translate(const glmocr::Warning& warning) {
  return {.kind = std::string(WarningKindName(warning.kind)),
          .message = warning.message,
          .page = warning.page};
}

Result<Page> Translate(const ReadPage& read) {
  Page page{.number = read.page,
            .width_px = read.width_px,
            .height_px = read.height_px,
            .skew_degrees = read.skew_degrees};
  page.regions.reserve(read.regions.size());
  for (const ReadRegion& r : read.regions) {
    page.regions.push_back(Translate(r));
    page.stats.prompt_tokens += r.usage.prompt_tokens;
    page.stats.cached_prompt_tokens += r.usage.cached_prompt_tokens;
    page.stats.generated_tokens += r.usage.completion_tokens;
    page.stats.drafted_tokens += r.usage.drafted_tokens;
    page.stats.accepted_tokens += r.usage.accepted_tokens;
  }
  for (const glmocr::Warning& warning : read.warnings) {
    page.warnings.push_back(Translate(warning));
    page.warnings.back().page = read.page;
  }
  page.text = PlainText(read, {});
  const auto markdown = DocumentText({&read, 1}, DocumentFormat::kMarkdown, {});
  if (!markdown.ok()) return Translate(markdown.error());
  page.markdown = *markdown;
  page.stats.prepare_s = read.prepare_s;
  page.stats.first_token_s = read.first_token_s;
  page.stats.total_s = read.seconds;
  return page;
}

}  // namespace glmocr::v1::internal
