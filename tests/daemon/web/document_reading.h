// Whether HTML is whole, read as strictly as our own pages are written.
#pragma once

#include "tests/support/text.h"

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kdq::test {

inline bool is_void(const std::string& name) {
  static const std::set<std::string> names{"area", "base",  "br",   "col",  "embed",  "hr",
                                           "img",  "input", "link", "meta", "source", "wbr"};
  return names.count(name) != 0;
}

/// Reads a document as strictly as our own pages are written; what is wrong with it, or empty.
class DocumentReading {
public:
  explicit DocumentReading(std::string_view text) : text_(text) {}

  std::string trouble() {
    if (const std::string seen = unseen(); !seen.empty())
      return seen;
    while (trouble_.empty() && skip_to('<'))
      tag();
    if (trouble_.empty() && !open_.empty())
      return "not closed: " + open_.back();
    return trouble_;
  }
  const std::vector<std::string>& elements() const { return elements_; }
  const std::set<std::string>& ids() const { return ids_; }

private:
  std::string unseen() const {
    for (std::size_t at = 0; at < text_.size(); ++at) {
      const auto byte = static_cast<unsigned char>(text_[at]);
      if ((byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7F)
        return "a control character at " + std::to_string(at);
    }
    for (const char* mark : {"\xE2\x80\xAE", "\xE2\x80\x8B"})
      if (contains(text_, mark))
        return "an unseen character";
    return {};
  }
  bool skip_to(char sign) {
    at_ = text_.find(sign, at_);
    return at_ != text_.npos;
  }
  std::string name() {
    const std::size_t from = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '-'))
      ++at_;
    return std::string(text_.substr(from, at_ - from));
  }
  void tag() {
    ++at_;
    if (text_.substr(at_, 8) == "!doctype") {
      skip_to('>');
      return;
    }
    const bool closes = at_ < text_.size() && text_[at_] == '/';
    at_ += closes ? 1 : 0;
    const std::string element = name();
    if (element.empty()) {
      trouble_ = "a < that is no tag: " + std::string(text_.substr(at_, 40));
    } else if (closes) {
      if (open_.empty() || open_.back() != element)
        trouble_ = "</" + element + "> closes " + (open_.empty() ? "nothing" : open_.back());
      else
        open_.pop_back();
    } else {
      elements_.push_back(element);
      if (!attributes(element) && !is_void(element))
        open_.push_back(element);
    }
  }
  /// True: the element ends in its own tag.
  bool attributes(const std::string& element) {
    while (at_ < text_.size() && trouble_.empty()) {
      while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0)
        ++at_;
      if (text_.substr(at_, 1) == ">")
        return false;
      if (text_.substr(at_, 2) == "/>")
        return true;
      attribute(element);
    }
    return false;
  }
  void attribute(const std::string& element) {
    const std::string attribute = name();
    if (attribute.empty() || attribute == "style" || attribute.starts_with("on")) {
      trouble_ = "an attribute of " + element +
                 " that must not be: " + std::string(text_.substr(at_ - attribute.size(), 40));
      return;
    }
    if (text_.substr(at_, 1) != "=")
      return;
    const std::size_t end = text_.find('"', at_ + 2);
    if (text_.substr(at_, 2) != "=\"" || end == text_.npos) {
      trouble_ = "an attribute without quotes: " + attribute;
      return;
    }
    const std::string value(text_.substr(at_ + 2, end - at_ - 2));
    if (attribute == "id" && !ids_.insert(value).second)
      trouble_ = "an id that is there twice: " + value;
    if ((attribute == "href" || attribute == "src" || attribute == "action") &&
        !value.starts_with('/') && !value.starts_with('#') && !value.starts_with('?'))
      trouble_ = "an address of somewhere else: " + value;
    at_ = end + 1;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string trouble_;
  std::vector<std::string> open_;
  std::vector<std::string> elements_;
  std::set<std::string> ids_;
};

} // namespace kdq::test
