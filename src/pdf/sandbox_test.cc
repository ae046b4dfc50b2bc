// The workers' confinement: what a decoder that was taken over could do, and what a kernel without
// it makes of the program.
#include "pdf/sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "pdf/confinement.h"
#include "pdf/locate.h"

namespace glmocr {
namespace {

namespace fs = std::filesystem;

std::string OutputOf(const std::string& command, int* status) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string said;
  for (int c = 0; (c = std::fgetc(pipe)) != EOF;) said += static_cast<char>(c);
  *status = ::pclose(pipe);
  return said;
}

class SandboxTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("sandbox" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    ::chmod(folder_.c_str(), 0700);
    std::ofstream(folder_ / "file") << "kept";
    ::chmod((folder_ / "file").c_str(), 0600);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_P(SandboxTest, SandboxHolesAreClosed) {
  const std::string mode = GetParam();
  int status = -1;
  const std::string said =
      OutputOf(std::string(GLMOCR_SANDBOX_PROBE) + " " + mode + " " + std::to_string(::getpid()) +
                   " " + (folder_ / "file").string() + " " + folder_.string() + " 3<&0",
               &status);
  ASSERT_EQ(status, 0) << said;
  if (said.find("calls 1\n") == std::string::npos) GTEST_SKIP() << "this kernel has no seccomp";
  std::set<std::string> allowed;
  size_t refused = 0;
  std::istringstream lines(said);
  for (std::string what, verdict; lines >> what >> verdict;) {
    if (verdict == "allowed") allowed.insert(what);
    if (verdict == "refused") ++refused;
  }
  std::set<std::string> expected = {"memory"};
  if (mode == "threads") expected.insert("thread");
  if (!pdf::kLimitsMemory) expected.insert("memory-beyond-limit");
  EXPECT_EQ(allowed, expected) << said;
  EXPECT_GT(refused, 60u) << said;
  EXPECT_THAT(said, ::testing::HasSubstr("capabilities 1"));
  std::ifstream file(folder_ / "file");
  std::string text;
  file >> text;
  EXPECT_EQ(text, "kept");
  struct stat info {};
  ASSERT_EQ(::stat(folder_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0700u);
}

INSTANTIATE_TEST_SUITE_P(Workers, SandboxTest, ::testing::Values("threads", "nothing"));

TEST(ConfinementTest, TellsWhatTheKernelHas) {
  const auto state = TryConfinement();
  ASSERT_TRUE(state.ok()) << state.error().message;
  if (fs::exists("/proc/sys/kernel/seccomp/actions_avail")) {
    EXPECT_TRUE(state->calls);
  }
  EXPECT_TRUE(state->capabilities);
  std::ifstream list("/sys/kernel/security/lsm");
  std::string modules;
  list >> modules;
  if (modules.find("landlock") != std::string::npos) {
    EXPECT_GE(state->landlock_abi, 1);
  }
}

// As on a kernel without seccomp: a filter of ours refuses it to the worker.
TEST(ConfinementTest, KernelWithoutSeccompIsTold) {
  const pid_t child = ::fork();
  if (child == 0) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                     SCMP_A0_32(SCMP_CMP_EQ, PR_SET_SECCOMP));
    if (seccomp_load(filter) != 0) ::_exit(3);
    const auto state = TryConfinement();
    if (!state.ok()) ::_exit(4);
    ::_exit(state->calls || state->confined()          ? 5
            : ToText(*state).starts_with("no seccomp") ? 0
                                                       : 6);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(ConfinementTest, TextNamesWhatIsMissing) {
  EXPECT_EQ(ToText({.calls = true, .landlock_abi = 6, .capabilities = true}),
            "seccomp, Landlock ABI 6, no capabilities");
  EXPECT_EQ(ToText({}), "no seccomp, no Landlock, capabilities not dropped");
}

}  // namespace
}  // namespace glmocr
