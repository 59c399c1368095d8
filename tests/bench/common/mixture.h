// What a queue is mixed of: users have one script for a thousand files, or a new text each time for
// one file, and what that costs differs by a factor.
#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace kdq::bench {

struct Mixture {
  std::int64_t files = 0;        ///< on which the jobs are, in turn; 0: each on one of its own
  bool different_texts = false;  ///< no two jobs have the same script
  std::size_t script_bytes = 60; ///< at least the length of the shortest script
};

/// Jobs are counted from 0. The script is such that fast_kdocs's lines could be its output.
std::string script_of(const Mixture& mixture, std::int64_t job);
/// As long as the service's own: 43 characters.
std::string file_of(const Mixture& mixture, std::int64_t job);

/// `--texts`, `--files` and `--script-bytes`.
struct MixtureOptions {
  std::string texts = "same";
  std::string files = "many";
  std::size_t script_bytes = Mixture{}.script_bytes;

  void add_to(CLI::App& cli) {
    cli.add_option("--texts", texts, "of the scripts: same or different")
        ->check(CLI::IsMember({"same", "different"}))
        ->capture_default_str();
    cli.add_option("--files", files, "on which the jobs are: one or many")
        ->check(CLI::IsMember({"one", "many"}))
        ->capture_default_str();
    cli.add_option("--script-bytes", script_bytes)->capture_default_str();
  }
  Mixture mixture(std::int64_t many) const {
    return {files == "one" ? 1 : many, texts == "different", script_bytes};
  }
};

} // namespace kdq::bench
