// Attention's inner loops on NEON.
#define GLM_LANES_NEON
#include "kernels/cpu/attention_inl.h"

namespace glmocr::cpu {

constinit const AttentionTarget kNeonAttention = {
    .f32_over_f32 = {lanes::LoadQuery<false>, lanes::Attend<lanes::DotF32>},
    .f32_over_bf16 = {lanes::LoadQuery<false>, lanes::Attend<lanes::DotWidened<false>>},
    .bf16_over_bf16 = {lanes::LoadQuery<true>, lanes::Attend<lanes::DotWidened<true>>},
    .bf16_queries = false,
    .finish = lanes::Finish,
    .pack_keys = lanes::PackKeys,
    .pack_values = lanes::PackValues,
    .round_block = lanes::RoundBlock,
};

}  // namespace glmocr::cpu
