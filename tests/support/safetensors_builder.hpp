// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Safetensors files for tests, written in a few lines.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kvviz::test {

class SafetensorsBuilder {
public:
    template <typename T>
    SafetensorsBuilder& add(const std::string& name, const char* type, const std::vector<std::int64_t>& shape,
                            const std::vector<T>& values)
    {
        const std::size_t begin = m_data.size();
        m_data.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
        m_header += fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                                m_header.empty() ? "" : ",", name, type, fmt::join(shape, ","), begin, m_data.size());
        return *this;
    }
    SafetensorsBuilder& floats(const std::string& name, const std::vector<std::int64_t>& shape,
                               const std::vector<float>& values)
    {
        return add(name, "F32", shape, values);
    }
    /// The bytes of the file.
    [[nodiscard]] std::string bytes() const
    {
        const std::string header = "{" + m_header + "}";
        const std::uint64_t length = header.size();
        return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + m_data;
    }

private:
    std::string m_header, m_data;
};

} // namespace kvviz::test
