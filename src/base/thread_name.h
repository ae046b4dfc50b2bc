// Names of threads, as debuggers and `top -H` show them.
#pragma once

namespace glmocr {

// The calling thread's, at most 15 characters.
void NameThread(const char* name);

}  // namespace glmocr
