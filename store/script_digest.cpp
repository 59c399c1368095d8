#include "store/script_digest.h"

#include "store/base/encoding.h"

#include <xxhash.h>

namespace kdq {

std::string script_digest(std::string_view script) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(script.data(), script.size()));
  return hex_of({reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest});
}

} // namespace kdq
