// The layout model's configuration and post-processing. First byte 'c': the rest is a config.json,
// 'p': a preprocessor_config.json, else: masks, boxes and detections made of the rest, in a page of
// any size.
#include <cmath>
#include <cstring>
#include <string_view>

#include "layout/layout_rules.h"
#include "models/pp_doclayout_v3/config.h"
#include "models/pp_doclayout_v3/detections.h"

namespace glmocr {
namespace {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  uint8_t Byte() { return empty() ? 0 : data_[at_++]; }
  int Size() { return 1 + Byte() + 16 * (Byte() % 8); }
  float Float() {  // any bits, made finite as Detect does
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits = bits << 8 | Byte();
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return std::isfinite(value) ? value : 0;
  }
  // Mostly about a page, sometimes anything.
  float Coordinate(int page) {
    const uint8_t kind = Byte();
    return kind == 255 ? Float() : static_cast<float>(kind) / 200 * static_cast<float>(page) - 9;
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

void PostProcess(Bytes bytes) {
  const DetectionOptions page{
      .threshold = 0.3f, .page_width_px = bytes.Size(), .page_height_px = bytes.Size()};
  const int width = 1 + bytes.Byte() % 24, height = 1 + bytes.Byte() % 24;
  std::vector<float> mask(static_cast<size_t>(width * height));
  for (size_t i = 0; i < mask.size(); i += 8) {
    const uint8_t bits = bytes.Byte();
    for (size_t b = 0; b < 8 && i + b < mask.size(); ++b)
      mask[i + b] = (bits >> b & 1) != 0 ? 2.0f : -2.0f;
  }
  std::vector<LayoutDetection> detections;
  while (!bytes.empty() && detections.size() < 24) {
    LayoutDetection d;
    d.label = bytes.Byte() % kRegionLabels;
    d.score = static_cast<float>(bytes.Byte()) / 255;
    d.box = {bytes.Coordinate(page.page_width_px), bytes.Coordinate(page.page_height_px),
             bytes.Coordinate(page.page_width_px), bytes.Coordinate(page.page_height_px)};
    d.order = static_cast<int>(detections.size());
    // Boxes of the network end at one and a half pages; larger ones cost memory, and tell nothing.
    bool near = true;
    for (const float x : d.box) near &= std::abs(x) < 4096;
    if (near) d.polygon = PolygonInBox({mask.data(), width, height}, d.box, page);
    Require(!near || d.polygon.size() >= 4);
    detections.push_back(std::move(d));
  }
  LayoutRules rules;
  for (size_t i = 0; i < kRegionLabels; ++i)
    rules.nested[i] = static_cast<NestedBoxes>(bytes.Byte() % 3);
  for (const RuledRegion& region :
       ApplyLayoutRules(detections, rules, page.page_width_px, page.page_height_px)) {
    Require(0 <= region.box[0] && region.box[0] <= region.box[2] &&
            region.box[2] <= page.page_width_px);
    Require(0 <= region.box[1] && region.box[1] <= region.box[3] &&
            region.box[3] <= page.page_height_px);
    Require(region.polygon.size() >= 4);
  }
}

}  // namespace
}  // namespace glmocr

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'c') {
    (void)glmocr::PpDocLayoutConfig::FromJson(text, "config.json");
  } else if (data[0] == 'p') {
    (void)glmocr::PpDocLayoutImageConfig::FromJson(text, "preprocessor_config.json");
  } else {
    glmocr::PostProcess(glmocr::Bytes(data + 1, size - 1));
  }
  return 0;
}
