// A block emulator: every thread of a block is a fiber, and blocks run one after another.
//
// It finds wrong indices (under a sanitizer), wrong sums, missing barriers (schedules are shuffled by a seed, and shared
// memory is poisoned before each block), barriers that not all threads reach, shuffles with missing lanes. It does not
// model the order of memory accesses, races between blocks, or the accuracy of a device's elementary functions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace emulator {

constexpr unsigned WARP = 32;

// Where the running thread is, as a kernel sees it.
struct Index {
    unsigned x;
};
Index thread_index();
Index block_index();
Index block_size();
Index grid_size();

// What the schedules of a launch are drawn from.
void launch(unsigned grid, unsigned block, uint64_t seed, const std::function<void()> &body);
// Stops the program with a message that says where.
[[noreturn]] void fail(const std::string &message);
void block_barrier(int line);
// Poisons shared memory at the first mention in each block.
void shared(void *memory, size_t size);
// What the lane `lane ^ mask` of the warp holds; NaN if there is none.
uint64_t shuffle_xor(uint64_t bits, unsigned mask);

template <class T> T shuffle_xor_of(T v, unsigned mask) {
    static_assert(sizeof(T) <= 8, "a lane holds 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &v, sizeof v);
    bits = shuffle_xor(bits, mask);
    std::memcpy(&v, &bits, sizeof v);
    return v;
}

// An argument of a launch: the address of a value of so many bytes.
struct Argument {
    void *value;
    size_t size;
    bool is_pointer;
};

using Thunk = std::function<void(const std::vector<Argument> &)>;

// Enters a kernel in the table that `find` searches.
struct Entry {
    Entry(const char *name, Thunk thunk);
};
const Thunk &find(const std::string &name);

template <class A> decltype(auto) read(const Argument &argument) {
    using Value = std::remove_cv_t<std::remove_reference_t<A>>;
    if (argument.size != sizeof(Value) || argument.is_pointer != std::is_pointer_v<Value>) {
        fail("an argument has " + std::to_string(argument.size) + " bytes, the kernel's parameter " +
             std::to_string(sizeof(Value)));
    }
    return *static_cast<Value *>(argument.value);
}

// A call of a kernel with what a launch gives it, and with what the thread's own dialect adds.
template <class... A, size_t... I, class... Own>
void call(void (*kernel)(A...), const std::vector<Argument> &arguments, std::index_sequence<I...>, Own... own) {
    if (arguments.size() != sizeof...(I)) {
        fail(std::to_string(arguments.size()) + " arguments, the kernel has " + std::to_string(sizeof...(I)));
    }
    using All = std::tuple<A...>;
    kernel(read<std::tuple_element_t<I, All>>(arguments[I])..., own...);
}

} // namespace emulator
