#include "store/script_digest.h"

#include <xxhash.h>

namespace kdq {

std::string script_digest(std::string_view script) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(script.data(), script.size()));
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * sizeof canonical.digest);
  for (const unsigned char byte : canonical.digest) {
    text += digits[byte >> 4];
    text += digits[byte & 0x0f];
  }
  return text;
}

} // namespace kdq
