// The emulator as a program: a request on standard input, its answer on standard output, all
// numbers as in memory:
//
//   buffers: count, then length in bytes and content of each
//   launches: count, then of each: name (length, characters), grid, block, seed, arguments: count, then of each
//     its kind: 0 and the number of a buffer, or 1, a length and that many bytes
//
// The answer is the content of all buffers. Lengths and counts are 32 bits. A buffer is a piece of the heap of exactly its
// length, which a sanitizer guards.
#include "emulator.h"

#include <cstdio>
#include <cstdlib>

namespace {

void read_all(void *to, size_t size) {
    if (std::fread(to, 1, size, stdin) != size) {
        emulator::fail("the request ends early");
    }
}

uint32_t read_number() {
    uint32_t number;
    read_all(&number, sizeof number);
    return number;
}

struct Buffer {
    char *memory;
    uint32_t size;
};

} // namespace

int main() {
    std::vector<Buffer> buffers(read_number());
    for (auto &buffer : buffers) {
        buffer.size = read_number();
        // Aligned as device memory is.
        void *memory = nullptr;
        if (posix_memalign(&memory, 256, buffer.size)) {
            emulator::fail("no memory");
        }
        buffer.memory = static_cast<char *>(memory);
        read_all(buffer.memory, buffer.size);
    }
    uint32_t launches = read_number();
    for (uint32_t l = 0; l < launches; l++) {
        std::string name(read_number(), ' ');
        read_all(&name[0], name.size());
        uint32_t grid = read_number(), block = read_number(), seed = read_number(), count = read_number();
        std::vector<std::vector<char>> values(count);
        std::vector<emulator::Argument> arguments(count);
        for (uint32_t i = 0; i < count; i++) {
            bool is_pointer = read_number() == 0;
            if (is_pointer) {
                char *memory = buffers.at(read_number()).memory;
                values[i].resize(sizeof memory);
                std::memcpy(values[i].data(), &memory, sizeof memory);
            } else {
                values[i].resize(read_number());
                read_all(values[i].data(), values[i].size());
            }
            arguments[i] = {values[i].data(), values[i].size(), is_pointer};
        }
        const emulator::Kernel *kernel = emulator::find(name);
        if (kernel == nullptr || block % emulator::WARP != 0) {
            emulator::fail("there is no kernel " + name + " for blocks of " + std::to_string(block));
        }
        emulator::launch(grid, block, 0, seed, [&] { kernel->thunk(arguments); });
    }
    for (const auto &buffer : buffers) {
        std::fwrite(buffer.memory, 1, buffer.size, stdout);
        std::free(buffer.memory);
    }
    return 0;
}
