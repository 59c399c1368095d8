// The files' contents: cells by address, in memory.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace kdq::sandbox {

/// Every file token names a file, with one sheet. Thread-safe.
class Sheets {
public:
  /// The value of `address` in all files that have none of their own there.
  /// All calls throw std::invalid_argument with a sentence if `address` is not one cell's ("A1",
  /// "$b$2").
  void preset(std::string_view address, nlohmann::json value);
  void write(const std::string& file, std::string_view address, nlohmann::json value);
  /// null when the cell is empty.
  nlohmann::json read(const std::string& file, std::string_view address) const;

private:
  using Cells = std::map<std::string, nlohmann::json>;
  mutable std::mutex mutex_; // guards what follows
  Cells preset_;
  std::map<std::string, Cells> files_;
};

/// A cell given on the command line: "FILE_TOKEN:A1=text", or "A1=text" for all files.
/// Throws std::invalid_argument with a sentence.
void preset_from_text(Sheets& sheets, std::string_view text);

} // namespace kdq::sandbox
