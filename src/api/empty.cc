// The shared library is made of glmocr_api; CMake wants a source file for it.
