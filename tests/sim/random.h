// Random numbers that a seed means everywhere: no std distribution, whose results differ by
// library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kdq::sim {

/// splitmix64 (Steele, Lea, Flood 2014): 64 bits of state, good enough to choose what goes wrong.
class Random {
public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// A stream of its own for one purpose, so that what one part draws does not move another's.
  Random(std::uint64_t seed, std::uint64_t purpose) : state_(seed * 0x100000001b3U + purpose) {
    next();
  }

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  /// 0 … count - 1.
  std::size_t below(std::size_t count) { return count == 0 ? 0 : next() % count; }
  /// first … last.
  std::int64_t between(std::int64_t first, std::int64_t last) {
    return first + static_cast<std::int64_t>(below(static_cast<std::size_t>(last - first + 1)));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }

private:
  std::uint64_t state_;
};

} // namespace kdq::sim
