// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Zip entries through libzip, each as a stream: a piece further on is reached by reading up to it.
#include "core/io/npz_file.hpp"

#include "core/error.hpp"
#include "core/io/npy_header.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <array>

namespace kvviz::io {
namespace {

using core::Error;
using core::ErrorCode;

struct CloseArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
    void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
using EntryStream = std::unique_ptr<zip_file_t, CloseEntry>;

/// An array's place in the archive, and how far its stream has been read.
struct Entry {
    zip_uint64_t index = 0;
    std::size_t headerBytes = 0;
    EntryStream stream;
    std::uint64_t position = 0; ///< bytes of the .npy file read so far
};

class NpzFile final : public ArraySource {
public:
    explicit NpzFile(const std::filesystem::path& path);
    [[nodiscard]] const std::string& path() const override { return m_path; }
    [[nodiscard]] const std::map<std::string, NamedArray>& arrays() const override { return m_arrays; }
    void read(const NamedArray& array, std::int64_t begin, std::int64_t count, std::byte* out) override;

private:
    void addEntry(zip_uint64_t index);
    [[nodiscard]] NamedArray readHeader(Entry& entry, zip_uint64_t size, const std::string& name) const;
    void readBytes(Entry& entry, void* out, std::uint64_t count, const std::string& name) const;
    void restart(Entry& entry, const std::string& name) const;
    void skipTo(Entry& entry, std::uint64_t position, const std::string& name) const;
    [[nodiscard]] std::string place(const std::string& name) const
    {
        return fmt::format("'{}': '{}'", m_path, core::displayBytes(name));
    }
    [[noreturn]] void fail(const std::string& place, const std::string& what) const
    {
        throw Error(ErrorCode::badInput, fmt::format("{}: {}", place, what));
    }

    std::string m_path;
    Archive m_archive;
    std::map<std::string, NamedArray> m_arrays;
    std::map<std::string, Entry> m_entries; // after m_archive: streams are closed first
};

Archive openArchive(const std::string& path)
{
    int code = 0;
    Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (archive)
        return archive;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw Error(ErrorCode::badInput, fmt::format("'{}' cannot be read as .npz, it may be truncated or damaged: {}", path,
                                                 reason));
}

NpzFile::NpzFile(const std::filesystem::path& path) : m_path(path.string()), m_archive(openArchive(m_path))
{
    const zip_int64_t count = zip_get_num_entries(m_archive.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i)
        if (const char* name = zip_get_name(m_archive.get(), static_cast<zip_uint64_t>(i), 0);
            name != nullptr && std::string_view(name).ends_with("data.pkl"))
            throw Error(ErrorCode::badInput, fmt::format("'{}' was written by torch.save, pickled: it cannot be read without "
                                                         "running what is in it; {}", m_path, kHowToSave));
    for (zip_int64_t i = 0; i < count; ++i)
        addEntry(static_cast<zip_uint64_t>(i));
}

void NpzFile::addEntry(zip_uint64_t index)
{
    zip_stat_t facts;
    zip_stat_init(&facts);
    constexpr zip_uint64_t kWanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(m_archive.get(), index, 0, &facts) != 0 || (facts.valid & kWanted) != kWanted)
        fail(fmt::format("'{}'", m_path), fmt::format("entry {} of the archive cannot be read", index));
    std::string name = facts.name;
    if (!name.ends_with(".npy"))
        fail(place(name), fmt::format("it is no array (.npy); this archive was not written by numpy.savez; {}", kHowToSave));
    name.resize(name.size() - 4);
    // Deflate shrinks by 1032 at most: what claims more was never that large, and no memory is taken for it.
    if (facts.size / 1100 > facts.comp_size + 64)
        fail(place(name), fmt::format("{} compressed bytes cannot hold {}", facts.comp_size, facts.size));
    Entry entry;
    entry.index = index;
    NamedArray array = readHeader(entry, facts.size, name);
    entry.stream.reset(); // opened again where it is read; thousands of open ones would fill the memory
    entry.position = 0;
    if (!m_arrays.emplace(name, std::move(array)).second)
        fail(place(name), "the archive holds it twice");
    m_entries.emplace(name, std::move(entry));
}

NamedArray NpzFile::readHeader(Entry& entry, zip_uint64_t size, const std::string& name) const
{
    restart(entry, name);
    std::array<char, kNpyPreamble> preamble{};
    if (size < preamble.size())
        fail(place(name), "it is no array of numpy, or it is truncated");
    readBytes(entry, preamble.data(), preamble.size(), name);
    entry.headerBytes = npyHeaderBytes({preamble.data(), preamble.size()}, place(name));
    std::string header(preamble.data(), preamble.size());
    header.resize(std::max(header.size(), entry.headerBytes));
    readBytes(entry, header.data() + preamble.size(), header.size() - preamble.size(), name);
    NamedArray array = parseNpyHeader(header.substr(0, entry.headerBytes), place(name));
    array.name = name;
    const auto bytes = static_cast<std::uint64_t>(array.elements()) * array.itemBytes;
    if (array.obstacle.empty() && size != entry.headerBytes + bytes)
        fail(place(name), fmt::format("it has {} bytes, but {} values of {} need {}", size, array.shapeText(),
                                      elementTypeName(array.type), entry.headerBytes + bytes));
    return array;
}

void NpzFile::restart(Entry& entry, const std::string& name) const
{
    entry.stream.reset(zip_fopen_index(m_archive.get(), entry.index, 0));
    entry.position = 0;
    if (!entry.stream)
        fail(place(name), fmt::format("it cannot be read: {}", zip_strerror(m_archive.get())));
}

void NpzFile::readBytes(Entry& entry, void* out, std::uint64_t count, const std::string& name) const
{
    for (std::uint64_t done = 0; done < count;) {
        const zip_int64_t got = zip_fread(entry.stream.get(), static_cast<char*>(out) + done, count - done);
        if (got <= 0)
            fail(place(name), got == 0 ? "it ends too early" : "it is damaged");
        done += static_cast<std::uint64_t>(got);
    }
    entry.position += count;
}

void NpzFile::skipTo(Entry& entry, std::uint64_t position, const std::string& name) const
{
    if (!entry.stream || entry.position > position)
        restart(entry, name);
    std::array<char, 1 << 16> block;
    while (entry.position < position)
        readBytes(entry, block.data(), std::min<std::uint64_t>(block.size(), position - entry.position), name);
}

void NpzFile::read(const NamedArray& array, std::int64_t begin, std::int64_t count, std::byte* out)
{
    Entry& entry = m_entries.at(array.name);
    skipTo(entry, entry.headerBytes + static_cast<std::uint64_t>(begin) * array.itemBytes, array.name);
    readBytes(entry, out, static_cast<std::uint64_t>(count) * array.itemBytes, array.name);
    if (begin + count != array.elements())
        return;
    char more = 0; // the end of the stream is where libzip compares the checksum
    if (const zip_int64_t got = zip_fread(entry.stream.get(), &more, 1); got != 0)
        fail(place(array.name), got > 0 ? "it goes on after the end that the archive states for it"
                                        : "it is damaged (its checksum does not fit)");
}

} // namespace

std::unique_ptr<ArraySource> openNpz(const std::filesystem::path& path) { return std::make_unique<NpzFile>(path); }

} // namespace kvviz::io
