#include "kernels/reference/reference.h"

