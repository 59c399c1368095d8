#include "store/row_padding.h"

#include <optional>
#include <string_view>

namespace kdq {
namespace {

/// What a new row takes for the columns of JobRow: 'queued', and the default of padding.
constexpr std::int64_t row_bytes = 6 + 256 + 1;

/// The bytes of a text in a record, its length in the header included as far as that varies.
std::int64_t bytes_of(std::string_view text) {
  constexpr std::size_t one_byte_length = 57;
  constexpr std::size_t two_byte_length = 8185;
  const std::size_t size = text.size();
  return static_cast<std::int64_t>(size + (size > one_byte_length ? 1 : 0) +
                                   (size > two_byte_length ? 1 : 0));
}

std::int64_t bytes_of(std::int64_t number) {
  if (number == 0 || number == 1)
    return 0;
  std::int64_t bytes = 1;
  for (const int width : {8, 16, 24, 32, 48}) {
    const std::int64_t bound = std::int64_t{1} << (width - 1);
    if (number >= -bound && number < bound)
      return bytes;
    bytes += width == 32 ? 2 : 1; // there is no width of five bytes, nor of seven
  }
  return 8;
}

std::int64_t bytes_of(const std::optional<WallTime>& time) {
  constexpr std::string_view a_time = "YYYY-MM-DD HH:MM:SS.SSS";
  return time ? bytes_of(a_time) : 0;
}

} // namespace

std::int64_t padding_bytes(const JobRow& row) {
  const std::int64_t taken =
      bytes_of(to_text(row.state)) + bytes_of(std::int64_t{row.attempt}) + bytes_of(row.task_id) +
      bytes_of(row.remote_status) + bytes_of(row.result) + bytes_of(row.error) +
      bytes_of(row.polls) + bytes_of(row.log_gaps) +
      (row.progress ? bytes_of(std::int64_t{*row.progress}) : 0) + bytes_of(row.progress_text) +
      (row.cause ? bytes_of(to_text(*row.cause)) : 0) + bytes_of(row.submitted_at) +
      bytes_of(row.reported_at) + bytes_of(row.finished_at) + bytes_of(row.rev);
  const std::int64_t left = row_bytes - taken;
  // Its own length takes a byte more above 57; of exactly 58 one is lost.
  return left <= 0 ? 0 : left <= 57 ? left : left - 1;
}

} // namespace kdq
