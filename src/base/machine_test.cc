#include "base/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace glmocr {
namespace {

using testing::ElementsAre;
namespace fs = std::filesystem;

class MachineTest : public testing::Test {
 protected:
  MachineTest() { fs::remove_all(root_); }
  ~MachineTest() override { fs::remove_all(root_); }
  void Write(const std::string& name, std::string_view text) {
    fs::create_directories((root_ / name).parent_path());
    ASSERT_TRUE(WriteFileAtomically(root_ / name, text).ok());
  }
  // Of each test its own: they run beside each other.
  const fs::path root_ = testing::TempDir() + "machine_test_" +
                         testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(MachineTest, NothingIsToldOfAnEmptyRoot) {
  const MachineFacts facts = ReadMachine(root_);
  EXPECT_EQ(facts.processor, "");
  EXPECT_EQ(facts.n_processors, 0);
  EXPECT_EQ(facts.memory_bytes, 0u);
  EXPECT_FALSE(facts.processor_limit || facts.memory_limit_bytes);
  EXPECT_TRUE(facts.gpus.empty() && facts.features.empty());
}

TEST_F(MachineTest, ProcessorsAndMemory) {
  Write("proc/cpuinfo",
        "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: fpu avx avx2 fma f16c "
        "avx512_bf16\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 2 GHz\n");
  Write("proc/meminfo",
        "MemTotal:       24683700 kB\nMemFree: 1 kB\nMemAvailable:   20000000 kB\n");
  const MachineFacts facts = ReadMachine(root_);
  EXPECT_EQ(facts.processor, "Some CPU @ 2 GHz");
  EXPECT_EQ(facts.n_processors, 2);
  EXPECT_THAT(facts.features, ElementsAre("avx", "avx2", "fma", "f16c", "avx512_bf16"));
  EXPECT_EQ(facts.memory_bytes, uint64_t{24683700} * 1024);
  EXPECT_EQ(facts.available_bytes, uint64_t{20000000} * 1024);
}

TEST_F(MachineTest, LimitsOfControlGroupsTwo) {
  Write("proc/self/cgroup", "0::/box/inner\n");
  Write("sys/fs/cgroup/box/inner/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/box/inner/memory.max", "max\n");
  EXPECT_FALSE(ProcessorLimit(root_).has_value());
  // An outer group's limit holds too, and the least of all counts.
  Write("sys/fs/cgroup/box/cpu.max", "250000 100000\n");
  Write("sys/fs/cgroup/box/memory.max", "4294967296\n");
  EXPECT_EQ(ProcessorLimit(root_), 2.5);
  EXPECT_EQ(ReadMachine(root_).memory_limit_bytes, uint64_t{1} << 32);
  Write("sys/fs/cgroup/box/inner/cpu.max", "50000 100000\n");
  EXPECT_EQ(ProcessorLimit(root_), 0.5);
}

TEST_F(MachineTest, LimitsOfControlGroupsOne) {
  Write("proc/self/cgroup", "4:memory:/job\n2:cpu,cpuacct:/job\n");
  Write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_FALSE(ProcessorLimit(root_).has_value());
  EXPECT_FALSE(ReadMachine(root_).memory_limit_bytes.has_value());
  Write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "400000\n");
  Write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824\n");
  EXPECT_EQ(ProcessorLimit(root_), 4);
  EXPECT_EQ(ReadMachine(root_).memory_limit_bytes, uint64_t{1} << 30);
}

TEST_F(MachineTest, APathOfTheHostInAContainer) {
  Write("proc/self/cgroup", "0::/../../kubepods/pod1\n");
  Write("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(ProcessorLimit(root_), 1);
}

TEST_F(MachineTest, GraphicsProcessors) {
  Write("dev/nvidia0", "");
  Write("dev/nvidiactl", "");
  Write("dev/dri/renderD128", "");
  Write("dev/dri/card0", "");
  EXPECT_THAT(ReadMachine(root_).gpus, ElementsAre("/dev/dri/renderD128", "/dev/nvidia0"));
  Write("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H200\nIRQ: 1\n");
  EXPECT_THAT(ReadMachine(root_).gpus, ElementsAre("NVIDIA H200"));
}

TEST(Machine, ThisOneHasMemory) { EXPECT_GT(ReadMachine().memory_bytes, 0u); }

}  // namespace
}  // namespace glmocr
