#include "server/page_format.h"

#include "format/sdk_pages.h"

namespace glmocr::server {

std::string_view PageSeparator(bool plain) { return plain ? "\n\n---\n\n" : "\n\n"; }

FormattedPage FormatPage(const ReadPage& page, const PageFormat& format) {
  ConvertedPage converted = ConvertPage(page, {});
  SdkOptions options = {.first_page = format.number, .first_image = format.first_image};
  const auto region_of = [&](const SdkRegion& region) -> const ReadRegion& {
    return page.regions[converted.source[static_cast<size_t>(&region - converted.regions.data())]];
  };
  for (SdkRegion& region : converted.regions) {
    if (region.has_crop && format.shows) region.has_crop = format.shows(region_of(region));
  }
  if (format.picture) {
    options.picture = [&](size_t, size_t image, const SdkRegion& region) {
      return format.picture(image, region_of(region));
    };
  }
  SdkDocumentBuilder builder(options);
  FormattedPage out;
  out.plain = converted.plain;
  if (converted.plain) {
    std::string content;
    for (const SdkRegion& region : converted.regions) content += region.content.value_or("");
    builder.AddPlainPage(content);
  } else {
    for (const SdkImage& image : builder.AddPage(converted.regions))
      out.pictures.push_back(converted.source[image.region]);
  }
  SdkDocument document = builder.Finish();
  out.markdown = std::move(document.markdown);
  out.blocks = std::move(nlohmann::ordered_json::parse(document.json).at(0));
  if (!document.block_regions.empty()) {
    for (const size_t region : document.block_regions[0])
      out.block_regions.push_back(converted.source[region]);
  }
  return out;
}

}  // namespace glmocr::server
