// Attention's inner loops on AVX-512 with BF16 (VDPBF16PS): products of bf16 pairs, sums in fp32.
#define GLM_LANES_AVX512
#define GLM_LANES_BF16_DOT
#include "kernels/cpu/attention_inl.h"

namespace glmocr::cpu {
namespace {

void LoadQueryBF16(const float* src, int64_t d, float scale, void* dst) {
  auto* out = static_cast<bf16*>(dst);
  for (int64_t i = 0; i < d; i += 16) {
    const __mmask16 mask = lanes::FirstMask(d - i < 16 ? d - i : 16);
    const __m512 x = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, src + i), _mm512_set1_ps(scale));
    _mm256_mask_storeu_epi16(out + i, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  }
}

}  // namespace

constinit const AttentionTarget kAvx512Bf16Attention = {
    .f32_over_f32 = {lanes::LoadQuery<false>, lanes::Attend<lanes::DotF32>},
    .f32_over_bf16 = {lanes::LoadQuery<false>, lanes::Attend<lanes::DotWidened<false>>},
    .bf16_over_bf16 = {LoadQueryBF16, lanes::Attend<lanes::DotBF16>},
    .bf16_queries = true,
    .finish = lanes::Finish,
    .pack_keys = lanes::PackKeys,
    .pack_values = lanes::PackValues,
    .round_block = lanes::RoundBlock,
};

}  // namespace glmocr::cpu
