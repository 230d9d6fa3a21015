#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace leader::test {

/// PEM files; they go with the authority that issued them.
struct Certificate {
    std::string file;
    std::string key;
};

/// A certificate authority of a test's own, in a folder of its own, by way of openssl(1).
class CertificateAuthority {
  public:
    explicit CertificateAuthority(const std::string& name = "Test CA");
    ~CertificateAuthority();
    CertificateAuthority(const CertificateAuthority&) = delete;
    CertificateAuthority& operator=(const CertificateAuthority&) = delete;

    /// What has to be trusted.
    const std::string& file() const { return own_.file; }
    /// For a subject like "/O=group/CN=name" and hosts like "DNS:localhost,IP:127.0.0.1", or none where it is
    /// empty. Negative days: it has expired.
    Certificate issue(const std::string& subject, const std::string& hosts, int days = 2);

  private:
    void openssl(const std::vector<std::string>& words) const;
    Certificate fresh();

    std::filesystem::path folder_;
    Certificate own_;
    int issued_ = 0;
};

}  // namespace leader::test
