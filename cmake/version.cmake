# cmake -DSOURCE=... -DVERSION=... -DIN=version.h.in -DOUT=version.h -P version.cmake: writes the version with the commit, where git
# tells one.
set(PROJECT_VERSION ${VERSION})
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=10 HEAD OUTPUT_VARIABLE GLMOCR_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(GLMOCR_COMMIT)
  execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    string(APPEND GLMOCR_COMMIT "+")
  endif()
endif()
configure_file(${IN} ${OUT} @ONLY)
