#include "tests/sandbox/test_certificate.h"

#include <cstdio>
#include <doctest/doctest.h>
#include <filesystem>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace kdq::sandbox {
namespace {

struct Deleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
template <typename Type>
using Owned = std::unique_ptr<Type, Deleter>;

void add_extension(X509* certificate, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  REQUIRE(extension);
  X509_add_ext(certificate, extension.get(), -1);
}

Owned<X509> self_signed(EVP_PKEY* key) {
  constexpr long x509_v3 = 2;
  constexpr long day_seconds = 86400;
  Owned<X509> certificate(X509_new());
  X509_set_version(certificate.get(), x509_v3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -day_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), day_seconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const unsigned char common_name[] = "127.0.0.1";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  REQUIRE(X509_sign(certificate.get(), key, EVP_sha256()) > 0);
  return certificate;
}

} // namespace

TestCertificate::TestCertificate()
    : stem_(std::filesystem::temp_directory_path() /
            ("kdq-certificate-" + std::to_string(::getpid()))) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  REQUIRE(key);
  const Owned<X509> certificate = self_signed(key.get());
  const Owned<std::FILE> certificate_out(std::fopen(certificate_file().c_str(), "w"));
  const Owned<std::FILE> key_out(std::fopen(key_file().c_str(), "w"));
  REQUIRE(certificate_out);
  REQUIRE(key_out);
  PEM_write_X509(certificate_out.get(), certificate.get());
  PEM_write_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
}

TestCertificate::~TestCertificate() {
  std::filesystem::remove(certificate_file());
  std::filesystem::remove(key_file());
}

} // namespace kdq::sandbox
