// The folders of a run's inputs below the output folder, none twice: not within the run, not one
// that another input or the user has filled. A name that is taken gets a number.
//
//   in/sub/letter.pdf, found in the folder "in" -> sub/letter; named itself -> letter
//   a second letter -> letter-2
//
// An input finds its own folder again in later runs: by the journal, and while it is not done by a
// claim, a file in a hidden folder (kHidden) that holds what is needed to go on with it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "jobs/journal.h"
#include "pipeline/inputs.h"

namespace glmocr {

// For one thread at a time.
class OutputNames {
 public:
  static constexpr const char* kHidden = ".glm-ocr";
  enum class Existing { kKeep, kReplace };

  // Reads the claims below `out`, which exists. kReplace: folders of other inputs, and of the user,
  // are used as if they were empty (files in the way never are).
  OutputNames(std::filesystem::path out, const Journal& journal, Existing existing);

  struct Name {
    std::string folder;  // below the output folder, '/' between names
    std::string key;
    std::string note;  // why it is not the plain name; empty where it is
  };
  // `content`: its hash, of inputs that have no path (standard input, data: URIs).
  Name Take(const DocumentInput& input, const std::optional<Hash128>& content);

  // Marks the folder as begun, before its first file is written. Errors: as WriteFileAtomically.
  Status Claim(const std::string& folder, const std::string& key, const std::string& input);
  // Where the pages of a begun document are kept; inside the claim.
  std::filesystem::path CheckpointFolder(const std::string& folder) const;
  // The document is done, or has failed for good: its entry is in the journal.
  void Release(const std::string& folder);

  // What tells inputs apart from run to run: the path, made absolute; of others the content.
  static std::string KeyOf(const DocumentInput& input, const std::optional<Hash128>& content);

 private:
  struct Owner {
    std::string key, input, hash;
  };
  std::filesystem::path ClaimFolder(const std::string& folder) const;
  void LoadClaims();
  std::string FitName(const std::string& bytes) const;
  std::string MirroredFolder(const std::string& subfolder) const;
  bool TakenInRun(const std::string& folder) const;
  // Why the folder cannot be used for this input; empty when it can.
  std::string InTheWay(const std::string& folder, const DocumentInput& input,
                       const std::string& key) const;
  bool IsMoved(const Owner& owner, const DocumentInput& input) const;

  const std::filesystem::path out_;
  const Existing existing_;
  size_t longest_name_;
  std::map<std::string, Owner> owners_;  // by folder
  std::set<std::string> taken_;          // in this run
};

}  // namespace glmocr
