#include "store/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace kdq {
namespace {

/// The length of a head of `text` that is all ASCII, in whole words: most of a script is.
std::size_t ascii_words(std::string_view text) {
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080808080808080U) != 0)
      break;
  }
  return at;
}

/// A carriage return is one as part of a line break only.
bool is_control(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte == 0xC2)
    return at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
  if (byte == '\r')
    return at + 1 == text.size() || text[at + 1] != '\n';
  return (byte < ' ' && byte != '\t' && byte != '\n') || byte == 0x7F;
}

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// The bytes of the valid character at the head of `text`, which is not empty; 0 if there is none.
std::size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80)
    return 1;
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size)
    return 0;
  std::uint32_t value = lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(text[i]))
      return 0;
    value = (value << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return overlong || surrogate || value > 0x10FFFF ? 0 : size;
}

} // namespace

std::optional<std::size_t> invalid_utf8_at(std::string_view text) {
  for (std::size_t at = ascii_words(text); at < text.size();) {
    const std::size_t size = character_bytes(text.substr(at));
    if (size == 0)
      return at;
    at += size;
    if (size == 1)
      at += ascii_words(text.substr(at));
  }
  return std::nullopt;
}

bool append_mended(std::string& mended, std::string_view text) {
  constexpr std::string_view no_character = "\xEF\xBF\xBD"; // U+FFFD
  bool any = false;
  for (auto bad = invalid_utf8_at(text); bad; bad = invalid_utf8_at(text)) {
    any = true;
    mended.append(text.substr(0, *bad)).append(no_character);
    text.remove_prefix(*bad + 1);
  }
  mended.append(text);
  return any;
}

std::string visible(std::string text) {
  std::size_t at = 0;
  while (at < text.size() && !is_control(text, at))
    ++at;
  if (at == text.size())
    return text;
  constexpr char hex[] = "0123456789abcdef";
  std::string shown = text.substr(0, at);
  for (; at < text.size(); ++at) {
    if (!is_control(text, at)) {
      shown += text[at];
      continue;
    }
    if (text[at] == '\xC2')
      ++at; // the second byte has the character's number
    const auto number = static_cast<unsigned char>(text[at]);
    shown += "\\u00";
    shown += hex[number >> 4U];
    shown += hex[number & 15U];
  }
  return shown;
}

std::string shortened(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes)
    return std::string(text);
  std::size_t end = max_bytes;
  while (end > 0 && is_continuation(text[end]))
    --end;
  return std::string(text.substr(0, end)) + "…";
}

} // namespace kdq
