#include "tests/sandbox/sheet.h"

#include <cctype>
#include <stdexcept>

namespace kdq::sandbox {
namespace {

/// Letters in upper case, without the $ of absolute addresses.
std::string normalised(std::string_view address) {
  std::string cell;
  std::size_t letters = 0;
  std::size_t digits = 0;
  bool good = address.size() <= 16;
  for (const char c : address) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '$') {
      continue;
    }
    if (std::isalpha(byte) != 0 && digits == 0) {
      ++letters;
    } else if (std::isdigit(byte) != 0 && (c != '0' || digits > 0)) {
      ++digits;
    } else {
      good = false;
    }
    cell += static_cast<char>(std::toupper(byte));
  }
  if (!good || letters < 1 || letters > 3 || digits < 1 || digits > 7) {
    throw std::invalid_argument("Range: \"" + std::string(address.substr(0, 100)) +
                                "\" is not the address of one cell");
  }
  return cell;
}

} // namespace

void Sheets::preset(std::string_view address, nlohmann::json value) {
  const std::string cell = normalised(address);
  const std::lock_guard lock(mutex_);
  preset_[cell] = std::move(value);
}

void Sheets::write(const std::string& file, std::string_view address, nlohmann::json value) {
  const std::string cell = normalised(address);
  const std::lock_guard lock(mutex_);
  files_[file][cell] = std::move(value);
}

nlohmann::json Sheets::read(const std::string& file, std::string_view address) const {
  const std::string cell = normalised(address);
  const std::lock_guard lock(mutex_);
  if (const auto own = files_.find(file); own != files_.end()) {
    if (const auto value = own->second.find(cell); value != own->second.end()) {
      return value->second;
    }
  }
  const auto value = preset_.find(cell);
  return value == preset_.end() ? nlohmann::json() : value->second;
}

void preset_from_text(Sheets& sheets, std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) {
    throw std::invalid_argument("cell \"" + std::string(text) +
                                "\": write it as A1=text or FILE_TOKEN:A1=text");
  }
  const std::string_view place = text.substr(0, equals);
  const std::string value(text.substr(equals + 1));
  const auto colon = place.rfind(':');
  if (colon == std::string_view::npos) {
    sheets.preset(place, value);
  } else {
    sheets.write(std::string(place.substr(0, colon)), place.substr(colon + 1), value);
  }
}

} // namespace kdq::sandbox
