// The web page at "/": drop a document, watch its pages being read. Its files (web/, KaTeX, marked)
// are part of the program. They are public: what they show comes from the routes that ask for a
// key.
#pragma once

#include "server/router.h"

namespace glmocr::server {

void AddWebPageRoutes(Router& router);

}  // namespace glmocr::server
