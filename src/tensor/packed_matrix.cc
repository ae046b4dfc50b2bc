#include "tensor/packed_matrix.h"

#include <cstring>
#include <vector>

namespace glmocr {
namespace {

// Row o of the source: which tensor, which row of it.
struct RowSource {
  const TensorView* tensor = nullptr;  // null: a zero row of padding
  int64_t row = 0;
};

int64_t RowLength(const TensorView& t) { return t.shape[0] == 0 ? 0 : t.shape.count() / t.shape[0]; }

void PackPanel(const RowSource* rows, int64_t k, int64_t k_padded, WeightLayout layout, std::byte* out, float* scratch) {
  for (int64_t c = 0; c < kPanel; ++c) {
    if (rows[c].tensor != nullptr) CopyAsFloat(*rows[c].tensor, rows[c].row * k, k, scratch);
    else std::memset(scratch, 0, static_cast<size_t>(k) * sizeof(float));
    if (layout == WeightLayout::kF32Panel16) {
      float* to = reinterpret_cast<float*>(out) + c;
      for (int64_t i = 0; i < k; ++i) to[i * kPanel] = scratch[i];
    } else {
      bf16* to = reinterpret_cast<bf16*>(out) + 2 * c;
      for (int64_t i = 0; i < k; ++i) to[(i / 2) * 2 * kPanel + (i & 1)] = F32ToBF16(scratch[i]);
      if (k_padded != k) to[(k / 2) * 2 * kPanel + 1] = 0;
    }
  }
}

Result<PackedMatrix> PackRows(const std::vector<RowSource>& rows, int64_t k, WeightLayout layout, ThreadPool& pool) {
  GLM_CHECK(rows.size() % kPanel == 0);
  PackedMatrix packed;
  packed.layout = layout;
  packed.k = k;
  packed.k_padded = layout == WeightLayout::kBF16Pairs16 ? (k + 1) / 2 * 2 : k;
  packed.n_panels = static_cast<int64_t>(rows.size()) / kPanel;
  const size_t element = layout == WeightLayout::kF32Panel16 ? 4 : 2;
  const size_t panel_bytes = static_cast<size_t>(packed.panel_elements()) * element;
  GLM_ASSIGN(packed.buffer, Buffer::Allocate(panel_bytes * static_cast<size_t>(packed.n_panels), "packed weights"));
  pool.For(packed.n_panels, 4, [&](int64_t begin, int64_t end, int) {
    std::vector<float> scratch(static_cast<size_t>(k));
    for (int64_t p = begin; p < end; ++p) {
      PackPanel(&rows[static_cast<size_t>(p * kPanel)], k, packed.k_padded, layout,
                packed.buffer.data() + static_cast<size_t>(p) * panel_bytes, scratch.data());
    }
  });
  return packed;
}

void AppendRows(const TensorView& tensor, std::vector<RowSource>* rows) {
  for (int64_t r = 0; r < tensor.shape[0]; ++r) rows->push_back({&tensor, r});
}

void PadToPanel(std::vector<RowSource>* rows) {
  while (rows->size() % kPanel != 0) rows->push_back({});
}

}  // namespace

float PackedMatrix::At(int64_t o, int64_t i) const {
  int64_t panel = o / kPanel;
  int64_t lane = o % kPanel;
  if (form == WeightForm::kSwiGlu) {
    const int64_t half = n / 2;
    const int64_t column = o % half;
    panel = 2 * (column / kPanel) + (o >= half ? 1 : 0);
    lane = column % kPanel;
  }
  if (layout == WeightLayout::kF32Panel16) return f32_panel(panel)[i * kPanel + lane];
  return BF16ToF32(bf16_panel(panel)[(i / 2) * 2 * kPanel + 2 * lane + (i & 1)]);
}

Result<PackedMatrix> PackMatrix(const TensorView& weight, WeightLayout layout, ThreadPool& pool) {
  return PackStacked({&weight, 1}, layout, pool);
}

Result<PackedMatrix> PackStacked(std::span<const TensorView> parts, WeightLayout layout, ThreadPool& pool) {
  std::vector<RowSource> rows;
  for (const TensorView& part : parts) {
    GLM_CHECK(RowLength(part) == RowLength(parts[0]));
    AppendRows(part, &rows);
  }
  const auto n = static_cast<int64_t>(rows.size());
  PadToPanel(&rows);
  GLM_ASSIGN(PackedMatrix packed, PackRows(rows, RowLength(parts[0]), layout, pool));
  packed.n = n;
  return packed;
}

Result<PackedMatrix> PackSwiGlu(const TensorView& gate, const TensorView& up, WeightLayout layout, ThreadPool& pool) {
  GLM_CHECK(gate.shape == up.shape);
  std::vector<RowSource> gate_rows, up_rows, rows;
  AppendRows(gate, &gate_rows);
  AppendRows(up, &up_rows);
  PadToPanel(&gate_rows);
  PadToPanel(&up_rows);
  for (size_t p = 0; p < gate_rows.size(); p += kPanel) {
    rows.insert(rows.end(), gate_rows.begin() + p, gate_rows.begin() + p + kPanel);
    rows.insert(rows.end(), up_rows.begin() + p, up_rows.begin() + p + kPanel);
  }
  GLM_ASSIGN(PackedMatrix packed, PackRows(rows, RowLength(gate), layout, pool));
  packed.form = WeightForm::kSwiGlu;
  packed.n = 2 * gate.shape[0];
  return packed;
}

}  // namespace glmocr
