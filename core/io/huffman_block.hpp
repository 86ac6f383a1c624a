// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// One DEFLATE block of Huffman-coded literals, without matches (RFC 1951, section 3.2.7). The exponents of attention
// values have a skewed histogram but hardly repeat: searching matches takes eight times as long and gives larger files
// (ratio 0.57 to 0.63 against 0.50 to 0.56 on SmolLM2's maps). libdeflate has no such mode; zlib's Z_HUFFMAN_ONLY
// runs at 140 MB/s a core, too slow beside a model that makes 500 MB/s of maps.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvviz::io {

/// Appends the block to a DEFLATE stream that ends at a byte boundary, and ends at one again: the final block is
/// padded, any other is followed by an empty stored block (as zlib's sync flush does).
void appendHuffmanBlock(std::vector<std::uint8_t>& stream, std::span<const std::uint8_t> literals, bool isFinal);

} // namespace kvviz::io
