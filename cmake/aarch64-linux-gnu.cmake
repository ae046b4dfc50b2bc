# Cross compiler of Debian's g++-aarch64-linux-gnu. Only folders whose third-party code is header-only are compiled with
# it: base, tensor, kernels. Their headers (fmt, xxhash, Highway) are the host's, copied behind a private include folder,
# because the host's /usr/include as a whole would hide the cross C library.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
