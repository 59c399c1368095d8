#include "tests/sandbox/script_engine.h"

#include <cstdint>
#include <optional>

namespace kdq::sandbox {
namespace {

constexpr const char* replacement = "\xEF\xBF\xBD"; // U+FFFD

/// The surrogate that stands encoded in three bytes at `text`, if one does.
std::optional<std::uint32_t> surrogate_at(const char* text, std::size_t size) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (size < 3 || byte(0) != 0xEDU || byte(1) < 0xA0U) {
    return std::nullopt;
  }
  return 0xD000U | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU);
}

} // namespace

std::string to_utf8(const char* text, std::size_t size) {
  std::string out;
  out.reserve(size);
  for (std::size_t i = 0; i < size;) {
    const auto high = surrogate_at(text + i, size - i);
    if (!high) {
      out += text[i++];
      continue;
    }
    const auto low = surrogate_at(text + i + 3, size - i - 3);
    if (*high >= 0xDC00U || !low || *low < 0xDC00U) {
      out += replacement;
      i += 3;
      continue;
    }
    const std::uint32_t point = 0x10000U + ((*high - 0xD800U) << 10U) + (*low - 0xDC00U);
    out += static_cast<char>(0xF0U | (point >> 18U));
    out += static_cast<char>(0x80U | ((point >> 12U) & 0x3FU));
    out += static_cast<char>(0x80U | ((point >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (point & 0x3FU));
    i += 6;
  }
  return out;
}

} // namespace kdq::sandbox
