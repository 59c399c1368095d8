// Runs one script in a Duktape heap of its own. Linked into the engine program only.
#pragma once

#include <cstddef>
#include <string>

namespace kdq::sandbox {

/// What a script reaches outside its heap. Called in the middle of Duktape's C frames, which no C++
/// exception may cross.
class ScriptHost {
public:
  virtual ~ScriptHost() = default;
  /// `args_json` is a JSON array in UTF-8; `line` counts from 1.
  virtual void log(const char* level, int line, std::string args_json) noexcept = 0;
  /// The cell's value as JSON; `error` becomes an exception in the script when it is not empty.
  virtual std::string read_cell(std::string address, std::string& error) noexcept = 0;
  virtual void write_cell(std::string address, std::string value_json,
                          std::string& error) noexcept = 0;
  /// The heap is broken beyond an exception (out of memory while reporting it). Does not return.
  [[noreturn]] virtual void fatal(std::string message) noexcept = 0;
};

struct ScriptSource {
  std::string script;
  std::string file_name;        ///< as log lines show it
  std::string argv_json;        ///< a JSON object
  std::size_t memory_bytes = 0; ///< cap of the heap
};

struct ScriptOutcome {
  std::string error;       ///< empty: success
  int error_line = 0;      ///< 0: not known
  std::string result_json; ///< value of the last expression, `"[Undefined]"` if it has none
};

/// Returns when the script has ended; time is limited from outside, by ending the process.
ScriptOutcome run_script(const ScriptSource& source, ScriptHost& host);

/// Duktape keeps characters beyond the BMP as two encoded surrogates: joins them, replaces lone
/// ones.
std::string to_utf8(const char* text, std::size_t size);

} // namespace kdq::sandbox
