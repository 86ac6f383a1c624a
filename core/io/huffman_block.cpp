// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Histogram, code lengths, canonical codes, bits.
#include "core/io/huffman_block.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

namespace kvviz::io {
namespace {

constexpr int kSymbols = 257; ///< 256 literals and the end-of-block symbol
constexpr int kEndOfBlock = 256;
constexpr int kLongest = 15;

using Counts = std::array<std::uint32_t, kSymbols>;
using Lengths = std::array<std::uint8_t, kSymbols>;

Counts histogram(std::span<const std::uint8_t> literals)
{
    // Four tables: successive equal bytes would otherwise wait for each other's store.
    std::array<std::array<std::uint32_t, 256>, 4> parts{};
    std::size_t i = 0;
    for (; i + 4 <= literals.size(); i += 4)
        for (std::size_t p = 0; p < 4; ++p)
            ++parts[p][literals[i + p]];
    for (; i < literals.size(); ++i)
        ++parts[0][literals[i]];
    Counts counts{};
    for (std::size_t s = 0; s < 256; ++s)
        counts[s] = parts[0][s] + parts[1][s] + parts[2][s] + parts[3][s];
    counts[kEndOfBlock] = 1;
    return counts;
}

/// Huffman code lengths by joining the two lightest nodes, found with two queues over the sorted leaves.
Lengths unlimitedLengths(const Counts& counts, const std::vector<int>& sorted)
{
    const std::size_t leaves = sorted.size();
    std::vector<std::uint64_t> weight(2 * leaves - 1);
    std::vector<std::size_t> parent(2 * leaves - 1);
    for (std::size_t i = 0; i < leaves; ++i)
        weight[i] = counts[static_cast<std::size_t>(sorted[i])];
    std::size_t leaf = 0, inner = leaves;
    for (std::size_t node = leaves; node < weight.size(); ++node)
        for (int child = 0; child < 2; ++child) {
            const bool takeLeaf = leaf < leaves && (inner >= node || weight[leaf] <= weight[inner]);
            const std::size_t taken = takeLeaf ? leaf++ : inner++;
            weight[node] += weight[taken];
            parent[taken] = node;
        }
    std::vector<int> depth(weight.size(), 0);
    for (std::size_t node = weight.size() - 1; node-- > 0;)
        depth[node] = depth[parent[node]] + 1;
    Lengths lengths{};
    for (std::size_t i = 0; i < leaves; ++i)
        lengths[static_cast<std::size_t>(sorted[i])] = static_cast<std::uint8_t>(std::min(depth[i], 255));
    return lengths;
}

/// Cuts codes to 15 bits and restores Kraft's equality by lengthening the rarest shorter ones.
void limitLengths(Lengths& lengths, const std::vector<int>& sorted)
{
    std::int64_t used = 0; // in units of 2^-15
    for (const int symbol : sorted) {
        auto& length = lengths[static_cast<std::size_t>(symbol)];
        length = std::min<std::uint8_t>(length, kLongest);
        used += std::int64_t{1} << (kLongest - length);
    }
    constexpr std::int64_t kWhole = std::int64_t{1} << kLongest;
    while (used > kWhole)
        for (const int symbol : sorted) // rarest first
            if (auto& length = lengths[static_cast<std::size_t>(symbol)]; length < kLongest && used > kWhole) {
                used -= std::int64_t{1} << (kLongest - length - 1);
                ++length;
            }
    // Lengthening may free too much; an incomplete code is invalid, so the commonest symbols get it back.
    for (bool changed = true; used < kWhole && changed;) {
        changed = false;
        for (auto it = sorted.rbegin(); it != sorted.rend(); ++it) {
            auto& length = lengths[static_cast<std::size_t>(*it)];
            const std::int64_t gain = std::int64_t{1} << (kLongest - length);
            if (length > 1 && used + gain <= kWhole) {
                used += gain;
                --length;
                changed = true;
            }
        }
    }
}

/// Canonical codes, bit-reversed as DEFLATE sends Huffman codes from the most significant bit.
std::array<std::uint16_t, kSymbols> canonicalCodes(const Lengths& lengths)
{
    std::array<int, kLongest + 2> first{};
    for (const std::uint8_t length : lengths)
        if (length > 0)
            ++first[static_cast<std::size_t>(length) + 1];
    for (std::size_t bits = 1, code = 0; bits <= kLongest; ++bits) {
        code = (code + static_cast<std::size_t>(first[bits])) << 1;
        first[bits] = static_cast<int>(code);
    }
    std::array<std::uint16_t, kSymbols> codes{};
    std::array<int, kLongest + 1> next{};
    for (std::size_t bits = 1; bits <= kLongest; ++bits)
        next[bits] = first[bits];
    for (std::size_t symbol = 0; symbol < kSymbols; ++symbol) {
        const int length = lengths[symbol];
        if (length == 0)
            continue;
        int code = next[static_cast<std::size_t>(length)]++;
        for (int bit = 0; bit < length; ++bit, code >>= 1)
            codes[symbol] = static_cast<std::uint16_t>((codes[symbol] << 1) | (code & 1));
    }
    return codes;
}

/// Little-endian bit writer into memory that has 8 bytes to spare.
class BitWriter {
public:
    explicit BitWriter(std::uint8_t* out) : m_out(out) {}
    void put(std::uint64_t bits, int count)
    {
        m_bits |= bits << m_count;
        m_count += count;
    }
    /// At most 63 bits may wait between two calls.
    void flush()
    {
        std::memcpy(m_out, &m_bits, sizeof m_bits);
        m_out += m_count >> 3;
        m_bits >>= m_count & ~7;
        m_count &= 7;
    }
    std::uint8_t* finish()
    {
        flush();
        if (m_count > 0)
            *m_out++ = static_cast<std::uint8_t>(m_bits);
        return m_out;
    }

private:
    std::uint8_t* m_out;
    std::uint64_t m_bits = 0;
    int m_count = 0;
};

/// BFINAL, BTYPE 2, and the lengths, each sent as a 4-bit code of the code-length alphabet.
void putHeader(BitWriter& bits, const Lengths& lengths, bool isFinal)
{
    bits.put(isFinal ? 1 : 0, 1);
    bits.put(2, 2);
    bits.put(kSymbols - 257, 5); // HLIT
    bits.put(0, 5);              // HDIST: one distance code, of length 0: there are no matches
    bits.put(19 - 4, 4);         // HCLEN: all 19
    bits.flush();
    for (int i = 0; i < 19; ++i) {
        bits.put(i < 3 ? 0 : 4, 3); // the order starts with 16, 17, 18 (runs), unused here; 0 to 15 have 4 bits each
        bits.flush();
    }
    const auto putLength = [&](unsigned length) {
        const unsigned reversed = (length & 1) << 3 | (length & 2) << 1 | (length & 4) >> 1 | (length & 8) >> 3;
        bits.put(reversed, 4);
        bits.flush();
    };
    for (const std::uint8_t length : lengths)
        putLength(length);
    putLength(0);
}

} // namespace

void appendHuffmanBlock(std::vector<std::uint8_t>& stream, std::span<const std::uint8_t> literals, bool isFinal)
{
    const Counts counts = histogram(literals);
    std::vector<int> sorted;
    for (int symbol = 0; symbol < kSymbols; ++symbol)
        if (counts[static_cast<std::size_t>(symbol)] > 0)
            sorted.push_back(symbol);
    if (sorted.size() == 1)
        sorted.insert(sorted.begin(), 0); // a code needs two symbols to be complete
    std::stable_sort(sorted.begin(), sorted.end(), [&](int a, int b) {
        return counts[static_cast<std::size_t>(a)] < counts[static_cast<std::size_t>(b)];
    });
    Lengths lengths = unlimitedLengths(counts, sorted);
    limitLengths(lengths, sorted);
    const std::array<std::uint16_t, kSymbols> codes = canonicalCodes(lengths);

    std::uint64_t total = 3 + 14 + 19 * 3 + (kSymbols + 1) * 4;
    for (std::size_t symbol = 0; symbol < kSymbols; ++symbol)
        total += std::uint64_t{counts[symbol]} * lengths[symbol];
    const std::size_t begin = stream.size();
    stream.resize(begin + static_cast<std::size_t>(total / 8) + 24);
    BitWriter bits(stream.data() + begin);
    putHeader(bits, lengths, isFinal);
    std::size_t i = 0;
    for (; i + 3 <= literals.size(); i += 3) { // 7 bits left over and three codes of 15 fit into 64
        bits.put(codes[literals[i]], lengths[literals[i]]);
        bits.put(codes[literals[i + 1]], lengths[literals[i + 1]]);
        bits.put(codes[literals[i + 2]], lengths[literals[i + 2]]);
        bits.flush();
    }
    for (; i < literals.size(); ++i) {
        bits.put(codes[literals[i]], lengths[literals[i]]);
        bits.flush();
    }
    bits.put(codes[kEndOfBlock], lengths[kEndOfBlock]);
    if (!isFinal)
        bits.put(0, 3); // BFINAL 0, BTYPE 0
    stream.resize(static_cast<std::size_t>(bits.finish() - stream.data()));
    if (!isFinal)
        stream.insert(stream.end(), {0, 0, 0xff, 0xff}); // length 0 and its complement
}

} // namespace kvviz::io
