#include "tests/support/certificates.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/support/process.h"

namespace leader::test {

CertificateAuthority::CertificateAuthority(const std::string& name) {
    std::string folder = std::filesystem::temp_directory_path() / "leader-ca-XXXXXX";
    if (!::mkdtemp(folder.data())) throw std::runtime_error("cannot make " + folder);
    folder_ = folder;
    own_ = fresh();
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "2", "-subj", "/CN=" + name, "-keyout", own_.key, "-out", own_.file});
}

CertificateAuthority::~CertificateAuthority() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

Certificate CertificateAuthority::issue(const std::string& subject, const std::string& hosts, int days) {
    Certificate made = fresh();
    const std::string request = made.file + ".csr";
    const std::string extensions = made.file + ".ext";
    std::ofstream(extensions) << "basicConstraints=CA:FALSE\n"
                              << (hosts.empty() ? "" : "subjectAltName=" + hosts + "\n");
    openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject,
             "-keyout", made.key, "-out", request});
    openssl({"x509", "-req", "-in", request, "-CA", own_.file, "-CAkey", own_.key, "-set_serial",
             std::to_string(issued_), "-days", std::to_string(days), "-extfile", extensions, "-out",
             made.file});
    return made;
}

Certificate CertificateAuthority::fresh() {
    const std::string name = folder_ / std::to_string(++issued_);
    return {name + ".pem", name + ".key"};
}

void CertificateAuthority::openssl(const std::vector<std::string>& words) const {
    Process::Options options;
    options.command = {"openssl"};
    options.command.insert(options.command.end(), words.begin(), words.end());
    Process process(options);
    if (process.exitCode() != 0) throw std::runtime_error("openssl " + words[0] + ": " + process.errors());
}

}  // namespace leader::test
