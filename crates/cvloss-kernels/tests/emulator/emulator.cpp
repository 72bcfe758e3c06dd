#include "emulator.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <numeric>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__x86_64__)
// Saves what a function must preserve and where it is, and goes on where `to` says. `swapcontext` does the same with two
// calls of the kernel, which would take most of the time of these tests.
extern "C" void emulator_switch(void **save, void *to);
asm(R"(.text
.globl emulator_switch
.type emulator_switch, @function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch, .-emulator_switch
.section .note.GNU-stack, "", @progbits
.text
)");
#endif

namespace emulator {
namespace {

constexpr size_t STACK = 128 << 10;

#if defined(__x86_64__)
using Context = void *;

void switch_to(Context &from, Context &to) { emulator_switch(&from, to); }

void start(Context &context, char *stack, void (*enter)()) {
    void **top = reinterpret_cast<void **>(stack + STACK);
    // Where `enter` would return to, which it does not; where the first switch returns to; and six registers.
    *--top = nullptr;
    *--top = reinterpret_cast<void *>(enter);
    for (int k = 0; k < 6; k++) {
        *--top = nullptr;
    }
    context = top;
}
#else
using Context = ucontext_t;

void switch_to(Context &from, Context &to) { swapcontext(&from, &to); }

void start(Context &context, char *stack, void (*enter)()) {
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, enter, 0);
}
#endif

// The stack of a fiber by its number, kept between launches.
char *stack_of(unsigned number) {
    static std::vector<std::unique_ptr<char[]>> stacks;
    while (stacks.size() <= number) {
        stacks.emplace_back(new char[STACK]);
    }
    return stacks[number].get();
}

struct Warp {
    unsigned live = 0, arrived = 0;
    uint64_t generation = 0;
    uint64_t bits[2][WARP];
    uint32_t present[2];
};

struct Fiber {
    Context context;
    bool is_done = false;
    Index index;
    const char *waits_for = nullptr;
    int line = 0;
};

struct Block {
    Index grid, shape, index;
    unsigned size;
    unsigned live = 0, arrived = 0, current = 0;
    int barrier_line = 0;
    uint64_t generation = 0, progress = 0;
    std::vector<Fiber> fibers;
    std::vector<Warp> warps;
    std::vector<void *> poisoned;
    std::vector<char> dynamic;
    Context scheduler;
    const std::function<void()> *body;

    Fiber &self() { return fibers[current]; }
    Warp &warp() { return warps[current / WARP]; }
};

Block *running = nullptr;

void yield() { switch_to(running->self().context, running->scheduler); }

void enter() {
    (*running->body)();
    running->self().is_done = true;
    running->live--;
    running->warp().live--;
    running->progress++;
    yield();
}

// Starts every thread of the block anew.
void prepare(Block &block) {
    block.live = block.size;
    block.arrived = 0;
    block.poisoned.clear();
    // NaN as a float and as a double.
    std::fill(block.dynamic.begin(), block.dynamic.end(), char(0xff));
    for (auto &warp : block.warps) {
        warp = Warp{};
    }
    for (unsigned i = 0; i < block.size; i++) {
        Fiber &fiber = block.fibers[i];
        fiber.is_done = false;
        fiber.waits_for = nullptr;
        start(fiber.context, stack_of(i), enter);
        block.warps[i / WARP].live++;
    }
}

} // namespace

Index thread_index() { return running->self().index; }
Index block_index() { return running->index; }
Index block_size() { return running->shape; }
Index grid_size() { return running->grid; }
unsigned lane() { return running->current % WARP; }
void *dynamic_shared() { return running->dynamic.data(); }

void fail(const std::string &message) {
    std::fprintf(stderr, "emulator: %s", message.c_str());
    if (running) {
        Index index = running->index;
        std::fprintf(stderr, " in block %u, %u, %u", index.x, index.y, index.z);
        unsigned shown = 0;
        for (unsigned i = 0; i < running->size && shown < 8; i++) {
            const Fiber &fiber = running->fibers[i];
            if (!fiber.is_done && fiber.waits_for) {
                std::fprintf(stderr, "\n  thread %u waits for %s, line %d", i, fiber.waits_for, fiber.line);
                shown++;
            }
        }
    }
    std::fprintf(stderr, "\n");
    std::_Exit(3);
}

void block_barrier(int line) {
    Block &block = *running;
    if (block.live != block.size) {
        fail("a barrier is reached after other threads of the block are done");
    }
    if (block.arrived && block.barrier_line != line) {
        fail("threads of one block are at different barriers");
    }
    block.barrier_line = line;
    uint64_t generation = block.generation;
    if (++block.arrived == block.live) {
        block.arrived = 0;
        block.generation++;
        block.progress++;
        return;
    }
    Fiber &fiber = block.self();
    fiber.waits_for = "a barrier";
    fiber.line = line;
    while (block.generation == generation) {
        yield();
    }
    fiber.waits_for = nullptr;
}

void shared(void *memory, size_t size) {
    auto &poisoned = running->poisoned;
    if (std::find(poisoned.begin(), poisoned.end(), memory) == poisoned.end()) {
        poisoned.push_back(memory);
        std::memset(memory, 0xff, size);
    }
}

uint64_t shuffle(uint64_t bits, unsigned source) {
    Block &block = *running;
    Warp &warp = block.warp();
    unsigned buffer = warp.generation & 1;
    uint64_t generation = warp.generation;
    if (warp.arrived == 0) {
        warp.present[buffer] = 0;
    }
    warp.bits[buffer][lane()] = bits;
    warp.present[buffer] |= 1u << lane();
    // Lanes that are done give nothing.
    if (++warp.arrived == warp.live) {
        warp.arrived = 0;
        warp.generation++;
        block.progress++;
    } else {
        Fiber &fiber = block.self();
        fiber.waits_for = "a shuffle";
        while (warp.generation == generation) {
            yield();
        }
        fiber.waits_for = nullptr;
    }
    bool is_there = source < WARP && (warp.present[buffer] >> source & 1);
    return is_there ? warp.bits[buffer][source] : ~uint64_t{0};
}

void launch(Index grid, Index shape, size_t dynamic_shared, uint64_t seed, const std::function<void()> &body) {
    size_t size = shape.count();
    if (size == 0 || size > 1024 || grid.count() == 0) {
        fail("a launch of " + std::to_string(grid.count()) + " blocks of " + std::to_string(size) + " threads");
    }
    auto block = std::make_unique<Block>();
    block->grid = grid;
    block->shape = shape;
    block->size = unsigned(size);
    block->body = &body;
    block->dynamic.resize(dynamic_shared);
    block->fibers.resize(size);
    for (unsigned i = 0; i < size; i++) {
        block->fibers[i].index = {i % shape.x, i / shape.x % shape.y, i / (shape.x * shape.y)};
    }
    block->warps.resize((size + WARP - 1) / WARP);
    running = block.get();
    std::vector<unsigned> order(size), blocks(grid.count());
    std::iota(order.begin(), order.end(), 0u);
    std::iota(blocks.begin(), blocks.end(), 0u);
    uint64_t state = seed * 0x9E3779B97F4A7C15ull + 1;
    auto shuffle = [&](std::vector<unsigned> &items) {
        for (size_t i = items.size() - 1; seed && i > 0; i--) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            std::swap(items[i], items[state % (i + 1)]);
        }
    };
    shuffle(blocks);
    for (unsigned i : blocks) {
        block->index = {i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y)};
        prepare(*block);
        while (block->live) {
            uint64_t before = block->progress;
            shuffle(order);
            for (unsigned thread : order) {
                if (!block->fibers[thread].is_done) {
                    block->current = thread;
                    switch_to(block->scheduler, block->fibers[thread].context);
                }
            }
            if (block->progress == before && block->live) {
                fail("a deadlock: not all threads reach a barrier or a shuffle");
            }
        }
    }
    running = nullptr;
}

namespace {
std::map<std::string, Kernel> &table() {
    static std::map<std::string, Kernel> kernels;
    return kernels;
}
} // namespace

Entry::Entry(const char *name, size_t arguments, Thunk thunk) { table()[name] = {std::move(thunk), arguments}; }

const Kernel *find(const std::string &name) {
    auto found = table().find(name);
    return found == table().end() ? nullptr : &found->second;
}

} // namespace emulator
