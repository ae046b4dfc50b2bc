// The AMX file of the matrix product over emulated tiles, for kernels_gemm_test.cc on machines with
// AVX-512 but without AMX.
#define GLM_AMX_EMULATED
#include "kernels/cpu/gemm_amx_bf16.cc"  // NOLINT(bugprone-suspicious-include)
