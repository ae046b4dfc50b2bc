#include "base/thread_name.h"

#include <sys/prctl.h>

namespace glmocr {

void NameThread(const char* name) { ::prctl(PR_SET_NAME, name); }

}  // namespace glmocr
