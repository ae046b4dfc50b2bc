#include "tensor/packed_matrix.h"

#include <cstring>
#include <vector>

#include "tensor/words4_inl.h"

namespace glmocr {
namespace {

// Row o of the source: which tensor, which row of it.
struct RowSource {
  const TensorView* tensor = nullptr;  // null: a zero row of padding
  int64_t row = 0;
};

int64_t RowLength(const TensorView& t) {
  return t.shape[0] == 0 ? 0 : t.shape.count() / t.shape[0];
}

// Packing is a transposition of 32-bit words: four words of each of a panel's 16 rows become 16
// neighbouring words of four steps. A word is a float or two consecutive bf16. `Source` makes words
// of a row's elements, `Sink` stores 4 columns of one word step.
struct FloatRow {
  static constexpr int64_t kElementBytes = 4, kInputs = 4;  // inputs of four words
  static U4 Words(const std::byte* row) { return LoadU4(row); }
};
struct FloatRowToPairs {
  static constexpr int64_t kElementBytes = 4, kInputs = 8;
  static U4 Words(const std::byte* row) { return RoundToPairs(LoadU4(row), LoadU4(row + 16)); }
};
struct PairRow {
  static constexpr int64_t kElementBytes = 2, kInputs = 8;
  static U4 Words(const std::byte* row) { return LoadU4(row); }
};

struct WordSink {  // the word is what the layout stores
  static constexpr int64_t kWords = 1;
  static void Store(uint32_t* out, U4 v) { StoreU4(out, v); }
};
struct WideningSink {  // two bf16 become the floats of two steps
  static constexpr int64_t kWords = 2;
  static void Store(uint32_t* out, U4 v) {
    StoreU4(out, v << 16);
    StoreU4(out + kPanel, v & 0xffff0000u);
  }
};

// Four words of each of the 16 rows at `rows` + `offset` bytes.
template <class Source, class Sink>
inline void PackBlock(const std::byte* const (&rows)[kPanel], int64_t offset, uint32_t* out) {
  for (int64_t c = 0; c < kPanel; c += 4) {
    U4 v[4];
    for (int r = 0; r < 4; ++r) v[r] = Source::Words(rows[c + r] + offset);
    Transpose4(v);
    for (int w = 0; w < 4; ++w) Sink::Store(out + w * Sink::kWords * kPanel + c, v[w]);
  }
}

template <class Source, class Sink>
void PackWords(const std::byte* const (&rows)[kPanel], int64_t k, int64_t panel_words,
               uint32_t* out) {
  constexpr int64_t kBlockWords = 4 * Sink::kWords * kPanel;
  int64_t i = 0;
  for (; i + Source::kInputs <= k;
       i += Source::kInputs, out += kBlockWords, panel_words -= kBlockWords) {
    PackBlock<Source, Sink>(rows, i * Source::kElementBytes, out);
  }
  if (i == k) return;
  // The rest, continued with zeros: no read behind a row, no write behind the panel.
  std::byte padded[kPanel][32] = {};
  const std::byte* tails[kPanel];
  uint32_t block[kBlockWords];
  for (int64_t r = 0; r < kPanel; ++r) {
    std::memcpy(padded[r], rows[r] + i * Source::kElementBytes,
                static_cast<size_t>((k - i) * Source::kElementBytes));
    tails[r] = padded[r];
  }
  PackBlock<Source, Sink>(tails, 0, block);
  std::memcpy(out, block, static_cast<size_t>(panel_words) * 4);
}

// Memory of one thread while it packs: a row of zeros, and 16 rows of floats for the types that are
// converted first.
struct PackScratch {
  std::vector<float> zeros, rows;
};

void PackPanel(const RowSource* sources, int64_t k, WeightLayout layout, int64_t panel_words,
               uint32_t* out, PackScratch* scratch) {
  const std::byte* rows[kPanel];
  DType dtype = DType::kF32;
  for (int64_t c = 0; c < kPanel; ++c) {
    if (sources[c].tensor != nullptr) dtype = sources[c].tensor->dtype;
  }
  // Rows of unlike tensors in one panel, and F16, go through floats.
  bool direct = dtype == DType::kF32 || dtype == DType::kBF16;
  for (int64_t c = 0; c < kPanel; ++c)
    direct &= sources[c].tensor == nullptr || sources[c].tensor->dtype == dtype;
  scratch->zeros.resize(static_cast<size_t>(k));
  if (!direct) scratch->rows.resize(static_cast<size_t>(k * kPanel));
  for (int64_t c = 0; c < kPanel; ++c) {
    const RowSource& s = sources[c];
    if (s.tensor == nullptr) {
      rows[c] = reinterpret_cast<const std::byte*>(scratch->zeros.data());
    } else if (direct) {
      rows[c] = s.tensor->data + static_cast<size_t>(s.row * k) * DTypeBytes(dtype);
    } else {
      CopyAsFloat(*s.tensor, s.row * k, k, scratch->rows.data() + c * k);
      rows[c] = reinterpret_cast<const std::byte*>(scratch->rows.data() + c * k);
    }
  }
  const bool pairs = direct && dtype == DType::kBF16;
  if (layout == WeightLayout::kBF16Pairs16) {
    if (pairs)
      PackWords<PairRow, WordSink>(rows, k, panel_words, out);
    else
      PackWords<FloatRowToPairs, WordSink>(rows, k, panel_words, out);
  } else {
    if (pairs)
      PackWords<PairRow, WideningSink>(rows, k, panel_words, out);
    else
      PackWords<FloatRow, WordSink>(rows, k, panel_words, out);
  }
}

Result<PackedMatrix> PackRows(const std::vector<RowSource>& rows, int64_t k, WeightLayout layout,
                              ThreadPool& pool) {
  GLM_CHECK(rows.size() % kPanel == 0);
  PackedMatrix packed;
  packed.layout = layout;
  packed.k = k;
  packed.k_padded = layout == WeightLayout::kBF16Pairs16 ? (k + 1) / 2 * 2 : k;
  packed.n_panels = static_cast<int64_t>(rows.size()) / kPanel;
  const size_t element = layout == WeightLayout::kF32Panel16 ? 4 : 2;
  const size_t panel_bytes = static_cast<size_t>(packed.panel_elements()) * element;
  GLM_ASSIGN(packed.buffer, Buffer::Allocate(panel_bytes * static_cast<size_t>(packed.n_panels),
                                             "packed weights"));
  pool.For(packed.n_panels, 4, [&](int64_t begin, int64_t end, int) {
    PackScratch scratch;
    for (int64_t p = begin; p < end; ++p) {
      auto* out =
          reinterpret_cast<uint32_t*>(packed.buffer.data() + static_cast<size_t>(p) * panel_bytes);
      PackPanel(&rows[static_cast<size_t>(p * kPanel)], k, layout,
                static_cast<int64_t>(panel_bytes / 4), out, &scratch);
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

Result<PackedMatrix> PackStacked(std::span<const TensorView> parts, WeightLayout layout,
                                 ThreadPool& pool) {
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

Result<PackedMatrix> PackSwiGlu(const TensorView& gate, const TensorView& up, WeightLayout layout,
                                ThreadPool& pool) {
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
