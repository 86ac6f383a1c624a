// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// See the header.
#include "tests/support/h5_fixture.hpp"

#include <hdf5.h>

#include <stdexcept>

namespace kvviz::test {
namespace {

template <typename T>
std::vector<T> readAll(std::int64_t file, const std::string& name, hid_t type)
{
    const hid_t dataset = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
    if (dataset < 0)
        throw std::runtime_error("no dataset " + name);
    const hid_t space = H5Dget_space(dataset);
    std::vector<T> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    const herr_t status = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Sclose(space);
    H5Dclose(dataset);
    if (status < 0)
        throw std::runtime_error("cannot read " + name);
    return values;
}

} // namespace

H5Fixture::H5Fixture(const std::string& path) : m_file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT))
{
    if (m_file < 0)
        throw std::runtime_error("cannot open " + path);
}

H5Fixture::~H5Fixture() { H5Fclose(m_file); }

std::vector<float> H5Fixture::floats(const std::string& dataset) const
{
    return readAll<float>(m_file, dataset, H5T_NATIVE_FLOAT);
}

std::vector<std::int32_t> H5Fixture::ints(const std::string& dataset) const
{
    return readAll<std::int32_t>(m_file, dataset, H5T_NATIVE_INT32);
}

std::vector<std::int64_t> H5Fixture::shape(const std::string& dataset) const
{
    const hid_t id = H5Dopen2(m_file, dataset.c_str(), H5P_DEFAULT);
    const hid_t space = H5Dget_space(id);
    std::vector<hsize_t> dims(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    H5Sclose(space);
    H5Dclose(id);
    return {dims.begin(), dims.end()};
}

bool H5Fixture::has(const std::string& path) const { return H5Lexists(m_file, path.c_str(), H5P_DEFAULT) > 0; }

} // namespace kvviz::test
