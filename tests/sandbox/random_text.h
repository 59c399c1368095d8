// What nobody can guess: the ids and tokens that the sandbox hands out are made of it.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

namespace kdq::sandbox {

/// Letters and digits only: characters that encoding must get right are put in by the caller, so
/// that they are in each text.
inline std::string random_text(std::size_t length, std::mt19937_64& random) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::uniform_int_distribution<std::size_t> any(0, alphabet.size() - 1);
  std::string text;
  while (text.size() < length) {
    text += alphabet[any(random)];
  }
  return text;
}

} // namespace kdq::sandbox
