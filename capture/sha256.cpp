// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// SHA-256 of a file through libcrypto. Reads in pieces instead of mapping, so that a large model does not count as
// resident memory of the run that only wants its name.
#include "capture/sha256.hpp"

#include "core/error.hpp"
#include "core/parallel.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

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

namespace {

class Digest {
public:
    Digest() : m_context(EVP_MD_CTX_new())
    {
        require(m_context && EVP_DigestInit_ex(m_context.get(), EVP_sha256(), nullptr) == 1);
    }
    void add(const void* bytes, std::size_t count) { require(EVP_DigestUpdate(m_context.get(), bytes, count) == 1); }
    [[nodiscard]] std::string hex()
    {
        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned length = 0;
        require(EVP_DigestFinal_ex(m_context.get(), digest.data(), &length) == 1);
        std::string result;
        for (unsigned i = 0; i < length; ++i)
            result += fmt::format("{:02x}", digest[i]);
        return result;
    }

private:
    std::unique_ptr<EVP_MD_CTX, ContextFreer> m_context;
};

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
    Digest digest;
    std::vector<unsigned char> buffer(std::size_t{1} << 18);
    while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file.get()))
        digest.add(buffer.data(), count);
    if (std::ferror(file.get()) != 0)
        throw unreadable(errno);

    return digest.hex();
}

std::string sha256OfFiles(const std::vector<std::filesystem::path>& paths)
{
    std::vector<std::string> sums(paths.size());
    core::parallelFor(std::ssize(paths), [&](std::int64_t i) {
        sums[static_cast<std::size_t>(i)] = sha256OfFile(paths[static_cast<std::size_t>(i)]);
    });
    Digest all;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const std::string line = fmt::format("{} {}\n", paths[i].filename().string(), sums[i]);
        all.add(line.data(), line.size());
    }
    return all.hex();
}

} // namespace kvviz::capture
