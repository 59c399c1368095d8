#include "store/spill_file.h"

#include "store/base/file_io.h"
#include "store/base/sibling_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace kdq {
namespace {

// A record: header, then `size` bytes of text. A record whose sum is wrong ends the file.
struct Header {
  std::uint64_t sum = 0; ///< of all that follows, XXH3
  std::int64_t job = 0;
  std::int64_t sent_at_ms = 0;
  std::int64_t rev = 0;
  std::uint64_t size = 0;
  std::int32_t attempt = 0;
  std::int32_t http_status = 0;
  std::uint32_t endpoint = 0;
  std::uint32_t kind = 0;
};

std::string_view bytes_of(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

std::uint64_t sum_of(const Header& header, const std::string& text) {
  const std::string_view fields = bytes_of(header).substr(sizeof header.sum);
  return XXH3_64bits_withSeed(text.data(), text.size(), XXH3_64bits(fields.data(), fields.size()));
}

Intent intent_of(const Header& header) {
  return {JobId{header.job}, header.attempt, static_cast<Endpoint>(header.endpoint),
          WallTime(std::chrono::milliseconds(header.sent_at_ms)), header.rev};
}

Header header_of(const SpilledReply& reply) {
  const Intent& intent = reply.intent;
  Header header;
  header.job = intent.job.value;
  header.sent_at_ms = intent.sent_at.time_since_epoch().count();
  header.rev = intent.rev;
  header.size = reply.text.size();
  header.attempt = intent.attempt;
  header.http_status = reply.http_status;
  header.endpoint = static_cast<std::uint32_t>(intent.endpoint);
  header.kind = static_cast<std::uint32_t>(reply.kind);
  header.sum = sum_of(header, reply.text);
  return header;
}

std::optional<SpilledReply> read_record(int fd, std::size_t left) {
  Header header;
  if (left < sizeof header || !read_all(fd, {reinterpret_cast<char*>(&header), sizeof header}) ||
      header.size > left - sizeof header ||
      header.kind > static_cast<std::uint32_t>(SpilledReply::Kind::answered) ||
      header.endpoint > static_cast<std::uint32_t>(Endpoint::status))
    return std::nullopt;
  SpilledReply reply{intent_of(header), static_cast<SpilledReply::Kind>(header.kind),
                     header.http_status, std::string(header.size, '\0')};
  if (!read_all(fd, reply.text) || sum_of(header, reply.text) != header.sum)
    return std::nullopt;
  return reply;
}

} // namespace

SpillFile::SpillFile(const std::filesystem::path& database) : path_(database) {
  path_ += ".spill";
}

std::string SpillFile::reserve() {
  const UniqueFd file = open_sibling(path_, O_RDWR | O_CREAT);
  const int error =
      file ? posix_fallocate(file.get(), 0, static_cast<off_t>(reserved_bytes)) : errno;
  if (error == 0)
    return {};
  const char* const what =
      file ? ": no space could be reserved: " : " cannot be used (move it away): ";
  return "the spill file " + path_.string() + what + std::strerror(error);
}

std::vector<SpilledReply> SpillFile::read() const {
  std::vector<SpilledReply> replies;
  const UniqueFd file = open_sibling(path_, O_RDONLY);
  struct stat info {};
  if (!file || fstat(file.get(), &info) != 0)
    return replies;
  auto left = static_cast<std::size_t>(info.st_size);
  while (auto reply = read_record(file.get(), left)) {
    left -= sizeof(Header) + reply->text.size();
    replies.push_back(std::move(*reply));
  }
  return replies;
}

bool SpillFile::write(const std::vector<SpilledReply>& replies) {
  // Not truncated: the blocks that are reserved are the ones that can be written on a full disk.
  const UniqueFd file = open_sibling(path_, O_RDWR | O_CREAT);
  if (!file)
    return false;
  bool whole = true;
  for (const SpilledReply& reply : replies) {
    const Header header = header_of(reply);
    whole = whole && write_all(file.get(), bytes_of(header)) && write_all(file.get(), reply.text);
  }
  const Header end; // its sum is wrong: no record
  if (whole)
    write_all(file.get(), bytes_of(end));
  return fsync(file.get()) == 0 && whole;
}

} // namespace kdq
