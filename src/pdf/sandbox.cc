#include "pdf/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/prctl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>

namespace glmocr::pdf {
namespace {

bool Limit(decltype(RLIMIT_AS) what, rlim_t value) {
  rlimit now{};
  if (::getrlimit(what, &now) != 0) return false;
  if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max) value = now.rlim_max;
  const rlimit wanted{value, value};
  return ::setrlimit(what, &wanted) == 0;
}

// --- Landlock ---
// The kernel's interface, which is newer than the headers of Debian 12.
struct LandlockRules {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // ABI 4
  uint64_t scoped;              // ABI 6
};
// Rights on files of ABI 1 to 5: each handles those of the ones before.
constexpr uint64_t kFileRights[] = {(1u << 13) - 1, (1u << 14) - 1, (1u << 15) - 1, (1u << 15) - 1,
                                    (1u << 16) - 1};
constexpr uint64_t kNetRights = 3;  // bind, connect
constexpr uint64_t kAllScopes = 3;  // abstract sockets, signals
constexpr int kNewestLandlock = 6;

// No rule is added: nothing of what is handled is left. The ABI in force, 0 for none.
int ConfineFiles() {
  const auto abi = static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  if (abi < 1) return 0;
  const int used = std::min(abi, kNewestLandlock);
  LandlockRules rules{};
  rules.handled_access_fs = kFileRights[std::min<int>(used, std::size(kFileRights)) - 1];
  if (used >= 4) rules.handled_access_net = kNetRights;
  if (used >= 6) rules.scoped = kAllScopes;
  const size_t size = used >= 6 ? 24 : used >= 4 ? 16 : 8;
  const auto ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size, 0));
  if (ruleset < 0) return 0;
  const bool confined = ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  ::close(ruleset);
  return confined ? used : 0;
}

// --- Capabilities ---
bool DropCapabilities() {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  bool ok = true;
  // Those that an executed file could give again. Who may not drop them has no capabilities to
  // lose, and PR_SET_NO_NEW_PRIVS keeps him from getting any.
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM) ok = false;
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  // May be refused where there are none to drop (a service manager's own filter): what is left
  // counts.
  __user_cap_data_struct none[2] = {};
  ::syscall(SYS_capset, &header, none);
  __user_cap_data_struct left[2] = {};
  if (::syscall(SYS_capget, &header, left) != 0) return false;
  for (const auto& half : left) ok &= (half.effective | half.permitted | half.inheritable) == 0;
  return ok && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

// --- seccomp ---
// Without a condition. Memory that a worker has, descriptors that it has, its own time.
constexpr int kAllowed[] = {
    SCMP_SYS(brk),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(close),
    SCMP_SYS(dup),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(fstat),
    SCMP_SYS(futex),
    SCMP_SYS(getpid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(gettid),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(lseek),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(nanosleep),
    SCMP_SYS(pread64),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sysinfo),
    SCMP_SYS(write),
    SCMP_SYS(writev),
#if defined(__x86_64__)
    SCMP_SYS(time),
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    SCMP_SYS(pipe2),  // they try memory by writing it into a pipe
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(sched_getaffinity),  // of every new thread, with its stack
    SCMP_SYS(sigaltstack),
#endif
};
// More, for threads of this process.
constexpr int kAllowedForThreads[] = {SCMP_SYS(rseq),           SCMP_SYS(set_robust_list),
                                      SCMP_SYS(rt_sigaction),   SCMP_SYS(set_tid_address),
                                      SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler)};

class CallFilter {
 public:
  // What is not allowed fails with EPERM rather than ending the process: libraries ask for much
  // that they can do without (the number of processors, a terminal's size), and ask for other
  // things in each version.
  CallFilter() : filter_(seccomp_init(SCMP_ACT_ERRNO(EPERM)), &seccomp_release) {
    ok_ = filter_ != nullptr;
    // Calls of another architecture (x32 and i386 here) have other numbers.
    if (ok_) Check(seccomp_attr_set(filter_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    if (ok_) Check(seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_TSYNC, 1));
  }
  void Allow(int call) { Check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, call, 0)); }
  template <typename... Conditions>
  void AllowIf(int call, Conditions... conditions) {
    Check(seccomp_rule_add(filter_.get(), SCMP_ACT_ALLOW, call, sizeof...(conditions),
                           conditions...));
  }
  void FailWith(int error, int call) {
    Check(seccomp_rule_add(filter_.get(), SCMP_ACT_ERRNO(static_cast<uint32_t>(error)), call, 0));
  }
  bool ok() const { return ok_; }
  bool Load() { return ok_ && seccomp_load(filter_.get()) == 0; }

 private:
  void Check(int code) { ok_ = ok_ && code == 0; }
  std::unique_ptr<void, decltype(&seccomp_release)> filter_;
  bool ok_ = false;
};

bool ConfineCalls(Needs needs) {
  CallFilter filter;
  if (!filter.ok()) return false;
  const auto self = static_cast<scmp_datum_t>(::getpid());
  for (const int call : kAllowed) filter.Allow(call);
  // No memory that could be executed: what comes in with a file stays data.
  filter.AllowIf(SCMP_SYS(mmap), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  filter.AllowIf(SCMP_SYS(mprotect), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
  for (const int command : {F_GETFD, F_GETFL, F_DUPFD_CLOEXEC})
    filter.AllowIf(SCMP_SYS(fcntl), SCMP_A1_32(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command)));
  // The socket has no other end than the parent; no addresses, no descriptors with the bytes.
  filter.AllowIf(SCMP_SYS(recvfrom), SCMP_A0_32(SCMP_CMP_EQ, kWorkerSocketFd));
  filter.AllowIf(SCMP_SYS(sendto), SCMP_A0_32(SCMP_CMP_EQ, kWorkerSocketFd),
                 SCMP_A4_64(SCMP_CMP_EQ, 0));
  // Of this process: what abort() sends, the limit of its time.
  filter.AllowIf(SCMP_SYS(tgkill), SCMP_A0_32(SCMP_CMP_EQ, self));
  filter.AllowIf(SCMP_SYS(prlimit64), SCMP_A0_32(SCMP_CMP_EQ, 0));
  filter.AllowIf(SCMP_SYS(sched_getaffinity), SCMP_A0_32(SCMP_CMP_EQ, 0));
  filter.AllowIf(SCMP_SYS(prctl), SCMP_A0_32(SCMP_CMP_EQ, PR_SET_NAME));
  if (needs == Needs::kThreads) {
    for (const int call : kAllowedForThreads) filter.Allow(call);
    filter.AllowIf(SCMP_SYS(sched_getaffinity), SCMP_A0_32(SCMP_CMP_EQ, self));
    // A thread shares everything. clone3 has its flags in memory, where no filter sees them; the C
    // library falls back to clone when the kernel seems not to know it.
    constexpr scmp_datum_t kThread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
    constexpr scmp_datum_t kOther = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE;
    filter.AllowIf(SCMP_SYS(clone), SCMP_A0_64(SCMP_CMP_MASKED_EQ, kThread | kOther, kThread));
    filter.FailWith(ENOSYS, SCMP_SYS(clone3));
  }
  return filter.Load();
}

}  // namespace

bool LimitProcess(uint64_t max_memory_bytes) {
  bool ok = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  ok &= ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
  ok &= Limit(RLIMIT_CORE, 0) && Limit(RLIMIT_FSIZE, 0);
  if (kLimitsMemory) ok &= Limit(RLIMIT_AS, max_memory_bytes);
  return ok;
}

void LimitCpuFromNow(unsigned seconds) {
  rusage usage{};
  rlimit limit{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0 || ::getrlimit(RLIMIT_CPU, &limit) != 0) return;
  const auto used = static_cast<rlim_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
  limit.rlim_cur = used + seconds + 1;
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_cur > limit.rlim_max)
    limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_CPU, &limit);
}

Confined Confine(Needs needs) {
  Confined confined;
  // Descriptors that are open stay; those to come must be below.
  Limit(RLIMIT_NOFILE, kMaxOpenFiles);
  confined.capabilities = DropCapabilities();
  confined.landlock_abi = ConfineFiles();
  confined.calls = ConfineCalls(needs);
  return confined;
}

}  // namespace glmocr::pdf
