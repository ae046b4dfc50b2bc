# Tests of the repository itself: include order between folders, file sizes, forbidden strings, the conformance table,
# whether the bugs of `make mutants` still apply. Label: repo.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# glmocr_repo_test(NAME SCRIPT args...)
function(glmocr_repo_test name script)
  add_test(NAME repo.${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/scripts/${script} ${ARGN}
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(repo.${name} PROPERTIES LABELS repo TIMEOUT 120)
endfunction()

glmocr_repo_test(includes check_includes.py)
glmocr_repo_test(includes_self_test check_includes.py --self-test)
glmocr_repo_test(files check_repo.py)
glmocr_repo_test(conformance check_conformance.py)
glmocr_repo_test(conformance_self_test check_conformance.py --self-test)
glmocr_repo_test(files_self_test check_repo.py --self-test)
glmocr_repo_test(mutants mutants.py --check)
