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

// Where the running thread is, as a kernel sees it; this crate's kernels use the first axis alone.
struct Index {
    unsigned x, y, z;

    constexpr Index(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
    size_t count() const { return size_t{x} * y * z; }
};
Index thread_index();
Index block_index();
Index block_size();
Index grid_size();
// Which lane of its warp it is.
unsigned lane();
// Shared memory whose size the launch says.
void *dynamic_shared();

// Runs `body` as every thread. Schedules are drawn from `seed`; 0 is in order.
void launch(Index grid, Index block, size_t dynamic_shared, uint64_t seed, const std::function<void()> &body);
// Stops the program with a message that says where.
[[noreturn]] void fail(const std::string &message);
void block_barrier(int line);
// Poisons shared memory at the first mention in each block.
void shared(void *memory, size_t size);
// What the lane `source` of the warp gives; NaN if there is none.
uint64_t shuffle(uint64_t bits, unsigned source);

template <class To, class From> To bits_as(From from) {
    static_assert(sizeof(To) <= 8 && sizeof(From) <= 8, "at most 8 bytes");
    uint64_t bits = 0;
    std::memcpy(&bits, &from, sizeof from);
    To to;
    std::memcpy(&to, &bits, sizeof to);
    return to;
}

template <class T> T shuffle_from(T v, unsigned source) {
    return bits_as<T>(shuffle(bits_as<uint64_t>(v), source));
}
template <class T> T shuffle_xor(T v, unsigned mask) { return shuffle_from(v, lane() ^ mask); }
template <class T> T shuffle_down(T v, unsigned delta) {
    unsigned source = lane() + delta;
    return shuffle_from(v, source < WARP ? source : lane());
}

// An argument of a launch: the address of a value of so many bytes, of 0 if nobody knows.
struct Argument {
    void *value;
    size_t size;
    bool is_pointer;
};

using Thunk = std::function<void(const std::vector<Argument> &)>;

// A kernel, and how many arguments it has.
struct Kernel {
    Thunk thunk;
    size_t arguments;
};

// Enters a kernel in the table that `find` searches.
struct Entry {
    Entry(const char *name, size_t arguments, Thunk thunk);
};
// NULL if there is no such kernel.
const Kernel *find(const std::string &name);

template <class... A> constexpr size_t count(void (*)(A...)) { return sizeof...(A); }

template <class A> decltype(auto) read(const Argument &argument) {
    using Value = std::remove_cv_t<std::remove_reference_t<A>>;
    bool is_known = argument.size != 0;
    if (is_known && (argument.size != sizeof(Value) || argument.is_pointer != std::is_pointer_v<Value>)) {
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
