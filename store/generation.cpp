#include "store/generation.h"

#include "store/base/file_io.h"
#include "store/base/sibling_file.h"
#include "store/database.h"
#include "store/statement.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace kdq {
namespace {

// The file is one line of fixed length, so that it is overwritten as a whole.
constexpr std::size_t name_chars = 32;
constexpr int number_chars = 19;
constexpr std::size_t line_chars = name_chars + 1 + number_chars + 1;

std::string line_of(const Generation& generation) {
  std::array<char, number_chars + 1> number{};
  std::snprintf(number.data(), number.size(), "%0*lld", number_chars,
                static_cast<long long>(generation.number));
  return generation.queue + " " + number.data() + "\n";
}

bool is_name(const std::string& text) {
  return text.size() == name_chars && text.find_first_not_of("0123456789abcdef") == text.npos;
}

} // namespace

struct GenerationTable::Impl {
  explicit Impl(SQLite::Database& connection) : db(connection) {}

  SQLite::Database& db;
  Statement row{db, "SELECT queue, number, backup_of FROM generation"};
  Statement seen{db, "SELECT coalesce(max(coalesce(seen_at, ''), coalesce(started_at, ''), "
                     "coalesce(stopped_at, '')), ''), "
                     "stopped_at IS NOT NULL AND stop_reason IS NULL FROM daemon"};
  Statement held{db, "SELECT held_as, held_to FROM generation WHERE held_as IS NOT NULL"};
  Statement settle{db, "INSERT INTO generation(one, queue, number) VALUES "
                       "(1, coalesce(nullif(?1, ''), lower(hex(randomblob(16)))), ?2) "
                       "ON CONFLICT DO UPDATE SET queue = excluded.queue, "
                       "number = max(number, excluded.number), backup_of = NULL"};
  Statement hold{db, "UPDATE generation SET held_as = ?1, held_to = iif(?1 IS NULL, NULL, "
                     "(SELECT coalesce(max(id), 0) FROM jobs)), "
                     "restored_at = iif(?1 IS NULL, restored_at, ?2)"};
  Statement count_up{db, "UPDATE generation SET number = number + 1"};
  Statement number{db, "SELECT number FROM generation"};
};

GenerationTable::GenerationTable(Database& database)
    : impl_(std::make_unique<Impl>(database.connection())) {}
GenerationTable::~GenerationTable() = default;

FileOrigin GenerationTable::origin() {
  FileOrigin found;
  impl_->row.each([&](SQLite::Statement& row) {
    found.generation = {row.getColumn(0).getString(), row.getColumn(1).getInt64()};
    if (!is_name(found.generation->queue)) // a user's, or that of a copy that was never worked with
      found.generation->queue.clear();
    if (!row.getColumn(2).isNull())
      found.backup_of = row.getColumn(2).getString();
    return true;
  });
  impl_->seen.each([&](SQLite::Statement& row) {
    found.last_seen = row.getColumn(0).getString();
    found.stopped_in_order = row.getColumn(1).getInt() != 0;
    return true;
  });
  return found;
}

std::optional<Holding> GenerationTable::holding() {
  std::optional<Holding> found;
  impl_->held.each([&](SQLite::Statement& row) {
    found = Holding{row.getColumn(0).getString(), JobId{row.getColumn(1).getInt64()}};
    return true;
  });
  return found;
}

void GenerationTable::settle(const Generation& generation) {
  impl_->settle.run(generation.queue, generation.number);
}

void GenerationTable::hold(const std::optional<std::string>& why, WallTime now) {
  impl_->hold.run(why, now);
}

std::int64_t GenerationTable::count_up() {
  impl_->count_up.run();
  return impl_->number.integer().value_or(0);
}

GenerationFile::GenerationFile(const std::filesystem::path& database) : path_(database) {
  path_ += ".generation";
}

std::optional<Generation> GenerationFile::read() const {
  const UniqueFd file = open_sibling(path_, O_RDONLY);
  std::string line(line_chars, '\0');
  if (!file || !read_all(file.get(), line))
    return std::nullopt;
  Generation found{line.substr(0, name_chars), 0};
  const char* end = line.data() + line_chars - 1;
  const auto number = std::from_chars(line.data() + name_chars + 1, end, found.number);
  if (!is_name(found.queue) || number.ptr != end || found.number < 0)
    return std::nullopt;
  return found;
}

std::string GenerationFile::write(const Generation& generation) const {
  const auto sentence = [&] {
    return "the file " + path_.string() + " cannot be written (" + std::strerror(errno) +
           "): as long as that is so, an older copy of the queue that is put in its place may not "
           "be noticed";
  };
  const std::string line = line_of(generation);
  if (read()) {
    const UniqueFd file = open_sibling(path_, O_RDWR);
    return file && write_all(file.get(), line) ? "" : sentence();
  }
  std::filesystem::path made = path_;
  made += ".part";
  ::unlink(made.c_str());
  const UniqueFd file = open_sibling(made, O_RDWR | O_CREAT);
  if (!file || !write_all(file.get(), line) || ::fsync(file.get()) != 0 ||
      ::rename(made.c_str(), path_.c_str()) != 0 || !sync_folder(path_.parent_path()))
    return sentence();
  return {};
}

} // namespace kdq
