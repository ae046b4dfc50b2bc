// What a decoder that was taken over could still do: tries it from inside the workers' own
// confinement, and prints "NAME allowed" or "NAME refused" a line. For sandbox_test.cc.
//
//   sandbox_probe threads|nothing VICTIM_PID FILE FOLDER
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "pdf/sandbox.h"

namespace {

void Say(const char* what, long result) {  // NOLINT(google-runtime-int)
  char line[160];
  const int n =
      std::snprintf(line, sizeof(line), "%s %s\n", what, result >= 0 ? "allowed" : "refused");
  (void)!::write(STDOUT_FILENO, line, static_cast<size_t>(n));
}

template <typename... Arguments>
long Call(long number, Arguments... arguments) {  // NOLINT(google-runtime-int)
  return ::syscall(number, arguments...);
}

void TryFiles(const char* file, const char* folder) {
  const std::string other = std::string(folder) + "/other";
  struct stat info {};
  Say("open-read", ::open(file, O_RDONLY | O_CLOEXEC));
  Say("open-write", ::open(file, O_WRONLY | O_CLOEXEC));
  Say("create", ::open(other.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  Say("openat2", Call(SYS_openat2, AT_FDCWD, file, nullptr, 0));
  Say("stat", ::stat(file, &info));
  Say("stat-by-descriptor-call", Call(SYS_newfstatat, AT_FDCWD, file, &info, AT_EMPTY_PATH));
  Say("statx", Call(SYS_statx, AT_FDCWD, file, 0, 0, nullptr));
  Say("access", ::access(file, R_OK));
  Say("truncate", ::truncate(file, 0));
  Say("chmod-file", ::chmod(file, 0777));
  Say("chmod-folder", ::chmod(folder, 0777));
  Say("chown", ::chown(file, 1, 1));
  Say("utimes", ::utimensat(AT_FDCWD, file, nullptr, 0));
  Say("setxattr", Call(SYS_setxattr, file, "user.x", "1", 1, 0));
  Say("rename", ::rename(file, other.c_str()));
  Say("link", ::link(file, other.c_str()));
  Say("symlink", ::symlink(file, other.c_str()));
  Say("unlink", ::unlink(file));
  Say("mkdir", ::mkdir(other.c_str(), 0700));
  Say("mknod", ::mknod(other.c_str(), S_IFIFO | 0600, 0));
  Say("list", ::opendir("/proc") != nullptr ? 0 : -1);
  Say("chdir", ::chdir(folder));
  Say("chroot", ::chroot(folder));
  Say("mount", ::mount("none", folder, "tmpfs", 0, nullptr));
  const auto inotify = Call(SYS_inotify_init1, 0);
  Say("inotify", inotify);
}

void TryProcesses(pid_t victim) {
  char text[64];
  const std::string exe = "/proc/" + std::to_string(victim) + "/exe";
  Say("readlink", ::readlink(exe.c_str(), text, sizeof(text)));
  Say("kill", ::kill(victim, 0));
  Say("kill-group", ::kill(0, 0));
  Say("tkill", Call(SYS_tkill, victim, SIGCONT));
  Say("tgkill", Call(SYS_tgkill, victim, victim, SIGCONT));
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  info.si_signo = SIGCONT;
  Say("sigqueue", Call(SYS_rt_sigqueueinfo, victim, SIGCONT, &info));
  Say("tgsigqueue", Call(SYS_rt_tgsigqueueinfo, victim, victim, SIGCONT, &info));
  Say("pidfd-open", Call(SYS_pidfd_open, victim, 0));
  Say("pidfd-signal", Call(SYS_pidfd_send_signal, 1, SIGCONT, nullptr, 0));
  Say("fcntl-owner", ::fcntl(STDOUT_FILENO, F_SETOWN, victim));
  rlimit limit{};
  Say("prlimit-other", Call(SYS_prlimit64, victim, RLIMIT_NOFILE, nullptr, &limit));
  Say("priority", ::setpriority(PRIO_PROCESS, static_cast<id_t>(victim), 19));
  unsigned long mask = 1;  // NOLINT(google-runtime-int)
  Say("affinity", Call(SYS_sched_setaffinity, victim, sizeof(mask), &mask));
  Say("kcmp", Call(SYS_kcmp, victim, victim, 0, 0, 0));
  Say("ptrace", Call(SYS_ptrace, 16 /* PTRACE_ATTACH */, victim, 0, 0));
  Say("read-memory", Call(SYS_process_vm_readv, victim, nullptr, 0, nullptr, 0, 0));
  Say("fork", [] {
    const pid_t child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (child == 0) ::_exit(0);
    return child;
  }());
  // With the flags of a thread, and a namespace.
  Say("clone3", Call(SYS_clone3, nullptr, 0));
  Say("unshare", ::unshare(CLONE_NEWUSER));
  Say("setuid", ::setuid(65534));
  Say("prctl-dumpable", ::prctl(PR_SET_DUMPABLE, 1));
}

void TryOthers() {
  int pair[2];
  Say("socket", ::socket(AF_INET, SOCK_STREAM, 0));
  Say("netlink", ::socket(AF_NETLINK, SOCK_RAW, 0));
  Say("socketpair", ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  Say("sendmsg", Call(SYS_sendmsg, 3, nullptr, 0));
  Say("recvmsg", Call(SYS_recvmsg, 3, nullptr, 0));
  Say("memfd", ::memfd_create("x", 0));
  Say("shared-memory", ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
  Say("message-queue", ::msgget(IPC_PRIVATE, IPC_CREAT | 0600));
  Say("io-uring", Call(SYS_io_uring_setup, 1, nullptr));
  Say("bpf", Call(SYS_bpf, 0, nullptr, 0));
  Say("keyring", Call(SYS_keyctl, 0, -3, 0));
  Say("userfaultfd", Call(SYS_userfaultfd, 0));
  Say("perf", Call(SYS_perf_event_open, nullptr, 0, -1, -1, 0));
  Say("hostname", ::sethostname("x", 1));
  Say("terminal-input", ::ioctl(STDOUT_FILENO, 0x5412 /* TIOCSTI */, "x"));
  void* writable =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Say("memory", writable == MAP_FAILED ? -1 : 0);
  void* all =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Say("memory-executable", all == MAP_FAILED ? -1 : 0);
  Say("memory-made-executable", ::mprotect(writable, 4096, PROT_READ | PROT_EXEC));
  Say("memory-key", Call(SYS_pkey_mprotect, writable, 4096, PROT_READ | PROT_EXEC, -1));
  void* huge = ::mmap(nullptr, size_t{1} << 36, PROT_READ,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  Say("memory-beyond-limit", huge == MAP_FAILED ? -1 : 0);
  Say("thread", [] {
    pthread_t thread{};
    const auto nothing = [](void*) -> void* { return nullptr; };
    if (::pthread_create(&thread, nullptr, nothing, nullptr) != 0) return -1;
    return ::pthread_join(thread, nullptr) == 0 ? 0 : -1;
  }());
  char* const none[] = {nullptr};
  Say("exec", ::execve("/bin/true", none, none));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  if (!glmocr::pdf::LimitProcess(uint64_t{1} << 31)) return 1;
  const bool threads = std::strcmp(argv[1], "threads") == 0;
  const glmocr::pdf::Confined confined =
      glmocr::pdf::Confine(threads ? glmocr::pdf::Needs::kThreads : glmocr::pdf::Needs::kNothing);
  char line[80];
  const int n = std::snprintf(line, sizeof(line), "calls %d\nlandlock %d\ncapabilities %d\n",
                              confined.calls, confined.landlock_abi, confined.capabilities);
  (void)!::write(STDOUT_FILENO, line, static_cast<size_t>(n));
  TryFiles(argv[3], argv[4]);
  TryProcesses(static_cast<pid_t>(std::atoi(argv[2])));
  TryOthers();
  ::_exit(0);  // what a sanitizer does at the end needs what is refused
}
