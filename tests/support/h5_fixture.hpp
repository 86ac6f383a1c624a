// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Reads datasets of a reference file with the plain HDF5 C API, so that tests do not lean on the code under test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kvviz::test {

class H5Fixture {
public:
    explicit H5Fixture(const std::string& path);
    ~H5Fixture();
    H5Fixture(const H5Fixture&) = delete;
    H5Fixture& operator=(const H5Fixture&) = delete;

    [[nodiscard]] std::vector<float> floats(const std::string& dataset) const;
    [[nodiscard]] std::vector<std::int32_t> ints(const std::string& dataset) const;
    [[nodiscard]] std::vector<std::int64_t> shape(const std::string& dataset) const;
    [[nodiscard]] bool has(const std::string& path) const;

private:
    std::int64_t m_file = -1;
};

} // namespace kvviz::test
