#include "tests/bench/common/mixture.h"

#include <algorithm>

namespace kdq::bench {

std::string script_of(const Mixture& mixture, std::int64_t job) {
  std::string script = "console.log('one'); console.log('two'); 'result'";
  if (mixture.different_texts)
    script += "\n// " + std::to_string(job);
  if (script.size() < mixture.script_bytes) {
    script += "\n//";
    script.resize(std::max(mixture.script_bytes, script.size()), 'x');
  }
  return script;
}

std::string file_of(const Mixture& mixture, std::int64_t job) {
  constexpr std::size_t token_characters = 43;
  std::string file = std::to_string(mixture.files > 0 ? job % mixture.files : job);
  file.insert(0, token_characters - std::min(token_characters, file.size()), 'G');
  return file;
}

} // namespace kdq::bench
