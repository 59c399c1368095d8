// Prints times of cron texts, for comparisons with other programs. Each line read is COUNT, AFTER
// (UTC, as the database has it), ZONE and TEXT, parted by `|`; the line written has up to COUNT
// times after AFTER, parted by commas, or `!` and the sentence that refuses the text.
#include "poller/api/number_in.h"
#include "poller/cron/cron.h"

#include <iostream>
#include <sstream>
#include <string>

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream parts(line);
    std::string count, after, zone, text;
    std::getline(parts, count, '|');
    std::getline(parts, after, '|');
    std::getline(parts, zone, '|');
    std::getline(parts, text);
    const auto times = kdq::number_in<unsigned>(count);
    auto time = kdq::parse_time(after);
    if (!times || !time) {
      std::cerr << "not COUNT|AFTER|ZONE|TEXT: " << line << '\n';
      return 1;
    }
    const auto read = kdq::read_cron(text, zone);
    if (const auto* error = std::get_if<kdq::CronError>(&read)) {
      std::cout << '!' << error->sentence << '\n';
      continue;
    }
    for (unsigned i = 0; i < *times; ++i) {
      time = std::get<kdq::Cron>(read).next(*time);
      if (!time)
        break;
      std::cout << (i > 0 ? "," : "") << kdq::to_text(*time).substr(0, 19);
    }
    std::cout << '\n';
  }
}
