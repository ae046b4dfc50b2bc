#include "pdf/protocol.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include "pdf/page_size.h"

namespace glmocr::pdf {
namespace {

template <typename T>
void Append(std::string* out, const T& value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

Error Nonsense(const char* what) {
  return {ErrorCode::kCorrupt, std::string("the worker sent ") + what};
}

bool IsPageSide(double points) { return std::isfinite(points) && points > 0; }

Result<RawPage> ReadPage(ByteSource& source, const ReplyLimits& limits) {
  RawPage page;
  PageHeader& header = page.header;
  GLM_RETURN_IF_ERROR(source.Read(&header, sizeof(header)));
  if (!MayBeSizeOfPage(header.width_px, header.height_px, limits.max_side_px))
    return Nonsense("a picture of impossible size");
  if (!IsPageSide(header.width_pt) || !IsPageSide(header.height_pt))
    return Nonsense("a page of impossible size");
  if (header.n_chars > limits.max_chars) return Nonsense("too many characters");
  page.chars.resize(header.n_chars);
  if (header.n_chars > 0)
    GLM_RETURN_IF_ERROR(source.Read(page.chars.data(), header.n_chars * sizeof(CharRecord)));
  page.image = Image(header.width_px, header.height_px);
  GLM_RETURN_IF_ERROR(source.Read(page.image.rgb.data(), page.image.rgb.size()));
  return page;
}

Result<RawPage> ReadPicture(ByteSource& source, const ReplyLimits& limits) {
  PictureHeader header;
  GLM_RETURN_IF_ERROR(source.Read(&header, sizeof(header)));
  if (header.width_px < 1 || header.height_px < 1 ||
      header.width_px > limits.max_pixels / header.height_px)
    return Nonsense("a picture of impossible size");
  RawPage page;
  page.header.index = header.index;
  page.header.width_px = header.width_px;
  page.header.height_px = header.height_px;
  page.n_frames = header.n_frames < 0 ? kManyFrames : std::max(1, header.n_frames);
  page.image = Image(header.width_px, header.height_px);
  GLM_RETURN_IF_ERROR(source.Read(page.image.rgb.data(), page.image.rgb.size()));
  return page;
}

}  // namespace

std::string EncodeOpenPdf(std::string_view password) {
  GLM_CHECK(password.size() <= kMaxPasswordBytes);
  std::string out;
  Append(&out, RequestHeader{static_cast<uint32_t>(RequestType::kOpenPdf),
                             static_cast<uint32_t>(password.size())});
  out += password;
  return out;
}

std::string EncodeOpenPicture(const DecodeOptions& options, std::span<const std::byte> bytes) {
  GLM_CHECK(bytes.size() <= kMaxPictureBytes);
  std::string out;
  out.reserve(sizeof(RequestHeader) + sizeof(PictureRequest) + bytes.size());
  Append(&out, RequestHeader{static_cast<uint32_t>(RequestType::kOpenPicture),
                             static_cast<uint32_t>(sizeof(PictureRequest) + bytes.size())});
  Append(&out, PictureRequest{.max_pixels = options.max_pixels,
                              .max_encoded_bytes = options.max_encoded_bytes,
                              .alpha = static_cast<uint32_t>(options.alpha),
                              .orientation = static_cast<uint32_t>(options.orientation),
                              .truncated = static_cast<uint32_t>(options.truncated),
                              .gray16 = static_cast<uint32_t>(options.gray16)});
  return out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string EncodePageRequest(const PageRequest& request) {
  std::string out;
  Append(&out, RequestHeader{static_cast<uint32_t>(RequestType::kPage), sizeof(request)});
  Append(&out, request);
  return out;
}

std::string EncodeRewrite(const RewriteOptions& options) {
  RewriteRequest request{.flags = 0,
                         .n_pages = static_cast<uint32_t>(options.pages.size()),
                         .password_bytes = static_cast<uint32_t>(options.password.size()),
                         .language_bytes = static_cast<uint32_t>(options.language.size())};
  if (options.replace_hidden_text) request.flags |= RewriteRequest::kReplaceHiddenText;
  if (options.pdfa) request.flags |= RewriteRequest::kPdfa;
  std::string payload;
  Append(&payload, request);
  payload += options.password + options.language;
  for (const RewritePage& page : options.pages) Append(&payload, page);
  GLM_CHECK(payload.size() <= kMaxRewriteBytes);
  std::string out;
  Append(&out, RequestHeader{static_cast<uint32_t>(RequestType::kRewrite),
                             static_cast<uint32_t>(payload.size())});
  return out + payload;
}

std::optional<RewriteOptions> DecodeRewrite(std::string_view payload) {
  RewriteRequest request;
  if (payload.size() < sizeof(request)) return std::nullopt;
  std::memcpy(&request, payload.data(), sizeof(request));
  payload.remove_prefix(sizeof(request));
  if (payload.size() != uint64_t{request.password_bytes} + request.language_bytes +
                            uint64_t{request.n_pages} * sizeof(RewritePage))
    return std::nullopt;
  RewriteOptions options;
  options.replace_hidden_text = (request.flags & RewriteRequest::kReplaceHiddenText) != 0;
  options.pdfa = (request.flags & RewriteRequest::kPdfa) != 0;
  options.password = payload.substr(0, request.password_bytes);
  options.language = payload.substr(request.password_bytes, request.language_bytes);
  payload.remove_prefix(request.password_bytes + request.language_bytes);
  options.pages.resize(request.n_pages);
  if (!payload.empty()) std::memcpy(options.pages.data(), payload.data(), payload.size());
  return options;
}

Result<RewriteReply> ReadRewriteReply(ByteSource& source, size_t n_pages) {
  const Error nonsense{ErrorCode::kCorrupt, "the PDF writer sent nonsense"};
  ReplyHeader header;
  GLM_RETURN_IF_ERROR(source.Read(&header, sizeof(header)));
  if (header.magic != kReplyMagic) return nonsense;
  switch (static_cast<ReplyType>(header.type)) {
    case ReplyType::kRewrittenPart: {
      uint32_t n = 0;
      GLM_RETURN_IF_ERROR(source.Read(&n, sizeof(n)));
      if (n == 0 || n > kMaxRewrittenPart) return nonsense;
      std::string part(n, '\0');
      GLM_RETURN_IF_ERROR(source.Read(part.data(), n));
      return RewriteReply(std::move(part));
    }
    case ReplyType::kRewritten: {
      Rewritten said;
      GLM_RETURN_IF_ERROR(source.Read(&said, sizeof(said)));
      if (said.n_pages != n_pages || said.pdfa_problem > kMaxPdfaProblem) return nonsense;
      RewriteReport report;
      report.changed = (said.flags & Rewritten::kChanged) != 0;
      report.encrypted = (said.flags & Rewritten::kEncrypted) != 0;
      report.is_signed = (said.flags & Rewritten::kSigned) != 0;
      report.repaired = (said.flags & Rewritten::kRepaired) != 0;
      report.pdfa_problem = static_cast<PdfaProblem>(said.pdfa_problem);
      std::string pages(said.n_pages, '\0');
      GLM_RETURN_IF_ERROR(source.Read(pages.data(), pages.size()));
      for (const char page : pages) {
        const auto value = static_cast<uint8_t>(page);
        if (value < 1 || value > kMaxRewrittenPage) return nonsense;
        report.pages.push_back(static_cast<RewrittenPage>(value));
      }
      return RewriteReply(std::move(report));
    }
    case ReplyType::kFailed: {
      Failed failed;
      GLM_RETURN_IF_ERROR(source.Read(&failed, sizeof(failed)));
      return RewriteReply(failed);
    }
    default:
      return nonsense;
  }
}

Result<Reply> ReadReply(ByteSource& source, const ReplyLimits& limits) {
  ReplyHeader header;
  GLM_RETURN_IF_ERROR(source.Read(&header, sizeof(header)));
  if (header.magic != kReplyMagic) return Nonsense("something that is not a reply");
  switch (static_cast<ReplyType>(header.type)) {
    case ReplyType::kOpened: {
      Opened opened;
      GLM_RETURN_IF_ERROR(source.Read(&opened, sizeof(opened)));
      return Reply(opened);
    }
    case ReplyType::kFailed: {
      Failed failed;
      GLM_RETURN_IF_ERROR(source.Read(&failed, sizeof(failed)));
      return Reply(failed);
    }
    case ReplyType::kPage:
    case ReplyType::kPicture:
      try {
        const bool picture = header.type == static_cast<uint32_t>(ReplyType::kPicture);
        GLM_ASSIGN(RawPage page, picture ? ReadPicture(source, limits) : ReadPage(source, limits));
        return Reply(std::move(page));
      } catch (const std::bad_alloc&) {
        return Error{ErrorCode::kOutOfMemory, "not enough memory for the page's picture"};
      }
    default:
      break;
  }
  return Nonsense("a reply of unknown kind");
}

}  // namespace glmocr::pdf
