# What `cmake --install` (or `make install PREFIX=... DESTDIR=...`) puts where: the program, libglmocr with its public headers, a
# CMake package (find_package(glmocr) -> glmocr::glmocr), a pkg-config file (glmocr), the bundled model and the licence.
include(CMakePackageConfigHelpers)

if(TARGET glm-ocr)  # which src/cli installs
  # `glm-ocr parse` finds its default model relative to the program: ../share/glm-ocr/models/starter.
  if(EXISTS ${CMAKE_SOURCE_DIR}/models/starter)
    install(DIRECTORY models/starter DESTINATION ${CMAKE_INSTALL_DATADIR}/glm-ocr/models)
  endif()
  install(FILES samples/page.png samples/page.txt DESTINATION ${CMAKE_INSTALL_DATADIR}/glm-ocr/samples)  # `glm-ocr doctor` reads it
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The folders' static libraries are details of the shared libglmocr, which links them privately: it is the only library
# that is installed.
if(TARGET glmocr)
  install(TARGETS glmocr EXPORT glmocrTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(DIRECTORY include/glmocr DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
  install(EXPORT glmocrTargets NAMESPACE glmocr:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/glmocr)
  configure_package_config_file(cmake/glmocrConfig.cmake.in ${CMAKE_BINARY_DIR}/glmocrConfig.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/glmocr)
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/glmocrConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/glmocrConfig.cmake ${CMAKE_BINARY_DIR}/glmocrConfigVersion.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/glmocr)
  file(RELATIVE_PATH GLMOCR_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" GLMOCR_PC_TO_PREFIX "${GLMOCR_PC_TO_PREFIX}")
  configure_file(cmake/glmocr.pc.in ${CMAKE_BINARY_DIR}/glmocr.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/glmocr.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
