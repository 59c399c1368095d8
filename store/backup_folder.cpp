#include "store/backup_folder.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <system_error>
#include <vector>

namespace kdq {
namespace {

namespace fs = std::filesystem;

// A digit stands for any.
constexpr std::string_view pattern = "queue-00000000T000000Z.db";

bool is_backup_name(std::string_view name) {
  return name.size() == pattern.size() &&
         std::equal(name.begin(), name.end(), pattern.begin(), [](char c, char wanted) {
           return wanted == '0' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : c == wanted;
         });
}

/// Of a copy that was begun, or of what SQLite had beside it.
bool is_part_name(std::string_view name) {
  return is_backup_name(name.substr(0, pattern.size())) &&
         name.substr(std::min(name.size(), pattern.size())).starts_with(".part");
}

} // namespace

std::string backup_name(WallTime made_at) {
  std::string text = to_text(made_at).substr(0, 19); // 2026-01-31 09:05:00
  text[10] = 'T';
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return "queue-" + text + "Z.db";
}

std::string prune_backups(const fs::path& folder, std::size_t keep, const fs::path& newest) {
  std::error_code problem;
  std::vector<fs::path> backups;
  std::vector<fs::path> gone;
  for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end;
       entry.increment(problem)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    if (entry->symlink_status(ignored).type() != fs::file_type::regular)
      continue;
    if (is_part_name(name))
      gone.push_back(entry->path());
    else if (is_backup_name(name) && name != newest.filename())
      backups.push_back(entry->path());
  }
  std::sort(backups.begin(), backups.end());
  const std::size_t others = keep - 1; // beside the newest
  if (backups.size() > others)
    gone.insert(gone.end(), backups.begin(), backups.end() - static_cast<std::ptrdiff_t>(others));
  for (const fs::path& file : gone) {
    std::error_code why;
    if (!fs::remove(file, why) && why)
      problem = why;
  }
  return problem ? "old backups in " + folder.string() + " cannot be removed: " + problem.message()
                 : "";
}

} // namespace kdq
