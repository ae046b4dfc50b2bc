#include "pipeline/page_warnings.h"

#include <gtest/gtest.h>
