// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Values are put together from the parser's events. The library's own hook into parsing would say depth and keys, too, but
// takes time that grows with the square of the number of values.
#include "core/io/json_text.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>
#include <vector>

namespace kvviz::io {
namespace {

using Json = nlohmann::json;

class Builder final : public nlohmann::json_sax<Json> {
public:
    explicit Builder(const std::string& place) : m_place(place) {}
    [[nodiscard]] Json take() { return std::move(m_root); }

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(value); }
    bool number_unsigned(number_unsigned_t value) override { return put(value); }
    bool number_float(number_float_t value, const string_t&) override { return put(value); }
    bool string(string_t& value) override { return put(std::move(value)); }
    bool binary(binary_t&) override { return false; } // not in texts
    bool start_object(std::size_t) override { return open(Json::object()); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override
    {
        const auto [member, isNew] = m_open.back()->get_ref<Json::object_t&>().emplace(name, nullptr);
        if (!isNew)
            fail(fmt::format("names '{}' twice", core::displayBytes(name)));
        m_member = &member->second;
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const Json::exception&) override
    {
        fail(fmt::format("is no JSON (byte {})", position));
    }

private:
    [[noreturn]] void fail(const std::string& what) const
    {
        throw core::Error(core::ErrorCode::badInput, fmt::format("{} {}", m_place, what));
    }
    /// Puts a value where the text has it, and returns its place.
    Json& place(Json value)
    {
        if (m_open.empty())
            return m_root = std::move(value);
        if (m_open.back()->is_object())
            return *m_member = std::move(value);
        return m_open.back()->get_ref<Json::array_t&>().emplace_back(std::move(value));
    }
    bool put(Json value)
    {
        place(std::move(value));
        return true;
    }
    bool open(Json empty)
    {
        if (m_open.size() == kDeepestJson)
            fail(fmt::format("nests deeper than {} levels", kDeepestJson));
        m_open.push_back(&place(std::move(empty)));
        return true;
    }
    bool close()
    {
        m_open.pop_back();
        return true;
    }

    const std::string& m_place;
    Json m_root;
    std::vector<Json*> m_open; ///< lists and objects that are not at their end; none moves before it is closed
    Json* m_member = nullptr;  ///< of the key that was read last
};

} // namespace

Json parseJson(std::string_view text, const std::string& place)
{
    Builder builder(place);
    Json::sax_parse(text, &builder);
    return builder.take();
}

} // namespace kvviz::io
