// A self-signed certificate for 127.0.0.1, made for one test.
#pragma once

#include <string>

namespace kdq::sandbox {

/// Two PEM files in the directory for temporary files, until the destructor removes them.
class TestCertificate {
public:
  TestCertificate();
  ~TestCertificate();
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;
  std::string certificate_file() const { return stem_ + ".pem"; }
  std::string key_file() const { return stem_ + ".key"; }

private:
  std::string stem_;
};

} // namespace kdq::sandbox
