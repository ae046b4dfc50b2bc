# Helpers that every folder's CMakeLists.txt uses.

add_library(glmocr_flags INTERFACE)
target_include_directories(glmocr_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(glmocr_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers -ffp-contract=off)
if(GLMOCR_WERROR)
  target_compile_options(glmocr_flags INTERFACE -Werror)
endif()
if(GLMOCR_SANITIZE)
  target_compile_options(glmocr_flags INTERFACE -fsanitize=${GLMOCR_SANITIZE} -fno-omit-frame-pointer -g)
  target_link_options(glmocr_flags INTERFACE -fsanitize=${GLMOCR_SANITIZE})
endif()

# glmocr_library(NAME SOURCES a.cc ... [DEPS targets...] [PRIVATE_DEPS targets...]) -> static library glmocr_NAME
function(glmocr_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(glmocr_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(glmocr_${name} PUBLIC glmocr_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# glmocr_test(NAME SOURCES a_test.cc ... [DEPS targets...]): one gtest binary NAME_test, one ctest entry per test case.
# Tests see the source tree through the compile definition GLMOCR_SOURCE_DIR (a string).
function(glmocr_test name)
  if(NOT GLMOCR_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE glmocr_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE GLMOCR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 600 LABELS "${ARG_LABELS}")
endfunction()
