// Whatever a configuration file holds: it is refused with a sentence that names it, or everything
// in it is within its limits.
#include "daemon/config.h"
#include "daemon/summary.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <memory>

namespace kdq::fuzz {
namespace {

using FilePath = std::filesystem::path;

/// A file in memory, under a path that can be opened again and again.
FilePath file_with(const std::uint8_t* data, std::size_t size) {
  static const int file = memfd_create("config", MFD_CLOEXEC);
  require(file >= 0 && ftruncate(file, 0) == 0 &&
              pwrite(file, data, size, 0) == static_cast<ssize_t>(size),
          "a file in memory can be written");
  return "/proc/self/fd/" + std::to_string(file);
}

void check(const Config& config) {
  require(config.database.is_absolute(), "the database has an absolute path");
  require(!config.engine.apps.empty(), "there is an app");
  require(config.engine.max_running >= 1, "something may run");
  require(config.engine.job_timeout > std::chrono::seconds(0), "jobs have time to run");
  for (const auto& [name, app] : config.engine.apps) {
    require(!name.empty() && name.size() <= 64, "an app has a name");
    require(app.submit_quota >= 0 && app.status_quota >= 0, "quotas are no debts");
    require(!app.base_url.ends_with('/'), "a base address has no slash at its end");
    require(app.base_url.starts_with("https://") || app.base_url.starts_with("http://"),
            "a base address is one");
    require(app.status_path.starts_with('/'), "the status path begins with a slash");
    require(app.quota_reset < std::chrono::hours(24), "the quota rolls at a time of day");
  }
  for (const std::string& line : summary(config))
    require(!line.empty(), "the summary has no empty lines");
}

} // namespace
} // namespace kdq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kdq::fuzz;
  const FilePath file = file_with(data, size);
  try {
    check(kdq::load_config(file, {}));
  } catch (const kdq::ConfigError& error) { // nothing else may be thrown
    const std::string sentence = error.what();
    require(sentence.starts_with(file.string()) || sentence.starts_with("no database") ||
                sentence.starts_with("the database "),
            "a complaint names the file");
  }
  return 0;
}
