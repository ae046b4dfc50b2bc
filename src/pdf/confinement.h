// How far this machine's kernel confines the workers that decode foreign files: for the log, for
// `GET /capabilities`, and for whoever must decide whether to decode at all.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace glmocr {

struct ConfinementState {
  // seccomp: only the calls that decoding needs, none with a path, to another process or for
  // executable memory. Without it a decoder that is taken over can do what this user can.
  bool calls = false;
  int landlock_abi = 0;       // 0: none (a second wall, in front of files and signals)
  bool capabilities = false;  // none left, also when started as root
  bool confined() const { return calls && capabilities; }
};
// "seccomp, Landlock ABI 6, no capabilities"; what is missing is named.
std::string ToText(const ConfinementState& state);

// Starts a worker to try it, some 5 ms. `worker` empty: searched for. Errors: kNotFound and kIo
// (no worker, or one that cannot be started), kCancelled (it did not answer).
Result<ConfinementState> TryConfinement(const std::filesystem::path& worker = {});

}  // namespace glmocr
