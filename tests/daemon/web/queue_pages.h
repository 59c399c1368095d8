// Pages made from a database of the product, and what is asked of the text of each.
#pragma once

#include "daemon/web/pages.h"
#include "tests/daemon/web/document_reading.h"
#include "tests/store/sql_fixture.h"

#include <string>
#include <string_view>
#include <vector>

namespace kdq::test {

/// Would be an element, leave an attribute, turn the direction of text, and reach a terminal.
inline const std::string planted = "<b id=planted>\"'&\xE2\x80\xAE\x1B[31m";

struct QueuePages : SqlFixture {
  web::Visit visit = [] {
    web::Visit made;
    made.may_act = true;
    made.form_token = "token";
    made.now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    return made;
  }();

  web::Page page(const std::string& address) {
    const web::Target target = web::target_of(address);
    visit.path = target.path;
    visit.query = target.query;
    Reader reader(file);
    return web::make_page(reader, visit);
  }
  /// The document of an address that is there, checked to be whole and without what was planted.
  std::string document(const std::string& address) {
    std::string text = web::document(page(address), visit, false);
    if (const std::string trouble = DocumentReading(text).trouble(); !trouble.empty())
      return "not whole: " + trouble + ": " + text;
    for (const std::string_view alive : {"<b id", "\xE2\x80\xAE", "\x1B"})
      if (contains(text, alive))
        return "alive: " + text;
    return text;
  }
  std::string part(const std::string& address, const std::string& id) {
    for (const web::Part& part : page(address).parts)
      if (part.id == id)
        return part.content.text();
    return "no part " + id;
  }
};

} // namespace kdq::test
