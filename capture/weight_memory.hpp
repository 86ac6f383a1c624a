// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The kvviz authors
// Memory for weight matrices: in large pages where the system has them, and not cleared before it is filled. A decode
// step reads every weight once, 4 KiB at a time a translation is looked up: large pages make it a quarter faster.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

namespace kvviz::capture {

template <typename T> class WeightAllocator {
public:
    using value_type = T;

    WeightAllocator() = default;
    template <typename U> explicit WeightAllocator(const WeightAllocator<U>&) noexcept {}

    [[nodiscard]] T* allocate(std::size_t count)
    {
        if (count > (static_cast<std::size_t>(-1) - kLargePage) / sizeof(T))
            throw std::bad_array_new_length();
        const std::size_t bytes = count * sizeof(T);
        if (bytes < 2 * kLargePage) {
            if (void* const memory = std::malloc(bytes))
                return static_cast<T*>(memory);
            throw std::bad_alloc();
        }
        const std::size_t whole = (bytes + kLargePage - 1) / kLargePage * kLargePage;
        void* const memory = std::aligned_alloc(kLargePage, whole);
        if (memory == nullptr)
            throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
        (void)madvise(memory, whole, MADV_HUGEPAGE); // a wish: without it, everything works with small pages
#endif
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t) noexcept { std::free(memory); }

    /// Values made without arguments are not set: weights are written next, by all threads.
    template <typename U> void construct(U* place) { ::new (static_cast<void*>(place)) U; }
    template <typename U, typename... Arguments> void construct(U* place, Arguments&&... arguments)
    {
        ::new (static_cast<void*>(place)) U(std::forward<Arguments>(arguments)...);
    }

    template <typename U> [[nodiscard]] bool operator==(const WeightAllocator<U>&) const noexcept { return true; }

private:
    static constexpr std::size_t kLargePage = std::size_t{2} << 20;
};

template <typename T> using WeightVector = std::vector<T, WeightAllocator<T>>;

} // namespace kvviz::capture
