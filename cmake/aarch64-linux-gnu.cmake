# Cross compiler of Debian's g++-aarch64-linux-gnu, for a compile-only check of base, tensor and kernels on 64-bit Arm.
# What they include from elsewhere (fmt, xxhash) has the same headers on every machine, so the host's packages serve;
# nothing is linked.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
file(GLOB host_cmake_dirs /usr/lib/*-linux-gnu/cmake)
list(APPEND CMAKE_PREFIX_PATH ${host_cmake_dirs})
set(XXHASH_LIBRARY xxhash CACHE STRING "Not linked in this build")
