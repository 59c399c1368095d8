// What the fuzz targets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

/// libFuzzer's entry: called with one input after the other. Always returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace kdq::fuzz {

/// Ends the process where a property does not hold, which is what libFuzzer reports.
inline void require(bool holds, const char* property) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

/// Takes pieces off an input; when it is used up, zeros and empty texts.
class Input {
public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  /// The next bytes as a number below `limit`.
  std::size_t below(std::size_t limit) {
    std::size_t number = 0;
    for (std::size_t reach = 1; reach < limit; reach <<= 8U)
      number = number << 8U | static_cast<unsigned char>(next());
    return number % limit;
  }
  std::string text(std::size_t longest) {
    const std::string piece(rest_.substr(0, below(longest + 1)));
    rest_.remove_prefix(piece.size());
    return piece;
  }
  std::string rest() const { return std::string(rest_); }

private:
  char next() {
    if (rest_.empty())
      return 0;
    const char byte = rest_.front();
    rest_.remove_prefix(1);
    return byte;
  }

  std::string_view rest_;
};

} // namespace kdq::fuzz
