// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Parts of captures in a folder that many machines share. A part is named after its writer (PATH.HOST-PID.part), so no
// two write the same file, and its writer touches it again and again, so what a dead one left is known without locks.
#pragma once

#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace kvviz::io {

/// How often a part is touched, and the age from which its writer counts as dead: far apart, because a network folder
/// may show a time that is a minute old.
inline constexpr std::chrono::seconds kHeartbeat{10};
inline constexpr std::chrono::seconds kStaleAfter{120};

/// "node17-4242": host without its domain and process, as PartFile's `writer`. Letters, digits, '_' and '-' only.
[[nodiscard]] std::string partWriterName();

struct PartState {
    std::filesystem::path path;   ///< "run/a.kvh5.node17-4242.part"
    std::filesystem::path target; ///< "run/a.kvh5"
    std::string host;             ///< empty: the name does not say
    int pid = 0;
    std::chrono::seconds age{};   ///< since it was last written or touched
    bool stale = false;           ///< its writer is dead
};

/// Parts of captures in a folder (not below it), by name; `now` is the folder's time (folderTime). A part is stale when it is older
/// than kStaleAfter, or at once when its process is of this machine and gone.
[[nodiscard]] std::vector<PartState> findParts(const std::filesystem::path& folder, std::time_t now);
/// Removes the stale ones, as far as that goes. Returns their number.
int removeStaleParts(const std::filesystem::path& folder, std::time_t now);
/// Time of the last change of a file; 0 if there is none.
[[nodiscard]] std::time_t changeTime(const std::filesystem::path& file);

/// Touches a file from a thread of its own until destroyed. A file that is gone is left alone.
class Heartbeat {
public:
    explicit Heartbeat(std::filesystem::path file, std::chrono::milliseconds pause = kHeartbeat);
    ~Heartbeat();
    Heartbeat(const Heartbeat&) = delete;
    Heartbeat& operator=(const Heartbeat&) = delete;

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace kvviz::io
