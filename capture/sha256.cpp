// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SHA-256 of a file through libcrypto. Reads in pieces instead of mapping, so that a large model does not count as
// resident memory of the run that only wants its name.
#include "capture/gguf.hpp"
#include "core/error.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace kvviz::capture {
namespace {

struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

struct ContextFreer {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

void require(bool worked)
{
    if (!worked)
        throw core::Error(core::ErrorCode::failure, "SHA-256 is not available in this machine's libcrypto");
}

} // namespace

std::string sha256OfFile(const std::filesystem::path& path)
{
    const auto unreadable = [&path](int code) {
        return core::Error(core::ErrorCode::badInput,
                           fmt::format("'{}' cannot be read: {}", path.string(), std::strerror(code)));
    };
    const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rbe"));
    if (!file)
        throw unreadable(errno);
    std::setvbuf(file.get(), nullptr, _IONBF, 0);
    const std::unique_ptr<EVP_MD_CTX, ContextFreer> context(EVP_MD_CTX_new());
    require(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);

    std::vector<unsigned char> buffer(std::size_t{1} << 18);
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file.get()))
        require(EVP_DigestUpdate(context.get(), buffer.data(), count) == 1);
    if (std::ferror(file.get()) != 0)
        throw unreadable(errno);

    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    require(EVP_DigestFinal_ex(context.get(), digest.data(), &length) == 1);
    std::string hex;
    for (unsigned i = 0; i < length; ++i)
        hex += fmt::format("{:02x}", digest[i]);
    return hex;
}

} // namespace kvviz::capture
